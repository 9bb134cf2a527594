"""Settings that differ, where the difference comes from, and who made it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.state.differences import (
    Origins,
    changed_by,
    differences,
    flatten,
    no_longer_managed,
    same,
)
from gitops.state.json import Json
from gitops.state.live import AuditEntry
from gitops.state.settings import Change, Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def scaled(**fields: Json) -> Settings:
    return Settings(autoscaling=fields)


def paths(desired: Settings, live: Settings) -> list[str]:
    return [change.path for change in differences(desired, live, now=NOW)]


def test_only_fields_of_the_file_are_compared() -> None:
    assert paths(scaled(min_replica=1), scaled(min_replica=1, max_replica=9)) == []
    assert differences(scaled(min_replica=1), scaled(min_replica=0), now=NOW) == (
        Change(path="autoscaling.min_replica", before=0, after=1),
    )


def test_a_field_that_baseten_does_not_report_differs() -> None:
    assert differences(scaled(min_replica=1), scaled(), now=NOW)[0].before is None


def test_numbers_are_compared_by_value_and_never_with_booleans() -> None:
    assert paths(scaled(max_scale_down_rate=50), scaled(max_scale_down_rate=50.0)) == []
    assert paths(scaled(min_replica=1), scaled(min_replica=True)) == ["autoscaling.min_replica"]


def test_rolling_settings_are_compared_field_by_field() -> None:
    desired = Settings(
        promotion={"rolling_deploy": True, "rolling_deploy_config": {"max_surge_percent": 25}}
    )
    live = Settings(
        promotion={
            "rolling_deploy": True,
            "rolling_deploy_config": {"max_surge_percent": 10, "stabilization_time_seconds": 0},
        }
    )
    assert paths(desired, live) == ["promotion.rolling_deploy_config.max_surge_percent"]
    nothing = Settings(promotion={"rolling_deploy": True, "rolling_deploy_config": None})
    assert paths(desired, nothing) == ["promotion.rolling_deploy_config.max_surge_percent"]


def test_backpressure_may_be_taken_back_to_none() -> None:
    desired = Settings(backpressure={"policy": None})
    assert paths(desired, Settings(backpressure={"policy": "QUEUE_ON_FULL"})) == [
        "backpressure.policy"
    ]
    assert paths(desired, Settings()) == []


DAILY = {"cadence": "DAILY", "start_hour": 8, "autoscaling": {"min_replica": 4}}
LIVE_DAILY = {**DAILY, "id": "s1", "autoscaling": {"min_replica": 4.0, "max_replica": None}}


def once(start: datetime) -> dict[str, Json]:
    return {"cadence": "ONE_TIME", "start_at": start.isoformat()}


def test_schedules_are_compared_by_what_they_declare() -> None:
    live = Settings(schedules={"day": LIVE_DAILY})
    assert paths(Settings(schedules={"day": DAILY}), live) == []
    assert paths(Settings(schedules={"day": {**DAILY, "start_hour": 9}}), live) == ["schedules.day"]
    assert paths(Settings(), live) == []


def test_once_the_key_is_there_the_whole_set_is_managed() -> None:
    live = Settings(schedules={"day": LIVE_DAILY})
    (change,) = differences(Settings(schedules={}), live, now=NOW)
    shown = {key: value for key, value in LIVE_DAILY.items() if key != "id"}
    assert (change.path, change.before, change.after) == ("schedules.day", shown, None)


@pytest.mark.parametrize(("hours", "expected"), [(-1, []), (0, []), (1, ["schedules.sale"])])
def test_a_one_time_schedule_of_the_past_is_skipped(hours: int, expected: list[str]) -> None:
    wanted = Settings(schedules={"sale": once(NOW + timedelta(hours=hours))})
    assert paths(wanted, Settings()) == expected
    assert paths(Settings(schedules={}), wanted) == expected


def test_the_same_moment_in_another_zone_is_no_difference() -> None:
    wanted = Settings(schedules={"sale": {**once(NOW), "start_at": "2026-12-24T19:00:00+01:00"}})
    live = Settings(schedules={"sale": {**once(NOW), "start_at": "2026-12-24T18:00:00Z"}})
    assert paths(wanted, live) == []


def audited(actor: str, minute: int, **data: Json) -> AuditEntry:
    return AuditEntry(
        id=f"a{minute}",
        at=NOW + timedelta(minutes=minute),
        event_type="ENVIRONMENT_UPDATED",
        actor=actor,
        source="UI",
        own=actor == "us",
        data=data,
    )


def origin_of(asked: dict[str, Json] | None) -> str:
    (change,) = differences(
        scaled(max_replica=4), scaled(max_replica=2), now=NOW, origins=Origins(asked=asked)
    )
    return change.origin


def test_a_change_is_the_releases_unless_git_asked_for_it_before() -> None:
    assert origin_of(None) == "release"
    assert origin_of({}) == "release"
    assert origin_of({"autoscaling.max_replica": 3}) == "release"
    assert origin_of({"autoscaling.max_replica": 4.0}) == "drift"


def test_the_newest_entry_that_says_so_changed_a_field() -> None:
    path = "autoscaling.max_replica"
    ana = audited("ana", 1, max_replica=2, previous_settings={"max_replica": 4})
    bo = audited("bo", 2, max_replica=2, min_replica=1, previous_settings={"max_replica": 2})
    us = audited("us", 3, max_replica=2, previous_settings={"max_replica": 9})
    assert changed_by(path, (ana, bo)) is ana
    assert changed_by(path, (ana, bo, us)) is us
    assert changed_by(path, ()) is None


def test_a_hold_replaces_wanted_values() -> None:
    found = differences(
        scaled(max_replica=4),
        scaled(max_replica=4),
        now=NOW,
        instead={"autoscaling.max_replica": 2, "autoscaling.min_replica": 7},
    )
    assert [(each.path, each.after) for each in found] == [("autoscaling.max_replica", 2)]


def test_what_left_the_file_is_named_with_what_stays() -> None:
    asked: dict[str, Json] = {"autoscaling.min_replica": 1, "autoscaling.gone": 1}
    assert no_longer_managed(scaled(), scaled(min_replica=3), asked) == (
        ("autoscaling.min_replica", 3),
    )
    assert no_longer_managed(scaled(min_replica=1), scaled(min_replica=3), asked) == ()
    assert no_longer_managed(scaled(), scaled(min_replica=3), None) == ()


fields = st.dictionaries(
    st.sampled_from(["min_replica", "max_replica", "concurrency_target"]),
    st.none() | st.booleans() | st.integers(0, 3) | st.floats(0, 3),
)


@given(fields, fields)
def test_what_was_changed_as_asked_differs_no_more(
    wanted: dict[str, Json], live: dict[str, Json]
) -> None:
    found = differences(scaled(**wanted), scaled(**live), now=NOW)
    after = {**live, **{each.path.removeprefix("autoscaling."): each.after for each in found}}
    assert differences(scaled(**wanted), scaled(**after), now=NOW) == ()
    assert all(each.path in flatten(scaled(**wanted)) for each in found)
    assert [each.path for each in found] == sorted(each.path for each in found)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_equality_is_reflexive(value: Json) -> None:
    assert same(value, value)
