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

_BLOCKS: Final = {
    "autoscaling": AUTOSCALING,
    "promotion": PROMOTION,
    "backpressure": BACKPRESSURE,
}
_ONE_OF_TWO: Final = ("max_surge_percent", "max_unavailable_percent")


def of_changes(changes: Iterable[Change], live: Settings | None = None) -> dict[str, Json]:
    """The settings blocks that carry the ``after`` values of changes, by Baseten's names.

    ``live`` completes what Baseten wants whole: of a surge and an unavailable percentage exactly
    one may count, so that both are sent where one of them is.
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
    """All the settings of a release file as blocks, for an environment that is made now.

    ``rolling_deploy`` is always sent: Baseten's own default moved in 2026.
    """
    promotion = dict(settings.promotion)
    promotion.setdefault("rolling_deploy", False)
    blocks: dict[str, Any] = {PROMOTION: promotion}
    if settings.autoscaling:
        blocks[AUTOSCALING] = dict(settings.autoscaling)
    if settings.backpressure is not None:
        blocks[BACKPRESSURE] = dict(settings.backpressure)
    _complete_rolling(blocks, None)
    return deepcopy(blocks)


def _put(block: dict[str, Any], path: list[str], value: Json) -> None:
    for name in path[:-1]:
        block = block.setdefault(name, {})
    block[path[-1]] = value


def _complete_rolling(blocks: Mapping[str, Any], live: Settings | None) -> None:
    promotion = blocks.get(PROMOTION)
    if not isinstance(promotion, dict):
        return
    rolling = promotion.get("rolling_deploy_config")
    if not isinstance(rolling, Mapping):
        return
    named = [name for name in _ONE_OF_TWO if name in rolling]
    if not named:
        return
    had = (live.promotion.get("rolling_deploy_config") if live else None) or {}
    whole = dict(rolling)
    for name in _ONE_OF_TWO:
        if name in whole:
            continue
        other = whole[named[0]]
        # The one that is not named gives way when the named one counts.
        whole[name] = 0 if other else (had.get(name, 0) if isinstance(had, Mapping) else 0)
    promotion["rolling_deploy_config"] = whole
