"""Deployments that turn UNHEALTHY, after a while or under load, and recover."""

from __future__ import annotations

from gitops.emulator.faults import RequestFault, WorldFault
from gitops.emulator.world import lifecycle
from gitops.emulator.world.entities import Deployment
from gitops.emulator.world.timeline import event
from gitops.emulator.world.trouble import planned
from gitops.emulator.world.world import World


def plan(world: World, fault: WorldFault | RequestFault) -> None:
    """Plan a fault; for what is ACTIVE already, `after` begins now."""
    world.faults.add(fault)
    if not isinstance(fault, WorldFault) or fault.after is None:
        return
    for deployment in world.deployments.values():
        meant = any(each is fault for each in planned(world, "turns_unhealthy", deployment))
        if meant and deployment.status == "ACTIVE":
            _strike_later(world, deployment, fault, fault.after)


def on_status(world: World, deployment: Deployment) -> None:
    """A deployment that became ACTIVE may be one that does not stay well."""
    if deployment.status != "ACTIVE":
        return
    for fault in planned(world, "turns_unhealthy", deployment):
        if fault.after is not None:
            _strike_later(world, deployment, fault, fault.after)


def _strike_later(world: World, deployment: Deployment, fault: WorldFault, seconds: float) -> None:
    if fault.happens():
        world.after(seconds, _fall_ill, deployment.id, deployment.generation, fault.seconds)


def request_answered(world: World, deployment: Deployment) -> None:
    """One more request was answered: it may be the one that is too much."""
    if deployment.status != "ACTIVE":
        return
    for fault in planned(world, "turns_unhealthy", deployment):
        reached = fault.is_reached(deployment.id, in_flight=deployment.in_flight)
        if reached and deployment.status == "ACTIVE" and fault.happens():
            _fall_ill(world, deployment.id, deployment.generation, fault.seconds)


@event
def _fall_ill(
    world: World, deployment_id: str, generation: int, recovers_after: float | None
) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None or deployment.generation != generation:
        return
    world.log(deployment, "The health check fails, as was asked for.", "ERROR")
    lifecycle.set_status(world, deployment, "UNHEALTHY")
    if recovers_after is not None:
        world.later(deployment, recovers_after, _recover)


@event
def _recover(world: World, deployment: Deployment) -> None:
    world.log(deployment, "The health check passes again")
    lifecycle.set_status(world, deployment, "ACTIVE")
