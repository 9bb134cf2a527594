"""Putting a world together."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from gitops.emulator.options import Options
from gitops.emulator.world import health, rollout, scheduling, startups
from gitops.emulator.world.audit import SYSTEM
from gitops.emulator.world.entities import Artifact, Deployment, Environment, Model
from gitops.emulator.world.environments import checked_name, create_environment
from gitops.emulator.world.models import add_model
from gitops.emulator.world.world import Runner, World


def create_world(options: Options, runner: Runner, now: float) -> World:
    """An empty workspace in which promotions follow their candidates."""
    world = World(options, runner, now)
    world.on_status += [startups.on_status, rollout.on_status, health.on_status]
    world.on_promotion_end.append(scheduling.on_promotion_end)
    return world


def seed(
    world: World,
    models: int,
    *,
    environments: tuple[str, ...] = ("staging",),
    prefix: str = "model",
    deployment_name: str | None = None,
    labels: Mapping[str, Any] | None = None,
) -> list[Model]:
    """Add `models` models that serve at once, without archives or builds: they echo.

    Each environment, production included, gets an active deployment of its own, called
    `deployment-N`; or, where a name is given, by that name and then as a copy of it.

    Raises:
        Refusal: an environment's name is wrong; then nothing is added.
    """
    names = dict.fromkeys(checked_name(world, name) for name in environments)
    names.pop("production", None)
    taken = {model.name for model in world.models.values()}
    free = (
        name
        for number in itertools.count(len(world.models) + 1)
        if (name := f"{prefix}-{number:03d}") not in taken
    )
    made = [add_model(world, world.default_team, name) for name in itertools.islice(free, models)]
    for model in made:
        for name in names:
            create_environment(world, SYSTEM, model, name)
        for environment in model.environments.values():
            model.pushes += 1
            name = deployment_name or f"deployment-{model.pushes}"
            if any(each.name == name for each in model.deployments.values()):
                name = f"{name}.{int(world.now) + model.pushes}"
            deployment = _serving(world, model, environment, name)
            deployment.labels = dict(labels) if labels else None
            rollout.make_current(world, environment, deployment)
    world.changed()
    return made


def _serving(world: World, model: Model, environment: Environment, name: str) -> Deployment:
    deployment = Deployment(
        id=world.ids.new(),
        name=name,
        model_id=model.id,
        created_at=world.now,
        visible_at=world.now,
        artifact=Artifact(config={"model_name": model.name, "docker_server": {}}),
        instance_type_id=environment.instance_type_id,
        autoscaling=environment.autoscaling,
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
    return deployment
