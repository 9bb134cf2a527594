"""Putting a world together."""

from __future__ import annotations

from gitops.emulator.options import Options
from gitops.emulator.world import rollout
from gitops.emulator.world.audit import SYSTEM
from gitops.emulator.world.entities import Artifact, Deployment, Model
from gitops.emulator.world.environments import create_environment
from gitops.emulator.world.models import add_model
from gitops.emulator.world.world import Runner, World


def create_world(options: Options, runner: Runner, now: float) -> World:
    """An empty workspace in which promotions follow their candidates."""
    world = World(options, runner, now)
    world.on_status.append(rollout.on_status)
    return world


def seed(
    world: World,
    models: int,
    *,
    environments: tuple[str, ...] = ("staging",),
    prefix: str = "model",
) -> list[Model]:
    """Add `models` models that serve at once, without archives or builds: they echo.

    Each environment, production included, gets an active deployment of its own.
    """
    made = []
    start = len(world.models)
    for index in range(models):
        model = add_model(world, world.default_team, f"{prefix}-{start + index + 1:03d}")
        for name in environments:
            create_environment(world, SYSTEM, model, name)
        for environment in model.environments.values():
            model.pushes += 1
            deployment = Deployment(
                id=world.ids.new(),
                name=f"deployment-{model.pushes}",
                model_id=model.id,
                created_at=world.now,
                visible_at=world.now,
                artifact=Artifact(config={"model_name": model.name, "docker_server": {}}),
                instance_type_id=environment.instance_type_id,
                environment=environment.name,
                status="ACTIVE",
                since=world.now,
                built=True,
                deployed=True,
                replicas=1,
                replica_history=[(world.now, 1)],
                last_activity=world.now,
            )
            model.deployments[deployment.id] = deployment
            world.deployments[deployment.id] = deployment
            rollout.make_current(world, environment, deployment)
        made.append(model)
    world.changed()
    return made
