"""Autoscaling schedules: which settings hold at a time. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from gitops.emulator.world.settings import Autoscaling

Cadence = Literal["DAILY", "HOURLY", "ONE_TIME"]
WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_HORIZON_DAYS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule. A null among `settings` inherits the environment's value.

    DAILY has both hours, HOURLY both or neither, ONE_TIME `start_at` and `end_at` (epoch
    seconds). Hours and minutes are wall-clock time in the environment's timezone; a window
    that ends before it starts runs over midnight, or over the full hour.
    """

    id: str
    name: str
    enabled: bool
    created_at: float
    settings: Mapping[str, Any]
    cadence: Cadence
    weekdays: tuple[str, ...] = ()
    start_hour: int | None = None
    start_minute: int = 0
    end_hour: int | None = None
    end_minute: int = 0
    start_at: float = 0.0
    end_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedules:
    """All schedules of an environment, in order of creation, and their one timezone (IANA)."""

    timezone: str
    items: tuple[Schedule, ...] = field(default=())

    def by_id(self, identifier: str) -> Schedule | None:
        """The schedule of that id."""
        return next((each for each in self.items if each.id == identifier), None)


def active(schedules: Schedules | None, now: float) -> Schedule | None:
    """The schedule in whose window `now` (epoch seconds) is; the oldest wins, once before daily."""
    if schedules is None:
        return None
    zone = ZoneInfo(schedules.timezone)
    order = sorted(schedules.items, key=lambda each: each.cadence != "ONE_TIME")
    return next(
        (
            each
            for each in order
            if each.enabled
            and any(start <= now < end for start, end in _windows(each, zone, now, back=2, ahead=1))
        ),
        None,
    )


def in_force(base: Autoscaling, schedules: Schedules | None, now: float) -> Autoscaling:
    """The settings at `now`: the environment's own with those of the active schedule on top."""
    schedule = active(schedules, now)
    return base if schedule is None else base.merged(schedule.settings)


def next_change(schedules: Schedules | None, now: float) -> float | None:
    """When another schedule may become active, or the active one may end; epoch seconds."""
    if schedules is None:
        return None
    zone = ZoneInfo(schedules.timezone)
    bounds = (
        bound
        for each in schedules.items
        if each.enabled
        for window in _windows(each, zone, now, back=2, ahead=_HORIZON_DAYS)
        for bound in window
    )
    return min((bound for bound in bounds if bound > now), default=None)


def _windows(
    schedule: Schedule, zone: ZoneInfo, now: float, *, back: int, ahead: int
) -> Iterator[tuple[float, float]]:
    """Start and end of its windows on the days around `now`."""
    if schedule.cadence == "ONE_TIME":
        yield schedule.start_at, schedule.end_at
        return
    today = datetime.fromtimestamp(now, tz=UTC).astimezone(zone).date()
    for offset in range(-back, ahead + 1):
        day = today + timedelta(days=offset)
        if WEEKDAYS[day.weekday()] not in schedule.weekdays:
            continue
        if schedule.cadence == "DAILY":
            start = _at(day, schedule.start_hour or 0, schedule.start_minute, zone)
            end = _at(day, schedule.end_hour or 0, schedule.end_minute, zone)
            if end <= start:
                next_day = day + timedelta(days=1)
                end = _at(next_day, schedule.end_hour or 0, schedule.end_minute, zone)
            yield start, end
        else:
            yield from _hourly(schedule, day, zone)


def _hourly(schedule: Schedule, day: date, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
    first, last = schedule.start_hour, schedule.end_hour
    hours = range(24) if first is None or last is None else _hours(first, last)
    for hour in hours:
        start = _at(day + timedelta(days=hour // 24), hour % 24, schedule.start_minute, zone)
        minutes = (schedule.end_minute - schedule.start_minute) % 60 or 60
        yield start, start + minutes * 60.0


def _hours(first: int, last: int) -> range:
    """From the first to the last hour, both included; over midnight where they say so."""
    return range(first, last + 1) if first <= last else range(first, last + 25)


def _at(day: date, hour: int, minute: int, zone: ZoneInfo) -> float:
    return datetime.combine(day, time(hour, minute), tzinfo=zone).timestamp()
