"""Creating, changing, stopping and deleting environments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gitops.emulator.world import deeds, lifecycle, rollout, scheduling, shadows
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import STARTING, Deployment, Environment, Model
from gitops.emulator.world.hardware import DEFAULT_INSTANCE_TYPE
from gitops.emulator.world.refusal import Refusal, invalid
from gitops.emulator.world.settings import Autoscaling, PromotionSettings, Rolling
from gitops.emulator.world.timeline import event
from gitops.emulator.world.world import World

_NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
Block = Mapping[str, Any] | None


def new_environment(world: World, model: Model, name: str) -> Environment:
    """An environment with the defaults of the mode, added to the model."""
    environment = Environment(
        id=world.ids.new(),
        name=name,
        model_id=model.id,
        created_at=world.now,
        autoscaling=Autoscaling(),
        promotion_settings=_first_promotion_settings(world),
        instance_type_id=DEFAULT_INSTANCE_TYPE,
    )
    model.environments[name] = environment
    return environment


def _first_promotion_settings(world: World) -> PromotionSettings:
    options = world.options
    if not options.new_environments_roll:
        return PromotionSettings()
    rolling = Rolling(max_surge_percent=options.surge_percent)
    return PromotionSettings(rolling_deploy=True, rolling_deploy_config=rolling)


def checked_name(world: World, name: str) -> str:
    """The name that a new environment gets. Raises: Refusal."""
    name = world.options.environment_name(name)
    if name.lower() == "development":
        raise invalid("The name 'development' is reserved.")
    if not _NAME.match(name.lower()):
        raise invalid(f"Environment name {name!r} is not valid.")
    return name


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
    name = checked_name(world, name)
    if name in model.environments:
        raise Refusal(
            world.options.conflict_status,
            "ALREADY_EXISTS",
            f"Environment {name!r} already exists.",
        )
    settings = Autoscaling().merged(autoscaling)
    promotion_settings = _first_promotion_settings(world).merged(promotion, world.options)
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
    schedule_settings: Block = None,
    routing: Block = None,
) -> str:
    """Change settings: `ACCEPTED`, `QUEUED` or `UNCHANGED`; autoscaling holds a little later.

    Raises:
        Refusal: a value is wrong; then nothing is changed.
    """
    wanted = environment.autoscaling.merged(autoscaling)
    promotion_settings = environment.promotion_settings.merged(promotion, world.options)
    policy = environment.backpressure if backpressure is None else backpressure.get("policy")
    schedules = scheduling.changed(world, environment.schedules, wanted, schedule_settings)
    rules = shadows.changed(world, model, environment, routing)
    scaling_differs = wanted != environment.autoscaling or schedules != environment.schedules
    if not scaling_differs and (promotion_settings, policy, rules) == (
        environment.promotion_settings,
        environment.backpressure,
        environment.shadows,
    ):
        return "UNCHANGED"
    previous = deeds.environment_settings(environment)
    before = environment.autoscaling
    environment.promotion_settings = promotion_settings
    environment.backpressure = policy
    environment.autoscaling = wanted
    environment.shadows = rules
    current = world.current(environment)
    deeds.record(
        world,
        actor,
        "ENVIRONMENT_UPDATED",
        model,
        **deeds.environment_settings(environment),
        environment_name=environment.name,
        deployment_type=deeds.deployment_type(current),
        schedules=scheduling.audited(environment.schedules, schedules),
        previous_settings=previous,
    )
    environment.schedules = schedules
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
    return "QUEUED" if current is not None and current.status in STARTING else "ACCEPTED"


@event
def _put_in_force(
    world: World, model_id: str, name: str, environment_id: str, update: Block
) -> None:
    model = world.models.get(model_id)
    environment = model.environments.get(name) if model else None
    if environment is None or environment.id != environment_id:
        return
    current = world.current(environment)
    if current is not None and current.status in STARTING:
        seconds = world.options.durations.settings
        world.after(seconds, _put_in_force, model_id, name, environment_id, update)
        return
    environment.autoscaling = environment.autoscaling.merged(update)
    scheduling.reconcile(world, environment)


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
