"""Schedules as values: when two are the same, when one covers another, and what goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gitops.emulator.world.schedule import Schedule, Schedules, active
from gitops.state.back import put_back
from gitops.state.differences import (
    Origins,
    asked_for,
    changed_by,
    differences,
    flatten,
    with_changes,
)
from gitops.state.live import AuditEntry
from gitops.state.schedules import WEEKDAYS, comparable, covers
from gitops.state.settings import Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY: dict[str, Any] = {
    "enabled": True,
    "cadence": "DAILY",
    "weekdays": ["MONDAY", "TUESDAY"],
    "start_hour": 8,
    "start_minute": 0,
    "end_hour": 18,
    "end_minute": 0,
    "timezone": "UTC",
    "autoscaling": {"min_replica": 2, "max_replica": 4},
}
SALE: dict[str, Any] = {
    "enabled": True,
    "cadence": "ONE_TIME",
    "start_at": "2026-11-22T12:30:00+00:00",
    "end_at": "2026-11-22T13:30:00+00:00",
    "timezone": "UTC",
    "autoscaling": {"min_replica": 2, "max_replica": 4},
}


def minutes(count: int) -> datetime:
    return NOW + timedelta(minutes=count)


def test_order_nulls_and_ids_are_no_difference() -> None:
    other = {**DAY, "id": "x", "weekdays": ["TUESDAY", "MONDAY"]}
    other["autoscaling"] = {"max_replica": 4, "min_replica": 2, "concurrency_target": None}
    assert comparable(other) == comparable(DAY)
    other["autoscaling"] = {**DAY["autoscaling"], "concurrency_target": 5}
    assert comparable(other) != comparable(DAY)


@st.composite
def recurring(draw: st.DrawFn) -> dict[str, Any]:
    hour, minute = st.sampled_from([0, 1, 8, 22, 23]), st.sampled_from([0, 1, 30, 59])
    daily = draw(st.booleans())
    hours = daily or draw(st.booleans())
    made: dict[str, Any] = {
        **DAY,
        "cadence": "DAILY" if daily else "HOURLY",
        "weekdays": draw(st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True)),
        "start_minute": draw(minute),
        "end_minute": draw(minute),
        "start_hour": draw(hour) if hours else None,
        "end_hour": draw(hour) if hours else None,
    }
    return made


@given(recurring(), recurring(), st.lists(st.integers(0, 7 * 24 * 60 - 1), max_size=60))
def test_what_covers_another_is_in_force_whenever_that_is(
    one: dict[str, Any], other: dict[str, Any], at: list[int]
) -> None:
    def holds(schedule: dict[str, Any], minute: int) -> bool:
        given = {key: it for key, it in schedule.items() if key not in {"autoscaling", "timezone"}}
        made = Schedule(id="a", name="a", created_at=0, settings={}, **given)
        moment = minutes(minute).timestamp()
        return active(Schedules(timezone="UTC", items=(made,)), moment) is not None

    wide = {**other, "weekdays": list(WEEKDAYS)}
    assert covers(wide, other)
    for minute in at:
        assert not holds(other, minute) or holds(wide, minute)
        if covers(one, other):
            assert not holds(other, minute) or holds(one, minute)


def test_one_window_covers_what_lies_in_it() -> None:
    shorter = {**SALE, "end_at": "2026-11-22T14:00:00+01:00"}
    assert covers(SALE, shorter)
    assert not covers(shorter, SALE)
    assert not covers(DAY, SALE)
    assert not covers({**DAY, "timezone": "Europe/Berlin", "start_hour": 0}, DAY)


def test_what_has_opened_is_changed_but_not_made_any_more() -> None:
    wanted = Settings(schedules={"sale": SALE})
    none, longer = Settings(schedules={}), {**SALE, "end_at": "2026-11-22T13:00:00Z", "id": "s"}
    assert [each.path for each in differences(wanted, none, now=NOW)] == ["schedules.sale"]
    assert differences(wanted, none, now=minutes(30)) == ()
    other = Settings(schedules={"sale": longer})
    assert len(differences(wanted, other, now=minutes(45))) == 1
    assert differences(wanted, other, now=minutes(90)) == ()
    # In force and not named: it goes. Past: it may stay.
    assert len(differences(none, wanted, now=minutes(45))) == 1
    assert differences(none, wanted, now=minutes(90)) == ()


def test_what_a_person_adds_to_a_managed_set_is_drift() -> None:
    live = Settings(schedules={"day": {**DAY, "id": "s"}})
    entry = AuditEntry(
        id="a",
        at=NOW,
        event_type="ENVIRONMENT_UPDATED",
        actor="rui@example.com",
        source="UI",
        data={
            "previous_settings": {},
            "schedules": [
                {"action": "UNCHANGED", "previous": {"schedule_name": "other"}},
                {"action": "CREATED", "previous": None, "current": {"schedule_name": "day"}},
            ],
        },
    )
    for before in (Settings(schedules={}), Settings(schedules={"other": DAY})):
        origins = Origins(asked=asked_for(before, NOW))
        (change,) = differences(Settings(schedules={}), live, now=NOW, origins=origins)
        assert change.origin == "drift"
    assert changed_by("schedules.day", (entry,)) is entry
    unmanaged = Origins(asked=asked_for(Settings(), NOW))
    (change,) = differences(Settings(schedules={}), live, now=NOW, origins=unmanaged)
    assert change.origin == "release"
    renamed = Settings(schedules={"other": {**DAY, "start_hour": 1}})
    asked = Origins(asked=asked_for(Settings(schedules={"other": DAY}), NOW))
    (change,) = differences(Settings(schedules={"other": DAY}), renamed, now=NOW, origins=asked)
    assert change.origin == "drift"
    assert changed_by("schedules.other", (entry,)) is None


def test_schedules_go_back_with_a_release_while_they_can() -> None:
    was = {"day": {**DAY, "id": "1"}, "sale": {**SALE, "id": "2"}}
    before = flatten(Settings(schedules=was))
    wanted = Settings(schedules={"day": {**DAY, "start_hour": 9}, "new": DAY})
    after = {**flatten(wanted), "schedules.sale": None}
    changes = put_back(before, after, wanted, NOW)
    assert [(each.path, each.after) for each in changes] == [
        ("schedules.day", DAY),
        ("schedules.new", None),
        ("schedules.sale", SALE),
    ]
    restored = with_changes(wanted, changes)
    assert flatten(restored) == before
    assert put_back(before, after, restored, NOW) == ()
    # Baseten makes nothing that has begun already.
    late = put_back(before, after, wanted, minutes(45))
    assert [each.path for each in late] == ["schedules.day", "schedules.new"]
    # What somebody made of it since is theirs.
    theirs = Settings(schedules={"day": {**DAY, "start_hour": 11}, "sale": SALE})
    assert put_back(before, after, theirs, NOW) == ()
