"""A file that is read in pieces says what it says when it is read whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops.yaml.blocks import Blocks
from gitops.yaml.document import read

PIN, OTHER = "c0ffee" + "1" * 34, "12" * 31 + "fa"
SPACES = "    "
ONE = f"  one:\n    commit: {PIN}   # 2026-01-01 'why'\n"
TWO = f"  two:\n    commit: {OTHER}\n    text: |\n      a\n"
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
    *(f"{SPACES}commit: {PIN}\n", f"{SPACES}commit: {OTHER}  # {PIN}\r\n", "    more\n", "# x\n"),
    *(f"environments:\n{ONE}", f"environments:\n{TWO}", f"checks:\n  c: |\n{ONE}", ONE, TWO),
    *(f"environments: {{x: {{commit: {PIN}\n  }}\n}}\n", f"{SPACES}commit: stand-in-1\n"),
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
    assert typed(found.value) == typed(whole.value)


@given(TEXTS, st.text("0123456789abcdef", min_size=40, max_size=40))
@example(f"version: 1\nenvironments:\n{ONE}{TWO}", "1" * 40)
@example(f"version: 1\nenvironments:\n{ONE}{TWO}", "1e" + "5" * 38)
@example(f"version: 1\nenvironments:\n{ONE}", "c" * 40)
@example(
    f"version: 1\nenvironments:\n  a: {{commit: {PIN}}}\nchecks:\n  a: |\n    commit: {PIN}\n",
    "a" * 40,
)
def test_a_file_that_differs_in_its_pins_says_what_it_says_when_it_is_read_whole(
    text: str, pin: str
) -> None:
    blocks = Blocks()
    blocks.read(text.encode())
    for other in (text.replace(PIN, pin), text.replace(OTHER, pin), text):
        found = blocks.read(other.encode())
        if found is not None:
            whole = read("f", other.encode())
            whole.confirm()
            assert not whole.faults
            assert typed(found.value) == typed(whole.value)


def test_files_that_differ_in_their_pins_share_their_blocks() -> None:
    blocks = Blocks()
    text = f"version: 1\nenvironments:\n{ONE}{TWO}"
    one = blocks.read(text.encode())
    other = blocks.read(text.replace(PIN, "d" * 40).replace("why", "another reason").encode())
    assert one is not None
    assert other is not None
    assert one.blocks == other.blocks
    assert one.pins == {"one": PIN, "two": OTHER}
    assert other.pins == {"one": "d" * 40, "two": OTHER}
    assert other.value["environments"] == {
        "one": {"commit": "d" * 40},
        "two": {"commit": OTHER, "text": "a\n"},
    }


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
