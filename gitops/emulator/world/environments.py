"""Creating, changing, stopping and deleting environments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitops.emulator.world import deeds, lifecycle, rollout
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import Deployment, Environment, Model
from gitops.emulator.world.hardware import DEFAULT_INSTANCE_TYPE
from gitops.emulator.world.refusal import Refusal, invalid
from gitops.emulator.world.scaling import apply_autoscaling
from gitops.emulator.world.settings import Autoscaling, PromotionSettings, Rolling
from gitops.emulator.world.timeline import event
from gitops.emulator.world.world import World

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
Block = Mapping[str, Any] | None


def new_environment(world: World, model: Model, name: str) -> Environment:
    """An environment with the defaults of the mode, added to the model."""
    newest = world.options.mode == "newest"
    environment = Environment(
        id=world.ids.new(),
        name=name,
        model_id=model.id,
        created_at=world.now,
        autoscaling=Autoscaling(),
        promotion_settings=PromotionSettings(
            rolling_deploy=newest, rolling_deploy_config=Rolling() if newest else None
        ),
        instance_type_id=DEFAULT_INSTANCE_TYPE,
    )
    model.environments[name] = environment
    return environment


def create_environment(
    world: World,
    actor: Actor,
    model: Model,
    name: str,
    *,
    autoscaling: Block = None,
    promotion: Block = None,
    backpressure: Block = None,
) -> Environment:
    """Create an environment.

    Raises:
        Refusal: the name is taken, reserved or malformed, or a setting is wrong.
    """
    name = name.lower()
    if name == "development":
        raise invalid("The name 'development' is reserved.")
    if not _NAME.match(name):
        raise invalid(f"Environment name {name!r} is not valid.")
    if name in model.environments:
        raise Refusal(
            world.options.conflict_status,
            "ALREADY_EXISTS",
            f"Environment {name!r} already exists.",
        )
    july = world.options.mode == "july"
    settings = Autoscaling().merged(autoscaling)
    base = PromotionSettings(
        rolling_deploy=not july, rolling_deploy_config=None if july else Rolling()
    )
    promotion_settings = base.merged(promotion, july=july)
    environment = new_environment(world, model, name)
    environment.autoscaling = settings
    environment.promotion_settings = promotion_settings
    environment.backpressure = (backpressure or {}).get("policy")
    deeds.record(
        world,
        actor,
        "ENVIRONMENT_CREATED",
        model,
        **deeds.environment_settings(environment),
        environment_name=name,
        deployment_type=None,
    )
    world.changed()
    return environment


def update_environment(
    world: World,
    actor: Actor,
    model: Model,
    environment: Environment,
    *,
    autoscaling: Block,
    promotion: Block,
    backpressure: Block,
) -> str:
    """Change settings: `ACCEPTED`, `QUEUED` or `UNCHANGED`; autoscaling holds a little later.

    Raises:
        Refusal: a value is wrong; then nothing is changed.
    """
    july = world.options.mode == "july"
    wanted = environment.autoscaling.merged(autoscaling)
    promotion_settings = environment.promotion_settings.merged(promotion, july=july)
    policy = environment.backpressure if backpressure is None else backpressure.get("policy")
    scaling_differs = wanted != environment.autoscaling
    if not scaling_differs and (promotion_settings, policy) == (
        environment.promotion_settings,
        environment.backpressure,
    ):
        return "UNCHANGED"
    previous = deeds.environment_settings(environment)
    before = environment.autoscaling
    environment.promotion_settings = promotion_settings
    environment.backpressure = policy
    environment.autoscaling = wanted
    current = world.current(environment)
    deeds.record(
        world,
        actor,
        "ENVIRONMENT_UPDATED",
        model,
        **deeds.environment_settings(environment),
        environment_name=environment.name,
        deployment_type=deeds.deployment_type(current),
        schedules=None,
        previous_settings=previous,
    )
    if current is not None:
        current.backpressure = policy
    if not scaling_differs:
        world.changed()
        return "ACCEPTED"
    environment.autoscaling = before
    world.after(
        world.options.durations.settings,
        _put_in_force,
        model.id,
        environment.name,
        environment.id,
        autoscaling,
    )
    return "QUEUED" if current is not None and not current.deployed else "ACCEPTED"


@event
def _put_in_force(
    world: World, model_id: str, name: str, environment_id: str, update: Block
) -> None:
    model = world.models.get(model_id)
    environment = model.environments.get(name) if model else None
    if environment is None or environment.id != environment_id:
        return
    environment.autoscaling = environment.autoscaling.merged(update)
    current = world.current(environment)
    if current is not None:
        apply_autoscaling(
            world,
            current,
            environment.autoscaling,
            wake=lifecycle.wake,
            scale_to_zero=lifecycle.scale_to_zero,
        )


def serving(world: World, environment: Environment) -> Deployment:
    """The current deployment. Raises: Refusal when there is none."""
    current = world.current(environment)
    if current is None:
        raise invalid(f"Environment {environment.name} has no deployment.")
    return current


def delete_environment(world: World, actor: Actor, model: Model, environment: Environment) -> None:
    """Delete an environment: a running promotion is cancelled, what serves scales to zero.

    Raises:
        Refusal: it is production.
    """
    if environment.name == "production":
        raise invalid("The production environment cannot be deleted.")
    if environment.promotion is not None and environment.promotion.running:
        rollout.finish(world, environment, "CANCELED")
    current = world.current(environment)
    if current is not None:
        current.environment = None
        current.autoscaling = current.autoscaling.merged({"min_replica": 0})
        lifecycle.scale_to_zero(world, current)
    deeds.record(world, actor, "ENVIRONMENT_DELETED", model, environment_name=environment.name)
    environment.promotion = None
    del model.environments[environment.name]
    world.changed()
