"""Changes of settings as the blocks that Baseten's requests take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any, Final

from gitops.state.json import Json
from gitops.state.settings import Change, Settings

AUTOSCALING: Final = "autoscaling_settings"
PROMOTION: Final = "promotion_settings"
BACKPRESSURE: Final = "request_backpressure_settings"
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
    zero, the other stays what ``live`` has. What else a request has to hold, its edge adds.
    Raises ValueError for a path that no block holds.
    """
    blocks: dict[str, Any] = {}
    for change in changes:
        head, _, rest = change.path.partition(".")
        if head not in _BLOCKS or not rest:
            raise ValueError(f"{change.path} is not a setting that can be written")
        _put(blocks.setdefault(_BLOCKS[head], {}), rest.split("."), change.after)
    _complete_rolling(blocks, live)
    return blocks


def of_settings(settings: Settings) -> dict[str, Json]:
    """All the settings of a release file as blocks, for an environment that is made now."""
    blocks: dict[str, Any] = {}
    if settings.promotion:
        blocks[PROMOTION] = settings.promotion
    if settings.autoscaling:
        blocks[AUTOSCALING] = settings.autoscaling
    if settings.backpressure is not None:
        blocks[BACKPRESSURE] = settings.backpressure
    return deepcopy(blocks)


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
