"""Autoscaling schedules as values: when two are the same, and which ones are past.

A schedule has the release file's form wherever it comes from: ``enabled``, ``cadence``, its window,
``timezone``, and ``autoscaling`` with what holds while it is in force. What is absent or null below
``autoscaling`` follows the environment. ``id`` is Baseten's, and no part of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from gitops.state.json import Json, JsonObject

PREFIX: Final = "schedules."
"""Of the dotted path of a schedule, its name follows."""
WINDOW: Final = (
    *("cadence", "weekdays", "start_hour", "start_minute", "end_hour", "end_minute"),
    *("start_at", "end_at", "timezone"),
)
"""What says when a schedule is in force."""
AUTOSCALING: Final = (
    *("min_replica", "max_replica", "autoscaling_window", "scale_down_delay"),
    *("concurrency_target", "target_utilization_percentage", "target_in_flight_tokens"),
    "max_scale_down_rate",
)
"""The settings of a schedule; a request has to name all of them, null for those to inherit."""
WEEKDAYS: Final = (
    *("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY"),
    *("FRIDAY", "SATURDAY", "SUNDAY"),
)
_MOMENTS: Final = ("start_at", "end_at")
_DAY: Final = 24 * 60
_WEEK: Final = 7 * _DAY


def comparable(schedule: JsonObject) -> JsonObject:
    """What a schedule declares, in one form: no nulls, moments in UTC, weekdays in one order."""
    found: dict[str, Json] = {"enabled": schedule.get("enabled", True)}
    for name in WINDOW:
        value = schedule.get(name)
        moment = moment_of(value) if name in _MOMENTS else None
        if name == "weekdays" and isinstance(value, list | tuple):
            found[name] = sorted(str(each) for each in value)
        elif moment is not None:
            found[name] = moment.isoformat()
        elif value is not None:
            found[name] = value
    inner = schedule.get("autoscaling")
    settings = inner if isinstance(inner, Mapping) else {}
    return found | {
        "autoscaling": {name: it for name, it in settings.items() if it is not None},
    }


def covers(one: JsonObject, other: JsonObject) -> bool:
    """Whether the first is in force whenever the second is; False where that is not certain."""
    first, second = comparable(one), comparable(other)
    if all(first.get(name) == second.get(name) for name in WINDOW):
        return True
    once = [each.get("cadence") == "ONE_TIME" for each in (one, other)]
    if all(once):
        start, end = (moment_of(one.get(name)) for name in _MOMENTS)
        since, until = (moment_of(other.get(name)) for name in _MOMENTS)
        return bool(start and end and since and until and start <= since and until <= end)
    if any(once) or first.get("timezone") != second.get("timezone"):
        return False
    return _minutes(second) <= _minutes(first)


def _minutes(schedule: JsonObject) -> frozenset[int]:
    """The minutes of a week, from Monday, in which a schedule that comes back is in force."""
    days = schedule.get("weekdays")
    weekdays = days if isinstance(days, list) else []
    first, last = _number(schedule, "start_hour"), _number(schedule, "end_hour")
    begin, end = _number(schedule, "start_minute") or 0, _number(schedule, "end_minute") or 0
    if schedule.get("cadence") == "DAILY":
        start = (first or 0) * 60 + begin
        starts, length = [start], ((last or 0) * 60 + end - start) % _DAY or _DAY
    else:
        # The last hour counts, and may lie beyond midnight.
        hours = 24 if first is None or last is None else (last - first) % 24 + 1
        starts = [((first or 0) + hour) * 60 + begin for hour in range(hours)]
        length = (end - begin) % 60 or 60
    return frozenset(
        (WEEKDAYS.index(day) * _DAY + start + minute) % _WEEK
        for day in weekdays
        if day in WEEKDAYS
        for start in starts
        for minute in range(length)
    )


def _number(schedule: JsonObject, name: str) -> int | None:
    value = schedule.get(name)
    return value if isinstance(value, int) else None


def is_over(schedule: JsonObject, now: datetime) -> bool:
    """Whether its one window is past; those that come back never are."""
    if schedule.get("cadence") != "ONE_TIME":
        return False
    ends = moment_of(schedule.get("end_at")) or moment_of(schedule.get("start_at"))
    return ends is not None and ends <= now


def has_opened(schedule: JsonObject, now: datetime) -> bool:
    """Whether its one window has begun: Baseten makes no such schedule any more."""
    if schedule.get("cadence") != "ONE_TIME":
        return False
    opens = moment_of(schedule.get("start_at"))
    return opens is not None and opens <= now


def moment_of(value: Json) -> datetime | None:
    """A moment with its zone, in UTC; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
