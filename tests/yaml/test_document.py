"""YAML 1.2 with positions: both ways of reading agree, and nothing hostile gets through."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops.yaml.compose import compose, decode
from gitops.yaml.document import read
from gitops.yaml.quick import quick
from gitops.yaml.scalars import plain

SCALARS = {
    "": None, "~": None, "null": None, "Null": None, "true": True, "True": True, "FALSE": False,
    "yes": "yes", "No": "No", "on": "on", "0": 0, "12": 12, "-3": -3, "+4": 4, "0o17": 15,
    "017": 17, "0x1F": 31, "0b11": "0b11", "1_000": "1_000", "1.5": 1.5, ".5": 0.5, "5.": 5.0,
    "1e3": 1000.0, "-1.5E-2": -0.015, "1e": "1e", "+": "+", "-": "-", ".": ".", "0xG": "0xG",
    "12:30": "12:30", "2026-11-20": "2026-11-20", "4be1c02f": "4be1c02f", "1.2.3": "1.2.3",
}  # fmt: skip


@pytest.mark.parametrize("text", SCALARS)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str) -> None:
    found = plain(text)
    assert found == SCALARS[text]
    assert type(found) is type(SCALARS[text])


TEXTS = st.text(
    alphabet=st.sampled_from("ab01289.-+eEoxb:,[]{}#&*!|>'\"%@`?~ \n\t\u00e9\u2028\u0085\ufeff=<_"),
    max_size=40,
)
LINES = st.lists(
    st.sampled_from(
        [
            *("a: 1", "b: [1, 2]", "c: {x: y}", "- 1", "  d: 017", "  e: 0b1", "a: 1", "'a': 2"),
            *(
                "f: 1e5",
                "g: .inf",
                "h: 12345678901234567890123",
                "i: |\n   text",
                "j: >-\n  a\n  b",
            ),
            *(
                "k: 0x1f",
                "1: a",
                "? x",
                ": y",
                "l: 'it''s'",
                'm: "\\u00e9"',
                "n: - 1",
                "---",
                "...",
            ),
            *("o: &a 1", "p: *a", "q: !!str 1", "%YAML 1.1", "<<: {a: 1}", "r: 0o7", "s: -0.0"),
            *("t: 2026-11-20", "u: yes", "# comment: 1", "  # 09:00", "v: []", "w: ''", "x:", "-"),
        ]
    ),
    max_size=6,
).map("\n".join)


@given(st.one_of(TEXTS, LINES))
@example("a: [0b11, 010]")
@example("a: 1.7976931348623157e+309")
@example("a: -9223372036854775809")
def test_what_is_read_quickly_is_read_the_same_with_positions(text: str) -> None:
    trusted, value = quick(text.encode())
    if not trusted or value is None:
        return
    root, faults = compose(text)
    if any(type(key) is not str for key in _keys(value)) or "inf" in repr(_typed(value)):
        # Told of by the strict way, which is asked because the language refuses such values.
        assert faults
        return
    assert not faults
    assert root is not None
    assert _typed(root.value) == _typed(value)


def _keys(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in _keys(each))]
    return [key for each in value for key in _keys(each)] if isinstance(value, list) else []


def _typed(value: Any) -> Any:
    """A value with its types, so that 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: _typed(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    return (type(value).__name__, value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs", "Cc", "Co", "Cn"], max_codepoint=0xFFFD)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcdef<", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_json_is_yaml(value: Any) -> None:
    document = read("f", json.dumps(value, ensure_ascii=False).encode())
    document.confirm()
    if document.faults:
        # Two things that JSON has and we refuse: the key that merges, and absurd numbers.
        assert all("<<" in each.message or "number" in each.message for each in document.faults)
        return
    assert document.value == value


@given(st.binary(max_size=200) | TEXTS.map(str.encode))
def test_no_bytes_are_an_exception(data: bytes) -> None:
    document = read("f", data)
    document.confirm()
    assert document.faults or document.root is not None


@given(JSON.filter(lambda value: isinstance(value, dict | list)))
def test_every_value_stands_where_it_is_said_to(value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False)
    document = read("f", text.encode())
    rows = text.split("\n")
    for path, each in _leaves(value, ()):
        if any("<<" in str(step) for step in path):
            continue
        place = document.where(path)
        if document.faults:
            return
        assert rows[place.line - 1][place.column - 1 :].startswith(
            json.dumps(each, ensure_ascii=False)
        )


def _leaves(value: Any, path: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for i, each in enumerate(value) for leaf in _leaves(each, (*path, i))]
    return [(path, value)] if not isinstance(value, dict | list) else []


HOSTILE = {
    "brackets": "[" * 500_000,
    "braces": "{a: " * 200_000,
    "brackets in quotes": '[ "]", ' * 100_000,
    "dashes": "- " * 400_000,
    "question marks": "? " * 400_000,
    "indentation": "".join(" " * depth + "a:\n" for depth in range(1300)),
    "a long key": "a" * 900_000 + ": 1",
    "a long number": "a: " + "1" * 900_000,
    "a long float": "a: " + "1" * 900_000 + ".5e3",
    "many documents": "---\n" * 200_000,
    "many anchors": "".join(f"- &a{i} x\n" for i in range(50_000)),
    "many aliases": "a: &a [1]\nb: [" + "*a, " * 200_000 + "]",
    "laughs": "a: &a [x, x]\n" + "".join(f"a{i}: &a [*a, *a]\n" for i in range(60)),
    "many tags": "- !!python/object/apply:os.system [ls]\n" * 20_000,
    "a directive": "%TAG ! tag:evil,2000:\n---\n!x y",
    "many comments": "#\n" * 500_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_a_problem_and_nothing_worse(name: str) -> None:
    text = HOSTILE[name]
    document = read("f", text.encode())
    document.confirm()
    assert document.faults or document.root is None or document.root.size <= 100_000


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    document = read("f", b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: x\r\n")
    assert document.value == {"a": 1, "b": {"c": "x"}}
    assert str(document.where(("b", "c"))) == "f:3:6"


def test_a_missing_value_is_placed_at_what_should_hold_it() -> None:
    document = read("f", b"a:\n  b:\n    c: 1\n")
    assert str(document.where(("a", "b", "d"))) == "f:2:3"
    assert str(document.where(("z",))) == "f:1:1"


def test_text_that_is_not_utf_8_is_placed() -> None:
    _, fault = decode("a: é\nb: ".encode() + b"\xff")
    assert fault is not None
    assert (fault.line, fault.column) == (2, 4)
