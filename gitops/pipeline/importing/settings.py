"""Live settings as the keys of a release file: only those that say something."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gitops.release.settings import (
    Autoscaling,
    Promotion,
    RollingDeployConfig,
    ScheduledAutoscaling,
)
from gitops.state.differences import same
from gitops.state.json import Json, JsonObject
from gitops.state.live import LiveEnvironment
from gitops.state.schedules import WEEKDAYS, WINDOW, is_over

if TYPE_CHECKING:
    from pydantic import BaseModel

_ROLLING: Final = "rolling_deploy_config"
_PAIR: Final = ("max_surge_percent", "max_unavailable_percent")
_MINUTES: Final = ("start_minute", "end_minute")
_RAMP: Final = ("ramp_up_while_promoting", "ramp_up_duration_seconds")
"""The old canary ramp: no release file can ask for it, and without it its length means nothing."""


def settings_keys(
    live: LiveEnvironment, defaults: Mapping[str, Any], now: datetime
) -> dict[str, Json]:
    """What an environment's entry has to say so that it asks for the settings it has.

    ``defaults`` is gitops.yaml's entry of that environment. A setting is written where it is not
    what the defaults, or else Baseten itself, would give. One-time schedules that are over are
    left out.
    """
    found: dict[str, Json] = {}
    settings = live.settings
    autoscaling = _telling(settings.autoscaling, Autoscaling, _below(defaults, "autoscaling"))
    if autoscaling:
        found["autoscaling"] = autoscaling
    promotion = _promotion(settings.promotion, _below(defaults, "promotion"))
    if promotion:
        found["promotion"] = promotion
    policy = (settings.backpressure or {}).get("policy")
    if settings.backpressure is not None and not same(
        policy, _below(defaults, "backpressure").get("policy")
    ):
        found["backpressure"] = {"policy": policy}
    schedules = {
        name: _schedule(each)
        for name, each in sorted((settings.schedules or {}).items())
        if not is_over(each, now)
    }
    if schedules:
        found["schedules"] = schedules
    return found


def unsaid(live: LiveEnvironment) -> tuple[str, ...]:
    """Settings that Baseten reports and the language has no word for, as sentences."""
    known = {
        "autoscaling": (live.settings.autoscaling, Autoscaling.model_fields),
        "promotion": (live.settings.promotion, Promotion.model_fields),
    }
    sentences = [
        f"{name}.{key} is set on Baseten, and no release file can say it: it stays as it is"
        for name, (block, fields) in known.items()
        for key, value in block.items()
        if key not in fields and value is not None
    ]
    if live.settings.promotion.get(_RAMP[0]) is True:
        sentences.append(
            "promotions ramp up as canaries, which Baseten refuses by now:"
            " write promotion.rolling_deploy instead"
        )
    return tuple(sentences)


def about_beyond(beyond: JsonObject) -> tuple[str, ...]:
    """What an environment has that no release file can say, as sentences."""
    sentences = []
    for key, value in beyond.items():
        match key:
            case "region":
                what = f"it serves in the region {value}"
            case "traffic_routing":
                what = "it sends shadow traffic"
            case _:
                what = f"it has {key}"
        sentences.append(f"{what}, which no release file can say: it is left to Baseten")
    return tuple(sentences)


def _promotion(live: JsonObject, far: Mapping[str, Any]) -> dict[str, Json]:
    plain = {key: it for key, it in live.items() if key != _ROLLING and key not in _RAMP}
    found = _telling(plain, Promotion, far)
    config, below = live.get(_ROLLING), far.get(_ROLLING)
    if isinstance(config, Mapping) and (live.get("rolling_deploy") is True or below):
        nearby = below if isinstance(below, Mapping) else {}
        rolling = _telling(config, RollingDeployConfig, nearby)
        if any(key in rolling for key in _PAIR) and any(config.get(key) for key in _PAIR):
            # One is above 0, and the other follows from it.
            rolling = {key: it for key, it in rolling.items() if key not in _PAIR}
            rolling |= {key: config[key] for key in _PAIR if config.get(key) or key in nearby}
        if rolling:
            found[_ROLLING] = _ordered(rolling, RollingDeployConfig)
    return found


def _telling(live: JsonObject, model: type[BaseModel], far: Mapping[str, Any]) -> dict[str, Json]:
    """The fields that differ from what would be asked for without them, in the language's order."""
    return {
        key: value
        for key, field in model.model_fields.items()
        if (value := live.get(key)) is not None and not same(value, far.get(key, field.default))
    }


def _ordered(found: Mapping[str, Json], model: type[BaseModel]) -> dict[str, Json]:
    return {key: found[key] for key in model.model_fields if key in found}


def _schedule(live: JsonObject) -> dict[str, Json]:
    """A schedule in as few words as the language needs."""
    found: dict[str, Json] = {}
    if live.get("enabled") is False:
        found["enabled"] = False
    for key in WINDOW:
        value = live.get(key)
        if value is None or (key == "timezone" and value == "UTC"):
            continue
        if value == 0 and key in _MINUTES and live.get("cadence") == "DAILY":
            continue
        if key == "weekdays" and isinstance(value, list):
            days: dict[Json, int] = {day: place for place, day in enumerate(WEEKDAYS)}
            value = sorted(value, key=lambda day: days.get(day, len(days)))
        found[key] = value
    inner = live.get("autoscaling")
    if isinstance(inner, Mapping):
        found["autoscaling"] = _ordered(inner, ScheduledAutoscaling)
    return found


def _below(defaults: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = defaults.get(key)
    return found if isinstance(found, Mapping) else {}
