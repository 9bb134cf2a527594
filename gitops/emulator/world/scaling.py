"""Replica counts: how they follow settings and load."""

from __future__ import annotations

import math
from collections.abc import Callable

from gitops.emulator.world.entities import READY, Deployment
from gitops.emulator.world.settings import Autoscaling
from gitops.emulator.world.timeline import EVENTS, event, name_of
from gitops.emulator.world.world import World

ScaleDown = Callable[[World, Deployment], None]


def set_replicas(world: World, deployment: Deployment, count: int) -> None:
    """Change the number of ready replicas, remembered for the metrics."""
    if deployment.replicas == count and deployment.replica_history:
        return
    deployment.replicas = count
    deployment.replica_history.append((world.now, count))


def wanted(deployment: Deployment) -> int:
    """Replicas for the requests that are running now, within the settings' bounds."""
    settings = deployment.autoscaling
    room = settings.concurrency_target * (settings.target_utilization_percentage or 100) / 100
    need = math.ceil(deployment.in_flight / max(room, 1e-9))
    return min(settings.max_replica, max(settings.min_replica, need, 1))


def touched(world: World, deployment: Deployment) -> None:
    """A request came or went: note it, and grow if it needs more replicas."""
    deployment.last_activity = world.now
    _grow(world, deployment)


def _grow(world: World, deployment: Deployment) -> None:
    if deployment.growing or wanted(deployment) <= deployment.replicas:
        return
    if deployment.status not in READY:
        return
    deployment.growing = True
    world.after(world.options.durations.replica_start, _grown, deployment.id)


@event
def _grown(world: World, deployment_id: str) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None:
        return
    deployment.growing = False
    if deployment.status in READY and wanted(deployment) > deployment.replicas:
        set_replicas(world, deployment, wanted(deployment))


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
    _grow(world, deployment)
    watch_for_idleness(world, deployment, scale_to_zero)


def watch_for_idleness(world: World, deployment: Deployment, scale_to_zero: ScaleDown) -> None:
    """Look again when the scale-down delay has passed since the last request."""
    if deployment.idle_check_planned:
        return
    deployment.idle_check_planned = True
    delay = world.options.scaled(deployment.autoscaling.scale_down_delay or 0)
    at = max(world.now, deployment.last_activity + delay) + world.options.scaled(1.0)
    world.timeline.plan(at, _check_idleness, deployment.id, name_of(scale_to_zero))


@event
def _check_idleness(world: World, deployment_id: str, scale_to_zero: str) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None:
        return
    deployment.idle_check_planned = False
    if deployment.status not in READY:
        return
    settings = deployment.autoscaling
    delay = world.options.scaled(settings.scale_down_delay or 0)
    least = 1 if in_rollout(world, deployment) else settings.min_replica
    idle = not deployment.in_flight and world.now - deployment.last_activity >= delay
    if idle and deployment.replicas > least:
        if least == 0:
            EVENTS[scale_to_zero](world, deployment)
            return
        rate = (settings.max_scale_down_rate or 50) / 100
        fewer = deployment.replicas - max(1, math.floor(deployment.replicas * rate))
        set_replicas(world, deployment, max(least, fewer))
        deployment.last_activity = world.now
    if settings.min_replica < deployment.replicas or in_rollout(world, deployment):
        watch_for_idleness(world, deployment, EVENTS[scale_to_zero])


def in_rollout(world: World, deployment: Deployment) -> bool:
    """Whether a running promotion counts on its replicas."""
    model = world.models[deployment.model_id]
    return any(
        environment.promotion is not None
        and environment.promotion.running
        and deployment.id in {environment.promotion.candidate_id, environment.promotion.previous_id}
        for environment in model.environments.values()
    )
