"""Which settings differ between a release file and Baseten, and who made them so.

Settings are compared flat: ``autoscaling.min_replica``, ``promotion.rolling_deploy_config.…`` field
by field, ``backpressure.policy``, and each schedule as one value, ``schedules.NAME``. Only fields
that the release file names are compared; of schedules the whole set, once the key is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, TypeGuard

from gitops.state.json import Json, JsonObject
from gitops.state.live import AuditEntry
from gitops.state.schedules import PREFIX, comparable, has_opened, is_over
from gitops.state.settings import Change, Settings

_NESTED: Final = "rolling_deploy_config"
_NO_SCHEDULES: Final = "schedules"
"""In what a log entry asked for: the set of schedules was managed, and empty."""
_SETTINGS_EVENTS: Final = frozenset(
    {
        "ENVIRONMENT_CREATED",
        "ENVIRONMENT_UPDATED",
        "MODEL_DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED",
        "MODEL_DEPLOYMENT_REQUEST_BACKPRESSURE_SETTINGS_CHANGED",
        "MODEL_DEPLOYMENT_PROMOTED",
    }
)
_POLICY_IN_AUDIT: Final = "request_backpressure_policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What tells a change of the release from drift.

    ``asked`` are the settings, flat, that the environment's last deploy-log entry asked for; None:
    no entry says.
    """

    asked: JsonObject | None = None


def flatten(settings: Settings, *, now: datetime | None = None) -> dict[str, Json]:
    """Settings by dotted path. With ``now``, one-time schedules that are over are left out.

    The ids of schedules are left out: who makes one anew gets another.
    """
    flat: dict[str, Json] = {f"autoscaling.{key}": it for key, it in settings.autoscaling.items()}
    for key, value in settings.promotion.items():
        if key == _NESTED and isinstance(value, Mapping):
            flat.update({f"promotion.{key}.{name}": it for name, it in value.items()})
        else:
            flat[f"promotion.{key}"] = value
    for key, value in (settings.backpressure or {}).items():
        flat[f"backpressure.{key}"] = value
    for name, schedule in (settings.schedules or {}).items():
        if now is None or not is_over(schedule, now):
            flat[PREFIX + name] = {key: it for key, it in schedule.items() if key != "id"}
    return dict(sorted(flat.items()))


def asked_for(desired: Settings, now: datetime) -> dict[str, Json]:
    """Desired settings as a log entry keeps them: flat, and an empty set of schedules named."""
    flat = flatten(desired, now=now)
    if desired.schedules is not None and not any(path.startswith(PREFIX) for path in flat):
        flat[_NO_SCHEDULES] = {}
    return flat


def differences(
    desired: Settings,
    live: Settings,
    *,
    now: datetime,
    origins: Origins | None = None,
    instead: JsonObject | None = None,
) -> tuple[Change, ...]:
    """The fields that Baseten has otherwise than the release file, sorted by path.

    ``instead`` replaces wanted values by others (what a hold asks for), by path.
    """
    wanted, has = flatten(desired, now=now), flatten(live)
    managed = desired.schedules is not None
    for path, value in (instead or {}).items():
        if path in wanted or (managed and path.startswith(PREFIX)):
            wanted[path] = value
    if desired.schedules is not None:
        # The whole set is managed: a schedule that Git does not name has to go.
        named = {PREFIX + name for name in desired.schedules}
        unnamed = [path for path in flatten(live, now=now) if path.startswith(PREFIX)]
        wanted.update({path: None for path in unnamed if path not in {*wanted, *named}})
        wanted = {
            path: value
            for path, value in wanted.items()
            if path in has or not path.startswith(PREFIX) or can_be_made(value, now)
        }
    origins = origins or Origins()
    return tuple(
        _change(path, has.get(path), wanted[path], origins)
        for path in sorted(wanted)
        if not equal(path, wanted[path], has.get(path))
    )


def can_be_made(schedule: Json, now: datetime) -> bool:
    """Whether Baseten would make this schedule, where it has none of that name."""
    return not isinstance(schedule, Mapping) or not has_opened(schedule, now)


def with_changes(settings: Settings, changes: Iterable[Change]) -> Settings:
    """Settings as they are once changes were made."""
    autoscaling, promotion = dict(settings.autoscaling), dict(settings.promotion)
    schedules = dict(settings.schedules or {})
    backpressure = dict(settings.backpressure or {})
    for change in changes:
        head, _, name = change.path.partition(".")
        match head:
            case "autoscaling":
                autoscaling[name] = change.after
            case "promotion" if name.startswith(f"{_NESTED}."):
                config = promotion.get(_NESTED)
                known = config if isinstance(config, Mapping) else {}
                promotion[_NESTED] = {**known, name.partition(".")[2]: change.after}
            case "promotion":
                promotion[name] = change.after
            case "backpressure":
                backpressure[name] = change.after
            case "schedules" if isinstance(change.after, Mapping):
                known_by = {key: it for key, it in schedules.get(name, {}).items() if key == "id"}
                schedules[name] = {**known_by, **change.after}
            case "schedules":
                schedules.pop(name, None)
            case _:
                continue
    return replace(
        settings,
        autoscaling=autoscaling,
        promotion=promotion,
        backpressure=backpressure or settings.backpressure,
        schedules=schedules if schedules or settings.schedules is not None else None,
    )


def no_longer_managed(
    desired: Settings, live: Settings, asked: JsonObject | None
) -> tuple[tuple[str, Json], ...]:
    """Fields that the last log entry asked for and the file no longer names, with what stays."""
    wanted, has = flatten(desired), flatten(live)
    return tuple(
        (path, has[path])
        for path in sorted(asked or {})
        if path not in wanted
        and path in has
        and not (path.startswith(PREFIX) and desired.schedules is not None)
    )


def equal(path: str, one: Json, other: Json) -> bool:
    """Whether two values of a setting are the same; schedules by what they declare."""
    if path.startswith(PREFIX) and isinstance(one, Mapping) and isinstance(other, Mapping):
        return same(comparable(one), comparable(other))
    return same(one, other)


def same(one: Json, other: Json) -> bool:
    """Whether two JSON values are equal; 1 is 1.0, but a number is never a boolean."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _change(path: str, before: Json, after: Json, origins: Origins) -> Change:
    origin: Literal["release", "drift"] = "release"
    if origins.asked is not None and _was_asked(path, after, origins.asked):
        origin = "drift"
    return Change(path=path, before=before, after=after, origin=origin)


def manages_schedules(asked: JsonObject) -> bool:
    """Whether what a log entry asked for managed the set of schedules."""
    return any(each == _NO_SCHEDULES or each.startswith(PREFIX) for each in asked)


def _was_asked(path: str, value: Json, asked: JsonObject) -> bool:
    """Whether the last entry asked for the same; of a managed set, that a schedule be not there."""
    if path in asked:
        return equal(path, value, asked[path])
    return value is None and path.startswith(PREFIX) and manages_schedules(asked)


def changed_by(path: str, audit: Sequence[AuditEntry]) -> AuditEntry | None:
    """The newest entry that says it changed this field, whoever it is of."""
    name = _POLICY_IN_AUDIT if path == "backpressure.policy" else path.rpartition(".")[2]
    of_schedules = path.startswith(PREFIX)
    return next(
        (
            entry
            for entry in reversed(audit)
            if entry.event_type in _SETTINGS_EVENTS
            and (
                _changed_schedule(entry, path.removeprefix(PREFIX))
                if of_schedules
                else _changed(entry, name)
            )
        ),
        None,
    )


def set_by(entry: AuditEntry, path: str, value: Json) -> bool:
    """Whether an entry says that it gave a field, no schedule, just this value."""
    name = _POLICY_IN_AUDIT if path == "backpressure.policy" else path.rpartition(".")[2]
    update = entry.data.get("autoscaling_settings_update")
    sides = (entry.data, update if isinstance(update, Mapping) else {})
    return not path.startswith(PREFIX) and any(
        name in each and same(each[name], value) for each in sides
    )


def _changed(entry: AuditEntry, name: str) -> bool:
    before = entry.data.get("previous_settings")
    if isinstance(before, Mapping) and name in before and name in entry.data:
        return not same(before[name], entry.data[name])
    update = entry.data.get("autoscaling_settings_update")
    if isinstance(update, Mapping) and update.get(name) is not None:
        return True
    return not isinstance(before, Mapping) and entry.data.get(name) is not None


def _changed_schedule(entry: AuditEntry, name: str) -> bool:
    """Whether an entry names what became of a schedule, or what a promotion brought of it."""
    with_it = entry.data.get("autoscaling_schedule_settings_update")
    brought = with_it.get("schedules") if isinstance(with_it, Mapping) else None
    for each in (*_items(entry.data.get("schedules")), *_items(brought)):
        sides = (each, each.get("previous"), each.get("current"))
        if each.get("action") != "UNCHANGED" and any(
            isinstance(side, Mapping) and side.get("schedule_name") == name for side in sides
        ):
            return True
    return False


def _items(value: Json) -> list[JsonObject]:
    return [each for each in value if isinstance(each, Mapping)] if _is_list(value) else []
