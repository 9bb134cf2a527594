"""How long things take at Baseten, changed while its emulator runs."""

from __future__ import annotations

from dataclasses import replace

from gitops.emulator import Running
from gitops.emulator.world import lifecycle


def builds_take(emulator: Running, seconds: float) -> None:
    """From now on; in Baseten's seconds, which shrink with the emulator's speed."""
    world = emulator.world
    durations = replace(world.options.durations, build=seconds)
    emulator.call(setattr, world, "options", replace(world.options, durations=durations))


def build_ends(emulator: Running) -> None:
    """The newest deployment is built, however long that was to take."""
    world = emulator.world
    emulator.call(lambda: lifecycle._finish_build(world, [*world.deployments.values()][-1]))
