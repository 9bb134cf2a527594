"""Autoscaling and promotion settings: defaults, merging, and what Baseten refuses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from gitops.emulator.options import Options
from gitops.emulator.world.refusal import invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Autoscaling:
    """Settings of one deployment or environment; times in seconds."""

    min_replica: int = 0
    max_replica: int = 1
    autoscaling_window: int | None = 60
    scale_down_delay: int | None = 900
    concurrency_target: int = 1
    target_utilization_percentage: int | None = 70
    target_in_flight_tokens: int | None = None
    max_scale_down_rate: int | None = 50

    def merged(self, update: Mapping[str, Any] | None) -> Autoscaling:
        """These settings with the non-null fields of `update`.

        Raises:
            Refusal: a value is out of its range, or min is above max.
        """
        merged = replace(self, **_given(update))
        for name, low, high in _AUTOSCALING_RANGES:
            _within(name, getattr(merged, name), low, high)
        if merged.min_replica > merged.max_replica:
            raise invalid(
                f"min_replica ({merged.min_replica}) cannot be greater than "
                f"max_replica ({merged.max_replica})."
            )
        return merged

    def to_json(self) -> dict[str, Any]:
        """The block as the API shows it."""
        return _fields(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rolling:
    """How a rolling promotion moves: percentages of replicas, seconds of rest between steps."""

    rolling_deploy_strategy: str = "REPLICA"
    max_surge_percent: int = 25
    max_unavailable_percent: int = 0
    stabilization_time_seconds: int = 0
    replica_overhead_percent: int = 0

    @property
    def step_percent(self) -> int:
        """Traffic that one step moves."""
        return max(self.max_surge_percent, self.max_unavailable_percent, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionSettings:
    """How an environment takes a new deployment."""

    redeploy_on_promotion: bool = False
    rolling_deploy: bool = False
    promotion_cleanup_strategy: str = "SCALE_TO_ZERO"
    rolling_deploy_config: Rolling | None = None
    ramp_up_while_promoting: bool = False
    ramp_up_duration_seconds: int = 600

    def merged(self, update: Mapping[str, Any] | None, options: Options) -> PromotionSettings:
        """These settings with the non-null fields of `update`, nested block included.

        Raises:
            Refusal: a canary (unless the options take one), an unknown strategy, a percentage
                out of range, or surge and unavailable both set or both zero.
        """
        given = _given(update)
        rolling = given.pop("rolling_deploy_config", None)
        if given.get("ramp_up_while_promoting") and not options.takes_canary:
            raise invalid("Canary promotions are not supported for models; use rolling_deploy.")
        merged = replace(self, **given)
        if merged.promotion_cleanup_strategy not in {"KEEP", "SCALE_TO_ZERO", "DEACTIVATE"}:
            raise invalid("promotion_cleanup_strategy must be KEEP, SCALE_TO_ZERO or DEACTIVATE.")
        if rolling is None:
            return merged
        base = merged.rolling_deploy_config or Rolling(max_surge_percent=options.surge_percent)
        config = replace(base, **_given(rolling))
        _check_rolling(config)
        return replace(merged, rolling_deploy_config=config)

    def to_json(self) -> dict[str, Any]:
        """The block as the API shows it."""
        body = _fields(self)
        if self.rolling_deploy_config is not None:
            body["rolling_deploy_config"] = _fields(self.rolling_deploy_config)
        return body


_AUTOSCALING_RANGES: tuple[tuple[str, int, int], ...] = (
    ("min_replica", 0, 1000),
    ("max_replica", 1, 1000),
    ("autoscaling_window", 10, 3600),
    ("scale_down_delay", 0, 3600),
    ("concurrency_target", 1, 1_000_000),
    ("target_utilization_percentage", 1, 100),
    ("target_in_flight_tokens", 1, 1_000_000_000),
    ("max_scale_down_rate", 1, 50),
)
_ROLLING_RANGES: tuple[tuple[str, int, int], ...] = (
    ("max_surge_percent", 0, 50),
    ("max_unavailable_percent", 0, 50),
    ("stabilization_time_seconds", 0, 3600),
    ("replica_overhead_percent", 0, 500),
)


def check_development(settings: Autoscaling) -> None:
    """The replicas of the development slot are fixed. Raises: Refusal."""
    if (settings.min_replica, settings.max_replica) != (0, 1):
        raise invalid("The development deployment runs with 0 to 1 replicas.")


def _fields(block: Autoscaling | Rolling | PromotionSettings) -> dict[str, Any]:
    """As `asdict` does for one level, without copying the values: every answer needs it."""
    return {name: getattr(block, name) for name in block.__slots__}


def _given(update: Mapping[str, Any] | None) -> dict[str, Any]:
    """Null and omitted both mean "leave as is"."""
    return {key: value for key, value in (update or {}).items() if value is not None}


def _within(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise invalid(f"{name} must be between {low} and {high}, not {value}.")


def _check_rolling(config: Rolling) -> None:
    if config.rolling_deploy_strategy != "REPLICA":
        raise invalid("rolling_deploy_strategy must be REPLICA.")
    for name, low, high in _ROLLING_RANGES:
        _within(name, getattr(config, name), low, high)
    if config.max_surge_percent and config.max_unavailable_percent:
        raise invalid("Only one of max_surge_percent and max_unavailable_percent can be set.")
    if not config.max_surge_percent and not config.max_unavailable_percent:
        raise invalid("One of max_surge_percent and max_unavailable_percent must be above 0.")


def autoscaling_fields() -> tuple[str, ...]:
    """Names of the autoscaling block, in the API's order."""
    return tuple(field.name for field in fields(Autoscaling))
