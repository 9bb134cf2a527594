"""Starting a promotion, and the five calls that steer one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.emulator.world import deeds, lifecycle, rollout, schedule
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import (
    FAILED,
    Deployment,
    Environment,
    EnvironmentUpdate,
    Model,
    Promotion,
)
from gitops.emulator.world.hardware import instance_type
from gitops.emulator.world.refusal import Refusal, invalid
from gitops.emulator.world.settings import PromotionSettings
from gitops.emulator.world.trouble import strikes
from gitops.emulator.world.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a promote request asks for besides the deployment."""

    update: EnvironmentUpdate = field(default_factory=EnvironmentUpdate)
    override: Mapping[str, Any] | None = None
    instance_type_id: str | None = None
    preserve_instance_type: bool = True
    keep_previous: bool = False
    """The request said not to scale the previous deployment down."""


def promote(
    world: World,
    actor: Actor,
    model: Model,
    environment: Environment,
    *,
    source: Deployment,
    wish: Wish,
) -> Deployment:
    """Start a promotion and give the deployment that will serve.

    Raises:
        Refusal: another promotion runs, the source cannot be promoted, or a setting is wrong.
    """
    refuse_if_promoting(world, environment)
    if source.status in FAILED:
        raise invalid(f"Deployment {source.id} cannot be promoted: it is {source.status}.")
    sleeping = {"DEACTIVATING"}
    if world.options.promote_inactive == "refused":
        sleeping.add("INACTIVE")
    if source.status in sleeping:
        raise invalid(f"Deployment {source.id} is {source.status}. Activate it first.")
    settings = effective_settings(world, environment, wish)
    environment.autoscaling.merged(wish.update.autoscaling)
    hardware = _hardware(environment, source, wish)
    region = source.region if wish.update.region is None else wish.update.region or None
    serves = environment.current_id == source.id
    copied = (
        source.is_development
        or region != source.region
        or _needs_copy(environment, source, settings, hardware)
        or (world.options.copies == "always" and not serves)
    )
    if serves and not copied:
        if world.options.promote_current == "ignored":
            return source
        raise invalid(f"Deployment {source.id} already serves {environment.name}.")
    candidate = source
    if copied:
        candidate = _copy(world, model, source, hardware)
        candidate.region = region
    deeds.record(
        world,
        actor,
        "MODEL_DEPLOYMENT_PROMOTED",
        model,
        source if world.options.audited_promotion == "source" else candidate,
        environment_name=environment.name,
        environment_id=environment.id,
        region_update=wish.update.region,
        instance_type_id_update=wish.instance_type_id,
        promotion_settings_override=deeds.promotion_override(wish.override),
        autoscaling_settings_update=deeds.autoscaling_update(wish.update.autoscaling),
        request_backpressure_settings_update=wish.update.backpressure,
        autoscaling_schedule_settings_update=wish.update.schedule_changes,
    )
    attach(world, environment, candidate, settings, wish)
    if candidate is not source or candidate.status == "INACTIVE":
        if candidate.built:
            lifecycle.begin_deploy(world, candidate)
        else:
            lifecycle.begin_build(world, candidate)
    rollout.look_at_candidate(world, environment)
    return candidate


def attach(
    world: World,
    environment: Environment,
    candidate: Deployment,
    settings: PromotionSettings,
    wish: Wish,
) -> None:
    """Make `candidate` the environment's candidate, with the settings it is to have there."""
    update = wish.update
    candidate.environment = environment.name
    candidate.autoscaling = schedule.in_force(
        environment.autoscaling.merged(update.autoscaling), environment.schedules, world.now
    )
    candidate.backpressure = (
        update.backpressure.get("policy") if update.backpressure else environment.backpressure
    )
    current = world.current(environment)
    sticking = strikes(world, "promotion_sticks", candidate)
    environment.promotion = Promotion(
        candidate_id=candidate.id,
        previous_id=environment.current_id,
        settings=settings,
        update=update,
        started_at=world.now,
        visible_at=world.now + world.options.scaled(world.options.durations.candidate_delay),
        rolling=settings.rolling_deploy and environment.current_id is not None,
        canary=settings.ramp_up_while_promoting
        and not settings.rolling_deploy
        and environment.current_id is not None,
        keep_previous=wish.keep_previous and world.options.keep_previous == "honoured",
        began_with=candidate.autoscaling,
        replicas=current.replicas if current else 0,
        sticks_at=sticking.percent if sticking else None,
        sticks_for=sticking.seconds if sticking else None,
    )


def effective_settings(world: World, environment: Environment, wish: Wish) -> PromotionSettings:
    """The environment's promotion settings with the update and the override on top."""
    saved = environment.promotion_settings.merged(wish.update.promotion, world.options)
    return saved.merged(wish.override, world.options)


def refuse_if_promoting(world: World, environment: Environment) -> None:
    """One promotion per environment. Raises: Refusal."""
    if environment.promotion is not None and environment.promotion.running:
        raise Refusal(
            world.options.conflict_status,
            "PROMOTION_IN_PROGRESS",
            f"A promotion to {environment.name} is already in progress.",
        )


def _hardware(environment: Environment, source: Deployment, wish: Wish) -> str:
    if wish.instance_type_id is not None:
        if wish.preserve_instance_type:
            raise invalid("instance_type_id cannot be set with preserve_env_instance_type: true.")
        return instance_type(wish.instance_type_id).id
    if wish.preserve_instance_type and environment.current_id is not None:
        return environment.instance_type_id
    return source.instance_type_id


def _needs_copy(
    environment: Environment, source: Deployment, settings: PromotionSettings, hardware: str
) -> bool:
    return (
        settings.redeploy_on_promotion
        or hardware != source.instance_type_id
        or (source.environment is not None and source.environment != environment.name)
    )


def _copy(world: World, model: Model, source: Deployment, hardware: str) -> Deployment:
    base = source.name
    if source.is_development:
        model.pushes += 1
        base = f"deployment-{model.pushes}"
    name = base if source.is_development else f"{base}.{int(world.now)}"
    taken = {each.name for each in model.deployments.values()}
    second = int(world.now)
    while name in taken:
        second += 1
        name = f"{base}.{second}"
    copy = Deployment(
        id=world.ids.new(),
        name=name,
        model_id=model.id,
        created_at=world.now,
        visible_at=world.now,
        artifact=source.artifact,
        instance_type_id=hardware,
        labels=source.labels if world.options.labels_on_copies else None,
        built=source.built and not source.is_development,
        copied_from=source.id,
    )
    model.deployments[copy.id] = copy
    world.deployments[copy.id] = copy
    return copy


def _running(environment: Environment) -> Promotion:
    if environment.promotion is None or not environment.promotion.running:
        raise invalid(f"No promotion to {environment.name} is in progress.")
    return environment.promotion


def _running_rolling(environment: Environment) -> Promotion:
    promotion = _running(environment)
    if not promotion.rolling:
        raise invalid(f"The promotion to {environment.name} is not a rolling one.")
    return promotion


def cancel(world: World, actor: Actor, model: Model, environment: Environment) -> str:
    """Cancel gracefully: `CANCELED` at once where no traffic moved, else `RAMPING_DOWN`."""
    promotion = _running(environment)
    _steered(world, actor, model, environment, "GRACEFUL_CANCEL")
    if promotion.rolling and promotion.percent > 0:
        if promotion.status != "RAMPING_DOWN":
            rollout.ramp_down(world, environment)
        return "RAMPING_DOWN"
    rollout.finish(world, environment, "CANCELED")
    return "CANCELED"


def pause(world: World, actor: Actor, model: Model, environment: Environment) -> None:
    """Hold the split where it is."""
    promotion = _running_rolling(environment)
    if promotion.status == "RAMPING_DOWN":
        raise invalid("A promotion that is being cancelled cannot be paused.")
    _steered(world, actor, model, environment, "PAUSE")
    rollout.pause(world, environment)


def resume(world: World, actor: Actor, model: Model, environment: Environment) -> None:
    """Go on after a pause."""
    promotion = _running_rolling(environment)
    if promotion.status != "PAUSED":
        raise invalid("The promotion is not paused.")
    _steered(world, actor, model, environment, "RESUME")
    rollout.resume(world, environment)


def force_cancel(world: World, actor: Actor, model: Model, environment: Environment) -> None:
    """Return all traffic at once."""
    _running_rolling(environment)
    _steered(world, actor, model, environment, "FORCE_CANCEL")
    rollout.finish(world, environment, "CANCELED")


def force_roll_forward(world: World, actor: Actor, model: Model, environment: Environment) -> None:
    """Move all traffic to the candidate at once, also while ramping down."""
    promotion = _running_rolling(environment)
    candidate = world.deployments[promotion.candidate_id]
    if candidate.replicas == 0:
        raise invalid(f"The candidate has no replica: it is {candidate.status}.")
    _steered(world, actor, model, environment, "FORCE_ROLL_FORWARD")
    rollout.complete(world, environment)


def _steered(
    world: World, actor: Actor, model: Model, environment: Environment, action: str
) -> None:
    promotion = _running(environment)
    deeds.record(
        world,
        actor,
        "MODEL_PROMOTION_CONTROL_ACTION",
        model,
        world.deployments[promotion.candidate_id],
        environment_name=environment.name,
        environment_id=environment.id,
        action=action,
    )


Signal = Callable[[World, Actor, Model, Environment], None]
SIGNALS: dict[str, Signal] = {
    "pause_promotion": pause,
    "resume_promotion": resume,
    "force_cancel_promotion": force_cancel,
    "force_roll_forward_promotion": force_roll_forward,
}
