"""Entries as anybody may have written them, who may push the refs of the log."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.record import lock_json
from gitops.record.entry import Entry, Event, from_json, to_json

GOOD = to_json(
    Entry(at=datetime(2026, 11, 20, tzinfo=UTC), event=Event.RELEASED, environment="production")
)
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([10**400, -(10**400), "2026-01-01", "9999-12-31T23:59:59-23:59", "released"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), ANY, max_size=4))
def test_whatever_is_written_is_an_entry_or_said_to_be_none(changed: dict[str, object]) -> None:
    with contextlib.suppress(ValueError):
        found = from_json({**GOOD, **changed}, entry_id="1")  # type: ignore[dict-item]
        assert isinstance(found.at, datetime)


@pytest.mark.parametrize("seconds", [10**400, -(10**400)])
def test_a_number_that_no_float_holds_is_none(seconds: int) -> None:
    assert from_json({**GOOD, "seconds": seconds}, entry_id="1").seconds is None


HELD = {
    "format_version": "1",
    "holder": {"run": "r", "since": "2026-01-01T00:00:00Z"},
    "at": "2026-01-01T00:00:00Z",
    "lease": 60,
}


@given(st.dictionaries(st.sampled_from([*HELD, "ended", "branch", "applied_commit"]), ANY))
def test_whatever_is_written_is_a_lock_or_said_to_be_none(changed: dict[str, object]) -> None:
    with contextlib.suppress(ValueError):
        assert lock_json.from_json({**HELD, **changed}).lease > 0  # type: ignore[dict-item]
