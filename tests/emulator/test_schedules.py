"""Autoscaling schedules: when they hold, what is refused, and what travels with a promotion."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.emulator.world.schedule import (
    WEEKDAYS,
    Schedule,
    Schedules,
    active,
    in_force,
    next_change,
)
from gitops.emulator.world.settings import Autoscaling
from tests.emulator.client import Client, echo_truss

ALL = {
    "min_replica": 2,
    "max_replica": 4,
    "autoscaling_window": None,
    "scale_down_delay": None,
    "concurrency_target": None,
    "target_utilization_percentage": None,
    "target_in_flight_tokens": None,
    "max_scale_down_rate": None,
}
BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = datetime(2026, 11, 22, tzinfo=BERLIN)


def made(**fields: Any) -> Schedule:
    given: dict[str, Any] = {"weekdays": WEEKDAYS, **fields}
    return Schedule(id="a", name="a", enabled=True, created_at=0, settings=ALL, **given)


def holds(schedule: Schedule, at: datetime) -> bool:
    return (
        active(Schedules(timezone="Europe/Berlin", items=(schedule,)), at.timestamp()) is not None
    )


@pytest.mark.fact("B-244", "B-246")
def test_daily_hours_are_those_of_the_timezone_also_over_midnight() -> None:
    day = made(cadence="DAILY", start_hour=8, end_hour=18, weekdays=("SUNDAY",))
    assert not holds(day, SUNDAY + timedelta(hours=7, minutes=59))
    assert holds(day, SUNDAY + timedelta(hours=8))
    assert not holds(day, SUNDAY + timedelta(hours=18))
    assert not holds(day, SUNDAY + timedelta(days=1, hours=9))
    night = made(cadence="DAILY", start_hour=22, end_hour=6, weekdays=("SUNDAY",))
    assert holds(night, SUNDAY + timedelta(days=1, hours=5))
    assert not holds(night, SUNDAY + timedelta(hours=5))


def test_daily_hours_follow_summer_time() -> None:
    morning = made(cadence="DAILY", start_hour=8, end_hour=9)
    for month, hour in ((1, 7), (7, 6)):
        assert holds(morning, datetime(2026, month, 5, hour, tzinfo=UTC))
        assert not holds(morning, datetime(2026, month, 5, hour - 1, 59, tzinfo=UTC))


@pytest.mark.fact("B-244")
def test_hourly_windows_come_back_every_hour_or_between_two_hours() -> None:
    always = made(cadence="HOURLY", start_minute=10, end_minute=20)
    assert all(holds(always, SUNDAY + timedelta(hours=hour, minutes=15)) for hour in range(24))
    assert not holds(always, SUNDAY + timedelta(minutes=20))
    worked = made(cadence="HOURLY", start_minute=50, end_minute=5, start_hour=9, end_hour=17)
    assert holds(worked, SUNDAY + timedelta(hours=10, minutes=2))
    assert holds(worked, SUNDAY + timedelta(hours=18, minutes=4))
    assert not holds(worked, SUNDAY + timedelta(hours=9, minutes=2))


@pytest.mark.fact("B-247")
def test_a_single_window_begins_with_its_start_and_ends_before_its_end() -> None:
    start = SUNDAY.timestamp()
    once = made(cadence="ONE_TIME", start_at=start, end_at=start + 60, weekdays=())
    assert [holds(once, SUNDAY + timedelta(seconds=each)) for each in (-1, 0, 59, 60)] == [
        False,
        True,
        True,
        False,
    ]


@st.composite
def some_schedules(draw: st.DrawFn) -> Schedules:
    minute, hour = st.integers(0, 59), st.integers(0, 23)
    items = []
    for number in range(draw(st.integers(1, 3))):
        daily = draw(st.booleans())
        hours = (draw(hour), draw(hour)) if daily or draw(st.booleans()) else (None, None)
        items.append(
            Schedule(
                id=str(number),
                name=str(number),
                enabled=draw(st.booleans()),
                created_at=number,
                settings=ALL,
                cadence="DAILY" if daily else "HOURLY",
                weekdays=tuple(draw(st.sets(st.sampled_from(WEEKDAYS), min_size=1))),
                start_hour=hours[0],
                end_hour=hours[1],
                start_minute=draw(minute),
                end_minute=draw(minute),
            )
        )
    zone = draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]))
    return Schedules(timezone=zone, items=tuple(items))


@given(some_schedules(), st.integers(0, 400 * 24 * 60), st.integers(1, 200))
def test_nothing_changes_before_the_next_change(
    schedules: Schedules, minute: int, samples: int
) -> None:
    now = SUNDAY.timestamp() + minute * 60
    until = next_change(schedules, now)
    found = active(schedules, now)
    if until is None:
        assert found is None
        return
    assert until > now
    for each in range(samples):
        at = now + (until - now) * each / samples
        assert active(schedules, at) == found


@pytest.mark.fact("B-244")
def test_a_null_inherits_what_the_environment_has() -> None:
    base = Autoscaling(concurrency_target=7)
    day = Schedules(timezone="UTC", items=(made(cadence="DAILY", start_hour=0, end_hour=23),))
    found = in_force(base, day, datetime(2026, 11, 22, 5, tzinfo=UTC).timestamp())
    assert (found.min_replica, found.max_replica, found.concurrency_target) == (2, 4, 7)


def daily(name: str = "day", **fields: Any) -> dict[str, Any]:
    return {
        "name": name,
        "enabled": True,
        "cadence": "DAILY",
        "weekdays": list(WEEKDAYS),
        "start_hour": 1,
        "start_minute": 0,
        "end_hour": 2,
        "end_minute": 0,
        "autoscaling_settings": ALL,
        **fields,
    }


def patch(client: Client, model_id: str, **settings: Any) -> Any:
    path = f"/v1/models/{model_id}/environments/production"
    return client.send("PATCH", path, {"autoscaling_schedule_settings": settings})


@pytest.mark.fact("B-248")
def test_a_schedule_comes_into_force_and_ends_by_itself(client: Client) -> None:
    model_id, _ = client.live()
    assert client.environment(model_id)["autoscaling_schedules"] is None
    reply = patch(client, model_id, timezone="UTC", schedules=[daily()])
    assert reply.json()["status"] == "ACCEPTED"
    client.emulator.advance(10)
    shown = client.environment(model_id)["autoscaling_schedules"]
    schedule_id = shown["schedules"][0]["id"]
    assert (shown["timezone"], shown["applied_state"]["schedule_id"]) == ("UTC", None)
    base = client.environment(model_id)["autoscaling_settings"]
    seen = []
    for _ in range(10):
        client.emulator.advance(900)
        state = client.environment(model_id)["autoscaling_schedules"]["applied_state"]
        seen.append((state["schedule_id"], state["autoscaling_settings"]["min_replica"]))
    assert list(dict.fromkeys(seen)) == [(None, 0), (schedule_id, 2)]
    assert seen[-1] == (None, 0)
    assert client.environment(model_id)["autoscaling_settings"] == base


def test_replicas_follow_a_schedule(client: Client) -> None:
    model_id, _ = client.live()
    patch(client, model_id, timezone="UTC", schedules=[daily()])
    client.emulator.advance(3700)
    assert client.deployment(model_id)["active_replica_count"] == 2
    assert client.deployment(model_id)["autoscaling_settings"]["max_replica"] == 4


@pytest.mark.fact("B-245")
def test_schedules_are_replaced_and_deleted_by_their_ids(client: Client) -> None:
    model_id, _ = client.live()
    patch(client, model_id, timezone="UTC", schedules=[daily("one"), daily("two")])

    def shown() -> Any:
        return client.environment(model_id)["autoscaling_schedules"]

    one, two = (each["id"] for each in shown()["schedules"])
    assert patch(client, model_id, schedules=[daily("first", id=one)]).status_code == 200
    assert [each["name"] for each in shown()["schedules"]] == ["first", "two"]
    patch(client, model_id, timezone="Europe/Berlin", delete_schedules=[one])
    assert [each["id"] for each in shown()["schedules"]] == [two]
    assert shown()["timezone"] == "Europe/Berlin"
    assert patch(client, model_id, timezone=None, delete_schedules=[two]).status_code == 200
    assert shown()["schedules"] == []
    assert "timezone" not in shown()
    again = patch(client, model_id, timezone="UTC", schedules=[daily("one")])
    assert again.json()["status"] == "ACCEPTED"


@pytest.mark.fact("B-244")
@pytest.mark.parametrize(
    "settings",
    [
        {"schedules": [daily()]},
        {"timezone": "Mars/Olympus", "schedules": [daily()]},
        {"timezone": None, "schedules": [daily()]},
        {"timezone": "UTC", "schedules": [daily(), daily()]},
        {"timezone": "UTC", "schedules": [daily(id="unknown")]},
        {"timezone": "UTC", "delete_schedules": ["unknown"]},
        {"timezone": "UTC", "schedules": [daily(start_hour=24)]},
        {"timezone": "UTC", "schedules": [daily(end_minute=60)]},
        {"timezone": "UTC", "schedules": [daily(weekdays=["CATURDAY"])]},
        {"timezone": "UTC", "schedules": [daily(weekdays=[])]},
        {"timezone": "UTC", "schedules": [daily(end_hour=1)]},
        {"timezone": "UTC", "schedules": [daily(end_hour=None)]},
        {"timezone": "UTC", "schedules": [daily(cadence="WEEKLY")]},
        {"timezone": "UTC", "schedules": [daily(extra=1)]},
        {"timezone": "UTC", "schedules": [daily(autoscaling_settings={"min_replica": 1})]},
        {"timezone": "UTC", "schedules": [daily(autoscaling_settings={**ALL, "min_replica": 9})]},
        {"timezone": "UTC", "plans": []},
    ],
)
def test_wrong_schedules_are_refused(client: Client, settings: Any) -> None:
    model_id, _ = client.live()
    assert patch(client, model_id, **settings).status_code == 400
    assert client.environment(model_id)["autoscaling_schedules"] is None


def once(client: Client, begin: float, end: float, **fields: Any) -> dict[str, Any]:
    def moment(seconds: float) -> str:
        return datetime.fromtimestamp(client.emulator.world.now + seconds, tz=UTC).isoformat()

    return {
        "name": "once",
        "enabled": True,
        "cadence": "ONE_TIME",
        "start_at": moment(begin),
        "end_at": moment(end),
        "autoscaling_settings": ALL,
        **fields,
    }


@pytest.mark.fact("B-247")
def test_a_single_window_lies_ahead(client: Client) -> None:
    model_id, _ = client.live()
    for begin, end in ((-10, 10), (20, 10)):
        refused = patch(client, model_id, timezone="UTC", schedules=[once(client, begin, end)])
        assert refused.status_code == 400
    patch(client, model_id, timezone="UTC", schedules=[once(client, 60, 120)])
    counts = []
    for _ in range(3):
        client.emulator.advance(50)
        counts.append(client.deployment(model_id)["autoscaling_settings"]["min_replica"])
    assert counts == [0, 2, 0]


@pytest.mark.fact("B-174")
@pytest.mark.parametrize("way", ["promote", "push"])
def test_schedules_travel_with_a_promotion_and_are_saved_when_it_completes(
    client: Client, way: str
) -> None:
    model_id, _ = client.live()
    block = {"timezone": "UTC", "schedules": [daily()]}
    if way == "promote":
        second = client.ready(model_id)
        update = {"autoscaling_schedule_settings": block}
        client.promote(model_id, second, environment_settings_update=update)
    else:
        named = {"environment_name": "production", "autoscaling_schedule_settings": block}
        client.push(model_id, echo_truss(), **named)
    assert client.environment(model_id)["autoscaling_schedules"] is None
    client.emulator.advance(600)
    shown = client.environment(model_id)["autoscaling_schedules"]
    assert [each["name"] for each in shown["schedules"]] == ["day"]
    client.emulator.advance(3000)
    assert client.deployment(model_id)["autoscaling_settings"]["min_replica"] == 2


@pytest.mark.fact("B-250")
def test_a_push_without_an_environment_has_no_schedules(client: Client) -> None:
    model_id, _ = client.live()
    key = client.upload(echo_truss(), model_id=model_id)
    block = {"timezone": "UTC", "schedules": [daily()]}
    deployment = {"config": echo_truss()["config"], "autoscaling_schedule_settings": block}
    source = {"kind": "model_archive", "s3_key": key, "deployment": deployment}
    refused = client.send("POST", f"/v1/models/{model_id}/deployments", {"source": source})
    assert refused.status_code == 400
