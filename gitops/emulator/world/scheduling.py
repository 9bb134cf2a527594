"""Schedules as requests change them, and as they come into force by and by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gitops.emulator.world import lifecycle, schedule
from gitops.emulator.world.entities import Environment
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.scaling import apply_autoscaling
from gitops.emulator.world.schedule import WEEKDAYS, Schedule, Schedules
from gitops.emulator.world.settings import Autoscaling
from gitops.emulator.world.timeline import event
from gitops.emulator.world.world import World

Block = Mapping[str, Any]


def changed(
    world: World, existing: Schedules | None, base: Autoscaling, block: Block | None
) -> Schedules | None:
    """The schedules after a change; None where there never were any.

    Args:
        world: For ids and the time.
        existing: The environment's schedules now.
        base: Its own settings, which a schedule's must fit.
        block: `timezone`, `schedules` to create or replace, `delete_schedules`; as it was sent.

    Raises:
        Refusal: an unknown id, timezone or weekday, a name twice, a window that is none.
    """
    if not block:
        return existing
    upserts: Sequence[Block] = block.get("schedules") or ()
    deleted = set(block.get("delete_schedules") or ())
    kept = {each.id: each for each in existing.items} if existing else {}
    for identifier in sorted(deleted | {each["id"] for each in upserts if each.get("id")}):
        if identifier not in kept:
            raise invalid(f"Autoscaling schedule {identifier!r} does not exist.")
    for identifier in deleted:
        del kept[identifier]
    for each in upserts:
        identifier = each.get("id")
        if identifier in deleted:
            raise invalid(f"Autoscaling schedule {identifier!r} is deleted by the same request.")
        made = _schedule(world, base, each, kept.get(identifier or ""))
        kept[made.id] = made
    names = [each.name for each in kept.values()]
    if len(set(names)) < len(names):
        raise invalid("The names of an environment's autoscaling schedules must differ.")
    items = tuple(sorted(kept.values(), key=lambda each: each.created_at))
    return Schedules(timezone=_timezone(existing, block, items), items=items)


def _timezone(existing: Schedules | None, block: Block, items: tuple[Schedule, ...]) -> str:
    if "timezone" not in block or (block["timezone"] is None and not items):
        if existing is None and items:
            raise invalid("timezone is required with the first schedule.")
        return existing.timezone if existing else "UTC"
    name = block["timezone"]
    if name is None:
        raise invalid("timezone can only be null when every schedule is deleted.")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(f"Unknown timezone {name!r}.") from None
    return str(name)


def _schedule(world: World, base: Autoscaling, block: Block, old: Schedule | None) -> Schedule:
    settings = dict(block["autoscaling_settings"])
    base.merged(settings)
    if not block["name"]:
        raise invalid("An autoscaling schedule needs a name.")
    made = Schedule(
        id=old.id if old else world.ids.new(),
        name=block["name"],
        enabled=block["enabled"],
        created_at=old.created_at if old else world.now,
        settings=settings,
        cadence=block["cadence"],
        weekdays=tuple(dict.fromkeys(block.get("weekdays") or ())),
        start_hour=block.get("start_hour"),
        start_minute=block.get("start_minute") or 0,
        end_hour=block.get("end_hour"),
        end_minute=block.get("end_minute") or 0,
        start_at=_epoch(block.get("start_at")),
        end_at=_epoch(block.get("end_at")),
    )
    _check_window(world, made, is_new=old is None)
    return made


def _epoch(moment: datetime | None) -> float:
    return 0.0 if moment is None else moment.timestamp()


def _check_window(world: World, made: Schedule, *, is_new: bool) -> None:
    if made.cadence == "ONE_TIME":
        if made.end_at <= made.start_at:
            raise invalid("end_at must be after start_at.")
        if is_new and made.start_at <= world.now:
            raise invalid("start_at must be in the future.")
        return
    if not made.weekdays or any(each not in WEEKDAYS for each in made.weekdays):
        raise invalid("weekdays must name at least one day of the week.")
    hours = (made.start_hour, made.end_hour)
    if any(hour is not None and not 0 <= hour <= 23 for hour in hours):
        raise invalid("start_hour and end_hour must be between 0 and 23.")
    if not (0 <= made.start_minute <= 59 and 0 <= made.end_minute <= 59):
        raise invalid("start_minute and end_minute must be between 0 and 59.")
    if (made.start_hour is None) != (made.end_hour is None):
        raise invalid("start_hour and end_hour must be given together.")
    if made.cadence == "DAILY":
        _check_day(made)


def _check_day(made: Schedule) -> None:
    if made.start_hour is None:
        raise invalid("start_hour and end_hour are required for DAILY schedules.")
    if (made.start_hour, made.start_minute) == (made.end_hour, made.end_minute):
        raise invalid("A schedule's window must not be empty.")


def reconcile(world: World, environment: Environment) -> None:
    """Put in force on what serves what the settings and the schedules ask for now."""
    wanted = schedule.active(environment.schedules, world.now)
    environment.applied_schedule_id = wanted.id if wanted else None
    current = world.current(environment)
    if current is not None:
        apply_autoscaling(
            world,
            current,
            schedule.in_force(environment.autoscaling, environment.schedules, world.now),
            wake=lifecycle.wake,
            scale_to_zero=lifecycle.scale_to_zero,
        )
    due = schedule.next_change(environment.schedules, world.now)
    if due != environment.schedules_due_at:
        environment.schedules_due_at = due
        if due is not None:
            world.timeline.plan(due, _due, environment.model_id, environment.name, due)


@event
def _due(world: World, model_id: str, name: str, at: float) -> None:
    model = world.models.get(model_id)
    environment = model.environments.get(name) if model else None
    if environment is not None and environment.schedules_due_at == at:
        environment.schedules_due_at = None
        reconcile(world, environment)


def on_promotion_end(world: World, environment: Environment) -> None:
    """What came with a promotion is saved when it completes."""
    promotion = environment.promotion
    if promotion is None or promotion.status != "SUCCEEDED":
        return
    if promotion.update.schedules is not None:
        environment.schedules = promotion.update.schedules
    if environment.schedules is not None:
        reconcile(world, environment)


def shown(environment: Environment, serving: Autoscaling | None) -> dict[str, Any] | None:
    """All schedules as the API shows them, with what is applied to what serves."""
    found = environment.schedules
    if found is None:
        return None
    body: dict[str, Any] = {"timezone": found.timezone} if found.items else {}
    return body | {
        "schedules": [_shown(each) for each in found.items],
        "applied_state": None
        if serving is None
        else {
            "schedule_id": environment.applied_schedule_id,
            "autoscaling_settings": serving.to_json(),
        },
    }


def _shown(each: Schedule) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": each.id,
        "name": each.name,
        "enabled": each.enabled,
        "autoscaling_settings": dict(each.settings),
        "cadence": each.cadence,
    }
    if each.cadence == "ONE_TIME":
        return body | {"start_at": _iso(each.start_at), "end_at": _iso(each.end_at)}
    hours = {} if each.start_hour is None else {"start_hour": each.start_hour}
    hours |= {} if each.end_hour is None else {"end_hour": each.end_hour}
    return body | {
        "weekdays": list(each.weekdays),
        **hours,
        "start_minute": each.start_minute,
        "end_minute": each.end_minute,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).isoformat().replace("+00:00", "Z")


def audited(old: Schedules | None, new: Schedules | None) -> list[dict[str, Any]] | None:
    """What became of each schedule, in the audit log's form."""
    before = {each.id: each for each in old.items} if old else {}
    after = {each.id: each for each in new.items} if new else {}
    if not before and not after:
        return None
    zones = (old.timezone if old else "", new.timezone if new else "")
    return [
        {
            "action": _action(before.get(each), after.get(each)),
            "schedule_id": each,
            "previous": _flat(before[each], zones[0]) if each in before else None,
            "current": _flat(after[each], zones[1]) if each in after else None,
        }
        for each in dict.fromkeys([*before, *after])
    ]


def _action(old: Schedule | None, new: Schedule | None) -> str:
    if old is None:
        return "CREATED"
    if new is None:
        return "DELETED"
    return "UNCHANGED" if old == new else "UPDATED"


def _flat(each: Schedule, timezone: str) -> dict[str, Any]:
    once = each.cadence == "ONE_TIME"
    return {
        **each.settings,
        "schedule_name": each.name,
        "enabled": each.enabled,
        "cadence": each.cadence,
        "timezone": timezone,
        "weekdays": None if once else list(each.weekdays),
        "start_hour": each.start_hour,
        "start_minute": None if once else each.start_minute,
        "end_hour": each.end_hour,
        "end_minute": None if once else each.end_minute,
        "start_at": _iso(each.start_at) if once else None,
        "end_at": _iso(each.end_at) if once else None,
    }


def audited_operations(block: Block | None, new: Schedules | None) -> dict[str, Any] | None:
    """A change that travels with a promotion, in the audit log's form."""
    if not block or new is None:
        return None
    sent = {each["name"]: each.get("id") for each in block.get("schedules") or ()}
    return {
        "timezone": block.get("timezone"),
        "schedules": [
            {**_flat(each, new.timezone), "schedule_id": sent[each.name]}
            for each in new.items
            if each.name in sent
        ],
        "delete_schedule_ids": list(block.get("delete_schedules") or ()),
    }
