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
from gitops.state.settings import Change, Settings

_NESTED: Final = "rolling_deploy_config"
_SCHEDULES: Final = "schedules."
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
    no entry says. ``audit`` are Baseten's audit entries of this environment since that entry.
    """

    asked: JsonObject | None = None
    audit: Sequence[AuditEntry] = ()


def flatten(settings: Settings, *, now: datetime | None = None) -> dict[str, Json]:
    """Settings by dotted path. With ``now``, one-time schedules that are over are left out."""
    flat: dict[str, Json] = {f"autoscaling.{key}": it for key, it in settings.autoscaling.items()}
    for key, value in settings.promotion.items():
        if key == _NESTED and isinstance(value, Mapping):
            flat.update({f"promotion.{key}.{name}": it for name, it in value.items()})
        else:
            flat[f"promotion.{key}"] = value
    for key, value in (settings.backpressure or {}).items():
        flat[f"backpressure.{key}"] = value
    for name, schedule in (settings.schedules or {}).items():
        if now is None or not _is_over(schedule, now):
            flat[_SCHEDULES + name] = schedule
    return dict(sorted(flat.items()))


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
    wanted.update({path: value for path, value in (instead or {}).items() if path in wanted})
    if desired.schedules is not None:
        # The whole set is managed: a schedule that Git does not name has to go.
        unnamed = [path for path in flatten(live, now=now) if path.startswith(_SCHEDULES)]
        wanted.update({path: None for path in unnamed if path not in wanted})
    origins = origins or Origins()
    return tuple(
        _change(path, has.get(path), wanted[path], origins)
        for path in sorted(wanted)
        if not _equal(path, wanted[path], has.get(path))
    )


def with_changes(settings: Settings, changes: Iterable[Change]) -> Settings:
    """Settings as they are once changes of single fields were made. Schedules stay as they are."""
    autoscaling, promotion = dict(settings.autoscaling), dict(settings.promotion)
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
            case _:
                continue
    return replace(
        settings,
        autoscaling=autoscaling,
        promotion=promotion,
        backpressure=backpressure or settings.backpressure,
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
        and not (path.startswith(_SCHEDULES) and desired.schedules is not None)
    )


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


def _equal(path: str, wanted: Json, has: Json) -> bool:
    if path.startswith(_SCHEDULES) and isinstance(wanted, Mapping) and isinstance(has, Mapping):
        return _declared_equal(wanted, has)
    return same(wanted, has)


def _declared_equal(wanted: JsonObject, has: JsonObject) -> bool:
    for key, value in wanted.items():
        there = has.get(key)
        if isinstance(value, Mapping) and isinstance(there, Mapping):
            if not _declared_equal(value, there):
                return False
        elif not (same(value, there) or _same_moment(value, there)):
            return False
    return True


def _same_moment(one: Json, other: Json) -> bool:
    first, second = _moment(one), _moment(other)
    return first is not None and first == second


def _moment(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _is_over(schedule: JsonObject, now: datetime) -> bool:
    if schedule.get("cadence") != "ONE_TIME":
        return False
    # Baseten refuses a window that has opened already, so that one cannot be written any more.
    opens = _moment(schedule.get("start_at"))
    return opens is not None and opens <= now


def _change(path: str, before: Json, after: Json, origins: Origins) -> Change:
    asked = origins.asked
    origin: Literal["release", "drift"] = "release"
    if asked is not None and path in asked and _equal(path, after, asked[path]):
        origin = "drift"
    culprit = _culprit(path, origins.audit) if origin == "drift" else None
    return Change(
        path=path,
        before=before,
        after=after,
        origin=origin,
        by=culprit.actor if culprit else None,
        at=culprit.at.isoformat().replace("+00:00", "Z") if culprit else None,
    )


def _culprit(path: str, audit: Sequence[AuditEntry]) -> AuditEntry | None:
    """The newest entry, not our own, that says it changed this field."""
    name = _POLICY_IN_AUDIT if path == "backpressure.policy" else path.rpartition(".")[2]
    if path.startswith(_SCHEDULES):
        name = "schedules"
    return next(
        (
            entry
            for entry in reversed(audit)
            if not entry.own and entry.event_type in _SETTINGS_EVENTS and _changed(entry, name)
        ),
        None,
    )


def _changed(entry: AuditEntry, name: str) -> bool:
    before = entry.data.get("previous_settings")
    if isinstance(before, Mapping) and name in before and name in entry.data:
        return not same(before[name], entry.data[name])
    update = entry.data.get("autoscaling_settings_update")
    if isinstance(update, Mapping) and update.get(name) is not None:
        return True
    return not isinstance(before, Mapping) and entry.data.get(name) is not None
