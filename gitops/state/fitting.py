"""Settings that Baseten takes only where they fit to each other."""

from __future__ import annotations

from typing import Final, TypeGuard

from gitops.state.json import Json, JsonObject

_REPLICAS: Final = ("autoscaling.min_replica", "autoscaling.max_replica")
_ROLLING: Final = tuple(
    f"promotion.rolling_deploy_config.max_{way}_percent" for way in ("surge", "unavailable")
)


def unfit(settings: JsonObject) -> frozenset[str]:
    """Paths of flat settings that Baseten would refuse beside each other.

    Those are replicas whose lower bound is above the upper one, and percentages of a rolling
    promotion that are both zero or both not.
    """
    found: set[str] = set()
    least, most = (settings.get(path) for path in _REPLICAS)
    if is_number(least) and is_number(most) and least > most:
        found.update(_REPLICAS)
    surge, unavailable = (settings.get(path) for path in _ROLLING)
    if is_number(surge) and is_number(unavailable) and bool(surge) == bool(unavailable):
        found.update(_ROLLING)
    return frozenset(found)


def is_number(value: Json) -> TypeGuard[int | float]:
    """Whether a setting is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
