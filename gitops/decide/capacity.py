"""What takes capacity away, and the word of ``allow`` that consents to it.

Capacity is how many replicas there are at least and at most. To let there be none is
``scale_to_zero``, to halve a number or worse ``fewer_replicas``; less than that needs no consent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from gitops.state.fitting import is_number
from gitops.state.json import Json, JsonObject
from gitops.state.schedules import PREFIX, covers
from gitops.state.settings import Change

Taken: TypeAlias = list[tuple[str, str]]
"""The words that would consent, each with what would go."""

_REPLICAS: Final = ("min_replica", "max_replica")


def taken(
    live: Mapping[str, Json], changes: Sequence[Change], only: Iterable[Change] | None = None
) -> Taken:
    """What changes take away from live settings (flat), or what some of them do among all."""
    then = {**live, **{change.path: change.after for change in changes}}
    found: Taken = []
    for change in changes if only is None else only:
        if change.path.startswith(PREFIX):
            found += taken_by_schedule(change, live, then)
        elif change.path in {f"autoscaling.{field}" for field in _REPLICAS}:
            found += taken_by_field(change.path, change.before, change.after)
    return found


def taken_by_schedule(change: Change, live: Mapping[str, Json], then: Mapping[str, Json]) -> Taken:
    """What a schedule takes away: against itself, and where its window moved, against the rest.

    Outside of its window the environment's own settings hold: those of ``live`` before the change,
    those of ``then`` after it.
    """
    before, after = _in_force(change.before), _in_force(change.after)
    found: Taken = []
    for field in _REPLICAS:
        path, own = f"{change.path}.{field}", f"autoscaling.{field}"
        if before and after:
            found += taken_by_field(path, _of(before, field), _of(after, field))
        if after and not (before and covers(*before, *after)):
            found += taken_by_field(path, live.get(own), _of(after, field))
        if before and not (after and covers(*after, *before)):
            found += taken_by_field(path, _of(before, field), then.get(own))
    return found


def taken_by_field(path: str, before: Json, after: Json) -> Taken:
    """What one number of replicas takes away from another; nothing where it is no number."""
    if not is_number(before) or not is_number(after) or after >= before:
        return []
    if path.endswith("min_replica") and after == 0:
        return [("scale_to_zero", f"{path} goes from {before} to 0")]
    if after * 2 <= before:
        return [("fewer_replicas", f"{path} goes from {before} to {after}")]
    return []


def _in_force(schedule: Json) -> tuple[JsonObject, ...]:
    """The schedule, if it is there and enabled."""
    if not isinstance(schedule, Mapping) or schedule.get("enabled") is False:
        return ()
    return (schedule,)


def _of(schedules: tuple[JsonObject, ...], field: str) -> Json:
    settings = schedules[0].get("autoscaling")
    return settings.get(field) if isinstance(settings, Mapping) else None
