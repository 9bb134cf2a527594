"""How long the way back from a release would take, and what keeping it short costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gitops.decide.decision import Decision
from gitops.decide.steps import Follow, Promote, UpdateSettings
from gitops.plan.cost import hardware_of
from gitops.plan.model import Rollback
from gitops.state.desired import DesiredEnvironment
from gitops.state.json import Json
from gitops.state.live import InstanceType, LiveEnvironment
from gitops.wording import duration

METRICS_TRAIL: Final = 240.0
"""Seconds that a watch waits for metrics after its end, at most."""


def way_back(
    environment: DesiredEnvironment, decision: Decision, live: LiveEnvironment | None
) -> Rollback | None:
    """``seconds`` where the deployment before stays warm; None where nothing needs a way back.

    A deployment that was scaled to zero needs a cold start, one that was deactivated an activation.
    """
    if any(isinstance(step, Promote | Follow) and not _undo(step) for step in decision.steps):
        if decision.serving is None:
            return "none"
        return "seconds" if _keeps(environment) else _after_the_watch(environment, live)
    if any(isinstance(step, UpdateSettings) for step in decision.steps):
        return "seconds"
    return None


def kept_warm(
    environment: DesiredEnvironment,
    decision: Decision,
    live: LiveEnvironment | None,
    instance_types: Mapping[str, InstanceType] | None,
) -> str | None:
    """What ``keep_previous`` costs and gains; None where nothing is kept that would not be anyway.

    The cost is an estimate: the replicas of now, for as long as the watch may take.
    """
    promotes = any(isinstance(step, Promote) for step in decision.steps)
    current = live.current if live is not None else None
    if not promotes or not _keeps(environment) or live is None or current is None:
        return None
    then = _after_the_watch(environment, live)
    least = live.settings.autoscaling.get("min_replica")
    replicas = max(current.active_replicas, least if isinstance(least, int) else 0)
    if then == "seconds" or not replicas:
        return None
    seconds = environment.watch.seconds if environment.watch is not None else 0.0
    slower = "a cold start" if then == "cold start" else "an activation"
    price = _price(live, instance_types, replicas, seconds)
    return (
        f"the deployment that serves {environment.name} now stays warm until the watch has passed, "
        f"{duration(seconds)} after the promotion{price}: "
        f"a rollback takes seconds until then, and would take {slower} without keep_previous"
    )


def _price(
    live: LiveEnvironment,
    instance_types: Mapping[str, InstanceType] | None,
    replicas: int,
    seconds: float,
) -> str:
    hardware = hardware_of(live, instance_types) if instance_types is not None else None
    if hardware is None or hardware.usd_per_minute is None:
        return ""
    usd = hardware.usd_per_minute * replicas * (seconds + METRICS_TRAIL) / 60
    return f", for about ${usd:.2f}"


def _keeps(environment: DesiredEnvironment) -> bool:
    watch = environment.watch
    return watch is not None and watch.keep_previous and watch.seconds > 0


def _after_the_watch(environment: DesiredEnvironment, live: LiveEnvironment | None) -> Rollback:
    match _strategy(environment, live):
        case "KEEP":
            return "seconds"
        case "DEACTIVATE":
            return "activation"
        case _:
            return "cold start"


def _undo(step: Promote | Follow) -> bool:
    return isinstance(step, Follow) and step.undo


def _strategy(environment: DesiredEnvironment, live: LiveEnvironment | None) -> Json:
    # Baseten's default is SCALE_TO_ZERO.
    wanted = environment.settings.promotion.get("promotion_cleanup_strategy")
    return wanted or (live.settings.promotion.get("promotion_cleanup_strategy") if live else None)
