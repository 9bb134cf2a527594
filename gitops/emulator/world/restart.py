"""After the emulator was ended and started again: its trusses went with it, nothing else did."""

from __future__ import annotations

from gitops.emulator.world.entities import READY
from gitops.emulator.world.world import World

_LOADING = frozenset({"LOADING_MODEL", "WAKING_UP"})


def reload(world: World) -> None:
    """Begin the loads again that were going on."""
    for deployment in list(world.deployments.values()):
        if deployment.status in _LOADING:
            world.log(deployment, "The node was restarted; loading again", "WARNING")
            world.runner.load(deployment)


def resume(world: World) -> None:
    """Have every deployment with replicas come up again."""
    for deployment in list(world.deployments.values()):
        if deployment.status in READY:
            world.log(deployment, "The node was restarted; the model comes up again", "WARNING")
            world.runner.resume(deployment)
