"""What an environment costs a month, as an estimate from list prices and replica counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gitops.plan.model import Cost
from gitops.state.desired import DesiredEnvironment
from gitops.state.differences import with_changes
from gitops.state.json import Json, JsonObject
from gitops.state.live import Deployment, InstanceType, LiveEnvironment
from gitops.state.settings import Change, Settings

MINUTES_A_MONTH: Final = 365 * 24 * 60 / 12
"""An average month: prices are by the minute."""


def estimate(
    environment: DesiredEnvironment,
    *,
    live: LiveEnvironment | None,
    target: Deployment | None,
    instance_types: Mapping[str, InstanceType] | None,
    changes: bool,
    kept: Sequence[Change] = (),
) -> Cost | None:
    """Floor and ceiling before and after, in US dollars a month; None where nothing is known.

    ``changes`` false: nothing is done here, so that it costs after what it cost before. ``kept``
    are settings that stay as they are whatever the environment asks for.
    Floor: the fewest replicas always on. Ceiling: the most replicas always on. Schedules count
    where they reach further than the environment's own bounds. Traffic decides what lies between.
    """
    if instance_types is None:
        return None
    before_type = hardware_of(live, instance_types)
    after_type = _after(environment, before_type, target, instance_types)
    now = live.settings if live else None
    before = (
        _range(before_type, [now.autoscaling, *_schedules(now.schedules)])
        if now and live and live.current
        else (0.0, 0.0)
    )
    if not changes:
        return Cost(before=before, after=before) if before else None
    wanted = environment.settings
    merged = {**(now.autoscaling if now else {}), **wanted.autoscaling}
    schedules = wanted.schedules
    if schedules is None and now is not None:
        schedules = now.schedules
    then = with_changes(
        Settings(autoscaling=merged, schedules=schedules),
        (replace(each, after=each.before) for each in kept),
    )
    after = _range(after_type, [then.autoscaling, *_schedules(then.schedules)])
    return Cost(before=before, after=after) if before or after else None


def hardware_of(
    live: LiveEnvironment | None, instance_types: Mapping[str, InstanceType]
) -> InstanceType | None:
    """What an environment runs on now; None where that is not known."""
    if live is None:
        return None
    current = live.current.instance_type_name if live.current else None
    return instance_types.get(live.instance_type_id or "") or _named(
        live.instance_type_name or current, instance_types
    )


def _after(
    environment: DesiredEnvironment,
    before: InstanceType | None,
    target: Deployment | None,
    instance_types: Mapping[str, InstanceType],
) -> InstanceType | None:
    own = _named(target.instance_type_name, instance_types) if target else None
    match environment.instance_type:
        case "truss":
            return own
        case None | "environment":
            # An environment without hardware of its own takes that of what is promoted into it.
            return before or own
        case other:
            return instance_types.get(other) or _named(other, instance_types)


def _named(name: str | None, instance_types: Mapping[str, InstanceType]) -> InstanceType | None:
    return next((each for each in instance_types.values() if name and each.name == name), None)


def _schedules(schedules: Mapping[str, JsonObject] | None) -> list[JsonObject]:
    found: list[JsonObject] = []
    for schedule in (schedules or {}).values():
        inner = schedule.get("autoscaling")
        if isinstance(inner, Mapping) and schedule.get("enabled") is not False:
            found.append(inner)
    return found


def _range(
    instance_type: InstanceType | None, bounds: list[JsonObject]
) -> tuple[float, float] | None:
    if instance_type is None or instance_type.usd_per_minute is None:
        return None
    lowest = [_count(each.get("min_replica")) for each in bounds]
    highest = [_count(each.get("max_replica")) for each in bounds]
    if lowest[0] is None or highest[0] is None:
        return None
    month = instance_type.usd_per_minute * MINUTES_A_MONTH
    least = min(each for each in lowest if each is not None)
    most = max(each for each in highest if each is not None)
    return (round(least * month, 2), round(most * month, 2))


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
