"""Changes of settings as the blocks that Baseten's requests take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from gitops.state.json import Json, JsonObject
from gitops.state.schedules import AUTOSCALING as OF_A_SCHEDULE
from gitops.state.schedules import PREFIX, WINDOW
from gitops.state.settings import Change, Settings

AUTOSCALING: Final = "autoscaling_settings"
PROMOTION: Final = "promotion_settings"
BACKPRESSURE: Final = "request_backpressure_settings"
SCHEDULES: Final = "autoscaling_schedule_settings"
ROLLING: Final = "rolling_deploy_config"

_BLOCKS: Final = {
    "autoscaling": AUTOSCALING,
    "promotion": PROMOTION,
    "backpressure": BACKPRESSURE,
}
_ONE_OF_TWO: Final = ("max_surge_percent", "max_unavailable_percent")


def of_changes(changes: Iterable[Change], live: Settings | None = None) -> dict[str, Json]:
    """The settings blocks that carry the ``after`` values of changes, by Baseten's names.

    Of a surge and an unavailable percentage exactly one may count: where the only one named is
    zero, the other stays what ``live`` has. A schedule that ``live`` has by that name is replaced
    or deleted by its id, any other is made. What else a request has to hold, its edge adds.
    Raises ValueError for a path that no block holds.
    """
    blocks: dict[str, Any] = {}
    schedules: dict[str, Json] = {}
    for change in changes:
        if change.path.startswith(PREFIX):
            schedules[change.path.removeprefix(PREFIX)] = change.after
            continue
        head, _, rest = change.path.partition(".")
        if head not in _BLOCKS or not rest:
            raise ValueError(f"{change.path} is not a setting that can be written")
        _put(blocks.setdefault(_BLOCKS[head], {}), rest.split("."), change.after)
    _complete_rolling(blocks, live)
    there = (live.schedules if live is not None else None) or {}
    if block := _of_schedules(schedules, there):
        blocks[SCHEDULES] = block
    return blocks


def of_settings(settings: Settings) -> dict[str, Json]:
    """The settings of a release file as blocks, for an environment that is made now.

    Schedules cannot be given to it before it is there.
    """
    blocks: dict[str, Any] = {}
    if settings.promotion:
        blocks[PROMOTION] = settings.promotion
    if settings.autoscaling:
        blocks[AUTOSCALING] = settings.autoscaling
    if settings.backpressure is not None:
        blocks[BACKPRESSURE] = settings.backpressure
    return deepcopy(blocks)


def _of_schedules(
    schedules: Mapping[str, Json], there: Mapping[str, JsonObject]
) -> dict[str, Json]:
    upserts: list[Json] = []
    deleted: list[Json] = []
    zones: list[Json] = []
    for name, schedule in sorted(schedules.items()):
        known = there.get(name, {}).get("id")
        if isinstance(schedule, Mapping):
            upserts.append(_upsert(name, schedule, known))
            zones.append(schedule.get("timezone"))
        elif known is not None:
            deleted.append(known)
    block: dict[str, Json] = {}
    if zones and zones[0] is not None:
        block["timezone"] = zones[0]
    if upserts:
        block["schedules"] = upserts
    if deleted:
        block["delete_schedules"] = deleted
    return block


def _upsert(name: str, schedule: JsonObject, identifier: Json) -> dict[str, Json]:
    """A schedule as requests take it: whole, every setting of it named."""
    inner = schedule.get("autoscaling")
    settings = inner if isinstance(inner, Mapping) else {}
    window = {key: schedule[key] for key in WINDOW if schedule.get(key) is not None}
    window.pop("timezone", None)
    return {
        **({"id": identifier} if identifier is not None else {}),
        "name": name,
        "enabled": schedule.get("enabled") is not False,
        "autoscaling_settings": {key: settings.get(key) for key in OF_A_SCHEDULE},
        **window,
    }


def _put(block: dict[str, Any], path: list[str], value: Json) -> None:
    for name in path[:-1]:
        block = block.setdefault(name, {})
    block[path[-1]] = value


def _complete_rolling(blocks: Mapping[str, Any], live: Settings | None) -> None:
    promotion = blocks.get(PROMOTION)
    rolling = promotion.get(ROLLING) if isinstance(promotion, dict) else None
    had = live.promotion.get(ROLLING) if live is not None else None
    if not isinstance(promotion, dict) or not isinstance(rolling, Mapping):
        return
    if not isinstance(had, Mapping):
        return
    for name, other in (_ONE_OF_TWO, _ONE_OF_TWO[::-1]):
        if rolling.get(name) == 0 and other not in rolling and had.get(other):
            promotion[ROLLING] = {**rolling, other: had[other]}
