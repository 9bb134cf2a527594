"""A file that is read in pieces says what it says when it is read whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops.yaml.blocks import Blocks
from gitops.yaml.document import read

HEADS = ("version: 1\n", "# why\n\nversion: 1\nmodel: m\n", "a: 'b\n", "a: [1,\n", "a: |\n  x\n\n")
ODD = (
    *(" a: 1\n", "{a: 1,\n", "- 1\n", "? a\n", "a\n", "\n", '# c\r a: "\n', "# \u2028 a: 1\n"),
    *(
        "a: &x 1\n",
        "---\n",
        "a:\n- 1\n",
        "a: >+\n  x\n\n\n",
        "a: b\n  c\n",
        "a: !!str\n",
        "\ta: 1\n",
    ),
)
REST = (
    *("environments:\n  one: {commit: HEAD}\n", "environments: {}\n", "checks:\n  c: {runs: 1}\n"),
    *("checks: |\n  text\n", "checks:\n", "checks: [\n", "checks: '\n", "]\n", "'\n", "}\n", '"\n'),
    *("environments:one\n", "  two: 2\n", "# end\n", "timeouts: {build: 1h}\n", "...\n", "a: 2\n"),
)
TEXTS = st.tuples(
    st.sampled_from((*HEADS, *ODD)), st.lists(st.sampled_from((*REST, *ODD, *HEADS)), max_size=6)
).map(lambda parts: parts[0] + "".join(parts[1]))


def typed(value: Any) -> Any:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [typed(each) for each in value]
    return (type(value).__name__, value)


@given(TEXTS)
@example(" a: 1\nenvironments:\n  one: {}\n")
@example("a: '\nchecks: '\n")
@example("a: [1,\nchecks: 2]\n")
@example("version: 1\nchecks: {}\nchecks: {}\n")
@example("version: 1\nenvironments: {}\nchecks: {}\nenvironments: {}\n")
def test_pieces_are_the_whole(text: str) -> None:
    found = Blocks().read(text.encode())
    if found is None:
        return
    whole = read("f", text.encode())
    whole.confirm()
    assert not whole.faults
    assert typed(found[0]) == typed(whole.value)


def test_files_share_the_values_of_equal_blocks() -> None:
    blocks = Blocks()
    rest = "environments:\n  staging: {commit: HEAD}\nchecks:\n  smoke: {request: 1}\n"
    one = read("one.yaml", f"version: 1\nmodel: one\n{rest}".encode(), blocks)
    two = read("two.yaml", f"version: 1\nmodel: two\n{rest}".encode(), blocks)
    assert isinstance(one.value, dict)
    assert isinstance(two.value, dict)
    assert (one.value["model"], two.value["model"]) == ("one", "two")
    assert one.value["environments"] is two.value["environments"]
    assert one.blocks == two.blocks
    assert two.where(("environments", "staging", "commit")).line == 4


@pytest.mark.parametrize(
    "text",
    [
        "version: 1\nenvironments: {}\nenvironments: {}\n",
        "version: 1\nenvironments:\n  a: {commit: 1\nchecks: {}\n",
        "version: 1\nmodel: m\n",
    ],
)
def test_what_cannot_be_cut_is_read_whole(text: str) -> None:
    assert Blocks().read(text.encode()) is None
    cut, whole = read("f", text.encode(), Blocks()), read("f", text.encode())
    assert (cut.value, cut.faults) == (whole.value, whole.faults)
