"""Replica counts: how they follow settings and load.

An autoscaler looks at a deployment while there is something to decide. It takes the mean number
of requests at once over `autoscaling_window` and asks for as many replicas as keep each below
`concurrency_target` times `target_utilization_percentage`. More are started at once. Fewer must
have been enough for `scale_down_delay`; then at most `max_scale_down_rate` percent go in one
window, and the last one only after that long without any request.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gitops.emulator.world.entities import READY, Deployment, Environment, Promotion
from gitops.emulator.world.load import Load
from gitops.emulator.world.settings import Autoscaling
from gitops.emulator.world.timeline import EVENTS, event, name_of
from gitops.emulator.world.world import World

ScaleDown = Callable[[World, Deployment], None]
_TICK = 5.0
"""Seconds between two looks of the autoscaler while load or replicas may change."""


def set_replicas(world: World, deployment: Deployment, count: int) -> None:
    """Change the number of ready replicas, remembered for the metrics."""
    if deployment.replicas == count and deployment.replica_history:
        return
    deployment.replicas = count
    deployment.replica_history.append((world.now, count))


def set_starting(world: World, deployment: Deployment, count: int) -> None:
    """Change the number of replicas that are starting, remembered for the metrics."""
    history = deployment.starting_history
    if count != (history[-1][1] if history else 0):
        history.append((world.now, count))


def wanted(deployment: Deployment, load: float | None = None) -> int:
    """Replicas for so many requests at once (default: those of now), within the bounds."""
    settings = deployment.autoscaling
    room = settings.concurrency_target * (settings.target_utilization_percentage or 100) / 100
    need = math.ceil((deployment.in_flight if load is None else load) / room - 1e-9)
    return min(settings.max_replica, max(settings.min_replica, need, 1))


def capacity(deployment: Deployment) -> int:
    """Requests at once that fill the replicas there are."""
    return deployment.replicas * deployment.autoscaling.concurrency_target


def touched(world: World, deployment: Deployment, change: int = 0) -> None:
    """Requests came (+) or went (-): note it, and have the autoscaler look."""
    if deployment.id not in world.deployments:
        return
    deployment.last_activity = world.now
    load = load_of(world, deployment)
    load.change(world.now, change, _window(world, deployment))
    if wanted(deployment, load.now) > deployment.replicas:
        _look_soon(world, deployment)


def load_of(world: World, deployment: Deployment) -> Load:
    """The requests of a deployment over time."""
    return world.loads.setdefault(deployment.id, Load(world.now))


def _look_soon(world: World, deployment: Deployment) -> None:
    if not deployment.growing and deployment.status in READY:
        deployment.growing = True
        world.after(_TICK, _look_up, deployment.id)


@event
def _look_up(world: World, deployment_id: str) -> None:
    """Start replicas where the mean load asks for them; else look again while it rises."""
    deployment = world.deployments.get(deployment_id)
    if deployment is None:
        return
    deployment.growing = False
    if deployment.status not in READY:
        return
    load = load_of(world, deployment)
    need = wanted(deployment, _mean(world, deployment))
    if need > deployment.replicas:
        deployment.growing = True
        set_starting(world, deployment, need - deployment.replicas)
        world.after(world.options.durations.replica_start, _grown, deployment.id, need)
    elif wanted(deployment, load.now) > deployment.replicas:
        _look_soon(world, deployment)


@event
def _grown(world: World, deployment_id: str, target: int) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None:
        return
    deployment.growing = False
    if deployment.status not in READY:
        return
    set_starting(world, deployment, 0)
    target = min(target, deployment.autoscaling.max_replica)
    if target > deployment.replicas:
        set_replicas(world, deployment, target)
        deployment.enough_since = None
        world.changed()
    _look_soon(world, deployment)


def _mean(world: World, deployment: Deployment) -> float:
    return load_of(world, deployment).mean(world.now, _window(world, deployment))


def _window(world: World, deployment: Deployment) -> float:
    return world.options.scaled(deployment.autoscaling.autoscaling_window or 60)


def apply_autoscaling(
    world: World,
    deployment: Deployment,
    settings: Autoscaling,
    *,
    wake: Callable[[World, Deployment], None],
    scale_to_zero: ScaleDown,
) -> None:
    """Put settings in force on one deployment."""
    deployment.autoscaling = settings
    if deployment.status == "SCALED_TO_ZERO" and settings.min_replica > 0:
        wake(world, deployment)
        return
    if deployment.status not in READY:
        return
    if deployment.replicas > settings.max_replica:
        set_replicas(world, deployment, settings.max_replica)
    _look_soon(world, deployment)
    watch_for_idleness(world, deployment, scale_to_zero)


def watch_for_idleness(world: World, deployment: Deployment, scale_to_zero: ScaleDown) -> None:
    """Look when fewer replicas, or none, may be enough."""
    if deployment.idle_check_planned or deployment.status not in READY:
        return
    deployment.idle_check_planned = True
    if deployment.replicas > max(1, _least(world, deployment)):
        at = world.now + world.options.scaled(_TICK)
    else:
        seconds = deployment.autoscaling.scale_down_delay or 0
        rest = max(_TICK, seconds / 10) if load_of(world, deployment).now else 1.0
        idle_at = deployment.last_activity + world.options.scaled(seconds)
        at = max(world.now, idle_at) + world.options.scaled(rest)
    world.timeline.plan(at, _look_down, deployment.id, name_of(scale_to_zero))


@event
def _look_down(world: World, deployment_id: str, scale_to_zero: str) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None:
        return
    deployment.idle_check_planned = False
    if deployment.status not in READY:
        return
    delay = world.options.scaled(deployment.autoscaling.scale_down_delay or 0)
    least = _least(world, deployment)
    load = load_of(world, deployment)
    need = max(least, wanted(deployment, _mean(world, deployment)))
    if need >= deployment.replicas:
        deployment.enough_since = None
    elif deployment.enough_since is None:
        deployment.enough_since = world.now
    elif world.now - deployment.enough_since >= delay:
        _shrink(world, deployment, need, delay)
    idle = not load.now and world.now - deployment.last_activity >= delay
    if idle and deployment.replicas == 1 and least == 0:
        EVENTS[scale_to_zero](world, deployment)
        return
    if deployment.replicas > least:
        watch_for_idleness(world, deployment, EVENTS[scale_to_zero])


def _shrink(world: World, deployment: Deployment, need: int, delay: float) -> None:
    settings = deployment.autoscaling
    rate = (settings.max_scale_down_rate or 50) / 100
    fewer = deployment.replicas - max(1, math.floor(deployment.replicas * rate))
    set_replicas(world, deployment, max(need, fewer))
    # The next ones may go a window later.
    deployment.enough_since = world.now - delay + _window(world, deployment)
    world.changed()


def _least(world: World, deployment: Deployment) -> int:
    """Replicas that no lack of load takes away: in a rollout, those for its share of traffic."""
    found = rollout_of(world, deployment)
    if found is None:
        return deployment.autoscaling.min_replica
    environment, promotion = found
    return max(1, share(environment, promotion, deployment.id))


def share(environment: Environment, promotion: Promotion, deployment_id: str) -> int:
    """Replicas of one side of a rollout: its part of those the environment had before.

    With a surge the new ones come first and the old ones go a step later; with
    unavailability the old ones go first.
    """
    rolling = promotion.settings.rolling_deploy_config
    total = max(promotion.replicas, environment.autoscaling.min_replica)
    percent = promotion.percent
    if deployment_id == promotion.candidate_id:
        overhead = rolling.replica_overhead_percent if rolling else 0
        return math.ceil(total * percent / 100 * (1 + overhead / 100))
    surge = rolling is None or rolling.max_surge_percent > 0
    gone = percent - rolling.step_percent if rolling and surge else percent
    return total - math.floor(total * max(0, gone) / 100)


def rollout_of(world: World, deployment: Deployment) -> tuple[Environment, Promotion] | None:
    """The running promotion that counts on a deployment's replicas, with its environment."""
    for environment in world.models[deployment.model_id].environments.values():
        promotion = environment.promotion
        if (
            promotion is not None
            and promotion.running
            and deployment.id in {promotion.candidate_id, promotion.previous_id}
        ):
            return environment, promotion
    return None
