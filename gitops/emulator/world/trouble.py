"""Planned faults as the world meets them: which one strikes a deployment, and what it holds."""

from __future__ import annotations

from gitops.emulator.faults import WorldFault, WorldKind
from gitops.emulator.world.entities import Deployment
from gitops.emulator.world.world import World

LOOK_AGAIN = 15.0
"""Seconds of Baseten's time between two looks at whether a fault was lifted."""


def planned(world: World, kind: WorldKind, deployment: Deployment) -> list[WorldFault]:
    """The faults of a kind that are meant for a deployment."""
    model = world.models.get(deployment.model_id)
    return [
        fault
        for fault in world.faults.world
        if fault.kind == kind
        and fault.matches(
            model=model.name if model else "",
            deployment=(deployment.name, deployment.id),
            environment=deployment.environment,
        )
    ]


def strikes(world: World, kind: WorldKind, deployment: Deployment) -> WorldFault | None:
    """The fault of a kind that happens to a deployment now, written in its log."""
    fault = next((each for each in planned(world, kind, deployment) if each.happens()), None)
    if fault is not None:
        world.log(deployment, f"Fault {kind}", "WARNING")
    return fault
