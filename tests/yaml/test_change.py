"""Keys are set, added and removed inside a file; all bytes that do not say it stay."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.yaml.change import with_text, with_value, without
from gitops.yaml.document import read
from gitops.yaml.edit import NotEditable
from gitops.yaml.write import flow
from tests.yaml.layouts import layout

FILE = """\
version: 1
environments:
  staging:
    autoscaling: {min_replica: 0, max_replica: 1}   # low
    backpressure: &bp
      policy: QUEUE
  production:   # main
    commit: HEAD # pin
    # scale
    autoscaling: &scale
      min_replica: 2   # two
      max_replica: 10

    promotion: {
      rolling_deploy: true,
      ramp: 'slow',   # for now
    }
    schedules:
      nights:   # quiet
        cadence: DAILY
        weekdays:
          - MONDAY
          - TUESDAY   # the second
        autoscaling: {min_replica: 0, max_replica: 1}
  canary:
    autoscaling: *scale
    backpressure: *bp
  mirror:
    autoscaling: *scale
# end
"""
PRODUCTION = ("environments", "production")
CANARY = ("environments", "canary")


def changed(text: str, done: bytes | NotEditable) -> list[str]:
    """The lines that went and came, as a diff without context."""
    assert isinstance(done, bytes), done
    rows = difflib.unified_diff(text.splitlines(), done.decode().splitlines(), lineterm="", n=0)
    return [row for row in list(rows)[2:] if not row.startswith("@@")]


def put(keys: tuple[str, ...], value: Any, text: str = FILE) -> list[str]:
    return changed(text, with_value(read("a.yaml", text.encode()), keys, value))


def drop(keys: tuple[str, ...], text: str = FILE) -> list[str]:
    return changed(text, without(read("a.yaml", text.encode()), keys))


def test_a_value_is_changed_where_it_stands() -> None:
    assert put(("environments", "staging", "autoscaling", "max_replica"), 3) == [
        "-    autoscaling: {min_replica: 0, max_replica: 1}   # low",
        "+    autoscaling: {min_replica: 0, max_replica: 3}   # low",
    ]
    assert put((*PRODUCTION, "promotion", "ramp"), "it's fast") == [
        "-      ramp: 'slow',   # for now",
        "+      ramp: 'it''s fast',   # for now",
    ]
    assert put((*PRODUCTION, "promotion", "rolling_deploy"), True) == []


def test_a_new_key_goes_behind_the_last_one_of_its_map() -> None:
    assert put((*PRODUCTION, "promotion", "extra"), 5) == ["+      extra: 5,"]
    assert put(("environments", "staging", "autoscaling", "delay"), 60) == [
        "-    autoscaling: {min_replica: 0, max_replica: 1}   # low",
        "+    autoscaling: {min_replica: 0, max_replica: 1, delay: 60}   # low",
    ]
    assert put(
        (*PRODUCTION, "schedules", "days"), {"cadence": "DAILY", "autoscaling": {"a": 1}}
    ) == [
        "+      days:",
        "+        cadence: DAILY",
        "+        autoscaling:",
        "+          a: 1",
    ]
    assert put(("environments", "mirror", "promotion", "deep", "er"), "yes") == [
        "+    promotion:",
        "+      deep:",
        '+        er: "yes"',
    ]


def test_of_a_map_only_what_differs_is_touched() -> None:
    new = {
        "cadence": "DAILY",
        "weekdays": ["MONDAY", "FRIDAY", "SUNDAY"],
        "autoscaling": {"min_replica": 1, "max_replica": 1},
        "timezone": "UTC",
    }
    assert put((*PRODUCTION, "schedules", "nights"), new) == [
        "-          - TUESDAY   # the second",
        "-        autoscaling: {min_replica: 0, max_replica: 1}",
        "+          - FRIDAY",
        "+          - SUNDAY   # the second",
        "+        autoscaling: {min_replica: 1, max_replica: 1}",
        "+        timezone: UTC",
    ]


def test_a_key_that_goes_takes_its_lines_along() -> None:
    assert drop((*PRODUCTION, "promotion", "ramp")) == ["-      ramp: 'slow',   # for now"]
    assert drop(("environments", "staging", "autoscaling", "min_replica")) == [
        "-    autoscaling: {min_replica: 0, max_replica: 1}   # low",
        "+    autoscaling: {max_replica: 1}   # low",
    ]
    assert drop((*PRODUCTION, "schedules", "nights"))[-1] == "+    schedules: {}"
    assert drop((*PRODUCTION, "nothing")) == []


def test_an_alias_is_written_out_where_it_is_to_differ() -> None:
    assert put((*CANARY, "autoscaling", "max_replica"), 3) == [
        "-    autoscaling: *scale",
        "+    autoscaling: {min_replica: 2, max_replica: 3}",
    ]
    assert drop((*CANARY, "autoscaling", "min_replica")) == [
        "-    autoscaling: *scale",
        "+    autoscaling: {max_replica: 10}",
    ]


def test_an_anchor_moves_to_its_first_alias_where_its_value_changes() -> None:
    assert put((*PRODUCTION, "autoscaling", "max_replica"), 3) == [
        "-    autoscaling: &scale",
        "+    autoscaling:",
        "-      max_replica: 10",
        "+      max_replica: 3",
        "-    autoscaling: *scale",
        "+    autoscaling: &scale {min_replica: 2, max_replica: 10}",
    ]
    # With one alias there is nothing left to share.
    assert put(("environments", "staging", "backpressure", "policy"), None)[-1] == (
        "+    backpressure: {policy: QUEUE}"
    )


def test_a_text_behind_an_alias_is_written_where_it_is_asked_for() -> None:
    text = "a: &it\n  commit: one\n  deep: {er: 1}\nb: *it   # b\n"
    document = read("a.yaml", text.encode())
    assert changed(text, with_text(document, ("b", "commit"), "two")) == [
        "-b: *it   # b",
        "+b: {commit: two, deep: {er: 1}}   # b",
    ]
    assert changed(text, with_text(document, ("a", "commit"), "two", comment="why")) == [
        "-a: &it",
        "-  commit: one",
        "+a:",
        "+  commit: two   # why",
        "-b: *it   # b",
        "+b: {commit: one, deep: {er: 1}}   # b",
    ]


def test_a_comment_goes_behind_a_new_line_of_its_own() -> None:
    document = read("a.yaml", FILE.encode())
    done = with_value(document, (*CANARY, "commit"), "abc", comment='2026-11-20 "Why"')
    assert changed(FILE, done) == ['+    commit: abc   # 2026-11-20 "Why"']


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_line_ends_and_byte_order_marks_stay(end: str, bom: str, last: str) -> None:
    text = bom + f"a:\n  b: 1   # ü\n  c: 2{last}".replace("\n", end)
    document = read("a.yaml", text.encode())
    assert with_value(document, ("a", "b"), 7) == text.replace("b: 1", "b: 7").encode()
    added = text + f"{'' if last else end}  d: 3{last.replace(chr(10), end)}"
    assert with_value(document, ("a", "d"), 3) == added.encode()
    assert without(document, ("a", "b")) == text.replace(f"  b: 1   # ü{end}", "").encode()


def test_a_commit_id_that_looks_like_a_number_is_no_hindrance() -> None:
    text = f"a: {'9' * 64}\nb: {{c: 1}}\n"
    assert put(("b", "c"), 2, text) == ["-b: {c: 1}", "+b: {c: 2}"]
    assert drop(("b", "c"), text) == ["-b: {c: 1}", "+b: {}"]


@pytest.mark.parametrize(
    ("text", "keys", "reason"),
    [
        ("a: |\n  text\n", ("a",), "several lines"),
        ("a:\n  b:\n    c: 1\n", ("a", "b"), "several lines"),
        ("a: [\n", ("a",), "cannot be read"),
        ("a: text\n", ("a", "b"), "no map"),
        ("a: {b: &x 1, c: {d: *x, e: &x 2}, f: *x}\n", ("a", "c"), "anchor"),
    ],
)
def test_what_cannot_be_written_in_place_is_left_alone(
    text: str, keys: tuple[str, ...], reason: str
) -> None:
    found = with_value(read("a.yaml", text.encode()), keys, 5)
    assert isinstance(found, NotEditable)
    assert reason in found.reason


# Any file

KEYS = st.sampled_from(["a", "b", "max_replica", "Nights", "x y", "on"])
SCALARS = st.one_of(
    st.integers(-5, 5),
    st.booleans(),
    st.none(),
    st.sampled_from([0.5, 1.5, 1e-07]),
    st.sampled_from(
        ["text", "no", "1", "", "a: b", "# c", "it's", 'a "b"', "ü", "\x85", "~", "\\"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.dictionaries(KEYS, below, max_size=4) | st.lists(SCALARS, max_size=3),
    max_leaves=10,
)
MAPS = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Any]:
    """A file in mixed style: blocks and braces, comments and empty lines, either line end."""
    value = draw(MAPS)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    rows = layout(draw, value)
    return end.join(rows) + draw(st.sampled_from(["", end])), value


def _found(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key, {}) if isinstance(value, Mapping) else None
    return value


def _at(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value[key]
    return value


@given(file=written(), data=st.data())
def test_what_is_written_is_read_and_nothing_else_changes(
    file: tuple[str, Any], data: st.DataObject
) -> None:
    text, value = file
    document = read("a.yaml", text.encode())
    assert document.value == value
    keys = tuple(data.draw(st.lists(KEYS, min_size=1, max_size=3)))
    # Of a value that is no map nothing can be below.
    while len(keys) > 1 and not isinstance(_found(value, keys[:-1]), Mapping):
        keys = keys[:-1]
    new = data.draw(VALUES)
    done = with_value(document, keys, new)
    if isinstance(done, NotEditable):
        assert done.reason in {"it is written over several lines", "it is no map of keys to values"}
        return
    again = read("a.yaml", done)
    assert _at(again.value, keys) == new
    if _found(value, keys[:-1]) or len(keys) == 1:
        assert _without(again.value, keys) == _without(value, keys)
    gone = without(again, keys)
    if isinstance(gone, NotEditable):
        return
    assert read("a.yaml", gone).value == _without(again.value, keys)


@given(
    shared=MAPS,
    own=MAPS,
    where=st.sampled_from([("anchored",), ("alias",), ("list", "of"), ("anchored", "b")]),
    key=KEYS,
    new=VALUES,
    block=st.booleans(),
)
def test_what_is_shared_by_an_anchor_stays_as_it_is_elsewhere(
    *,
    shared: dict[str, Any],
    own: dict[str, Any],
    where: tuple[str, ...],
    key: str,
    new: Any,
    block: bool,
) -> None:
    head = "anchored: &it"
    below = [f"  {flow(name)}: {flow(value)}   # note" for name, value in shared.items()]
    rows = [head, *below] if block else [f"{head} {flow(shared)}"]
    rows += ["alias: *it", f"own: {flow(own)}", "list: {of: *it, more: [*it]}", "last: *it"]
    document = read("a.yaml", "\n".join(rows).encode())
    keys = (*where, key)
    if not isinstance(_found(document.value, where), Mapping):
        return
    done = with_value(document, keys, new)
    if isinstance(done, NotEditable):
        assert done.reason == "it is written over several lines"
        return
    assert read("a.yaml", done).value == _put(document.value, keys, new)
    gone = without(document, keys)
    if not isinstance(gone, NotEditable):
        assert read("a.yaml", gone).value == _without(document.value, keys)


def _put(value: Any, keys: tuple[str, ...], new: Any) -> Any:
    if not keys:
        return new
    found = dict(value) if isinstance(value, Mapping) else {}
    return {**found, keys[0]: _put(found.get(keys[0]), keys[1:], new)}


@given(file=written(), data=st.data())
def test_a_scalar_for_a_scalar_changes_one_line(file: tuple[str, Any], data: st.DataObject) -> None:
    text, value = file
    scalars = [key for key, it in value.items() if not isinstance(it, Mapping | list)]
    if not scalars:
        return
    key = data.draw(st.sampled_from(scalars))
    done = with_value(read("a.yaml", text.encode()), (key,), data.draw(SCALARS))
    assert isinstance(done, bytes)
    old, new = text.split("\n"), done.decode().split("\n")
    assert len(old) == len(new)
    assert sum(one != other for one, other in zip(old, new, strict=True)) <= 1


def _without(value: Any, keys: tuple[str, ...]) -> Any:
    head, *rest = keys
    if not rest:
        return {key: it for key, it in value.items() if key != head}
    return {
        key: _without(it, tuple(rest)) if key == head and isinstance(it, Mapping) else it
        for key, it in value.items()
    }
