"""A promotion in motion: waiting for health, moving traffic, ending one way or another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gitops.emulator.world import lifecycle
from gitops.emulator.world.entities import (
    FAILED,
    READY,
    Deployment,
    Environment,
    Promotion,
    Stint,
)
from gitops.emulator.world.scaling import (
    apply_autoscaling,
    set_replicas,
    share,
    wanted,
    watch_for_idleness,
)
from gitops.emulator.world.settings import Rolling
from gitops.emulator.world.timeline import EVENTS, event, name_of
from gitops.emulator.world.trouble import LOOK_AGAIN, planned
from gitops.emulator.world.world import World


def on_status(world: World, deployment: Deployment) -> None:
    """A deployment's status changed: promotions that wait for it may go on or fail."""
    model = world.models.get(deployment.model_id)
    if model is None:
        return
    for environment in model.environments.values():
        promotion = environment.promotion
        if promotion and promotion.running and promotion.candidate_id == deployment.id:
            look_at_candidate(world, environment)


def look_at_candidate(world: World, environment: Environment) -> None:
    """Judge a running promotion by its candidate's status."""
    promotion = environment.promotion
    if promotion is None:
        return
    candidate = world.deployments[promotion.candidate_id]
    if candidate.status in FAILED:
        reason = f"Deployment {candidate.id} ended as {candidate.status}."
        finish(world, environment, "FAILED", reason)
    elif candidate.status in {"INACTIVE", "DEACTIVATING"}:
        finish(world, environment, "FAILED", f"Deployment {candidate.id} was deactivated.")
    elif candidate.status == "SCALED_TO_ZERO":
        lifecycle.wake(world, candidate)
    elif candidate.status == "ACTIVE" and promotion.status == "RELEASING":
        _plan(world, environment, world.options.durations.release, _begin_traffic)


_CANARY_PERCENT = 10
"""Traffic that one step of a canary moves; the sources say how long all of it takes."""

Step = Callable[[World, Environment], None]


def _plan(world: World, environment: Environment, seconds: float, step: Step) -> None:
    """One event is pending for a promotion: planning another one replaces it."""
    promotion = environment.promotion
    if promotion is None:
        return
    promotion.generation = world.timeline.next_number
    world.after(
        seconds,
        _of_promotion,
        environment.model_id,
        environment.name,
        promotion.generation,
        name_of(step),
    )


@event
def _of_promotion(world: World, model_id: str, name: str, generation: int, step: str) -> None:
    model = world.models.get(model_id)
    environment = model.environments.get(name) if model else None
    if environment is None or environment.promotion is None:
        return
    if environment.promotion.generation == generation:
        EVENTS[step](world, environment)


@event
def _begin_traffic(world: World, environment: Environment) -> None:
    promotion = _of(environment)
    candidate = world.deployments[promotion.candidate_id]
    if candidate.status != "ACTIVE" or _sticks(world, environment, _begin_traffic):
        return
    if not promotion.gradual:
        complete(world, environment)
        return
    _begin_stint(world, environment, candidate)
    promotion.status = "RAMPING_UP"
    promotion.percent = min(100, _step_percent(promotion))
    _share_replicas(world, environment)
    _plan_step(world, environment)


def _sticks(world: World, environment: Environment, step: Step) -> bool:
    """Whether a fault keeps a promotion where it is; then `step` is tried again later."""
    promotion = _of(environment)
    if promotion.sticks_at is None or promotion.percent < promotion.sticks_at:
        return False
    candidate = world.deployments[promotion.candidate_id]
    rest = promotion.sticks_for
    if rest is not None:
        promotion.sticks_at = None
    elif planned(world, "promotion_sticks", candidate):
        rest = LOOK_AGAIN
    else:
        promotion.sticks_at = None
        return False
    _plan(world, environment, rest, step)
    return True


def _plan_step(world: World, environment: Environment) -> None:
    promotion = _of(environment)
    if promotion.canary:
        rest = promotion.settings.ramp_up_duration_seconds * _CANARY_PERCENT / 100
    else:
        rest = world.options.durations.step + _rolling(promotion).stabilization_time_seconds
    _plan(world, environment, rest, _step)


@event
def _step(world: World, environment: Environment) -> None:
    promotion = _of(environment)
    candidate = world.deployments[promotion.candidate_id]
    if _sticks(world, environment, _step):
        return
    if candidate.status == "ACTIVE":
        if promotion.percent >= 100:
            complete(world, environment)
            return
        promotion.percent = min(100, promotion.percent + _step_percent(promotion))
        _share_replicas(world, environment)
    _plan_step(world, environment)


def _share_replicas(world: World, environment: Environment) -> None:
    """Give each side of a rollout the replicas for its traffic, at least one."""
    promotion = _of(environment)
    for identifier in (promotion.candidate_id, promotion.previous_id):
        deployment = world.deployments.get(identifier or "")
        if deployment is None or deployment.status not in READY:
            continue
        part = max(1, share(environment, promotion, deployment.id))
        on_load = wanted(deployment) if deployment.in_flight else 1
        most = deployment.autoscaling.max_replica
        set_replicas(world, deployment, min(most, max(part, on_load)))


def pause(world: World, environment: Environment) -> None:
    """Hold."""
    promotion = _of(environment)
    promotion.status = "PAUSED"
    promotion.generation += 1
    world.changed()


def resume(world: World, environment: Environment) -> None:
    """Go on where the pause began."""
    promotion = _of(environment)
    if promotion.percent == 0:
        promotion.status = "RELEASING"
        look_at_candidate(world, environment)
    else:
        promotion.status = "RAMPING_UP"
        _plan_step(world, environment)


def ramp_down(world: World, environment: Environment) -> None:
    """Take the traffic back step by step."""
    _of(environment).status = "RAMPING_DOWN"
    _plan(world, environment, world.options.durations.step, _step_down)


@event
def _step_down(world: World, environment: Environment) -> None:
    promotion = _of(environment)
    promotion.percent = max(0, promotion.percent - _step_percent(promotion))
    _share_replicas(world, environment)
    if promotion.percent == 0:
        finish(world, environment, "CANCELED")
    else:
        _plan(world, environment, world.options.durations.step, _step_down)


def complete(world: World, environment: Environment) -> None:
    """The candidate takes the environment; the settings that travelled with it are saved."""
    promotion = _of(environment)
    candidate = world.deployments[promotion.candidate_id]
    previous = world.deployments.get(promotion.previous_id or "")
    update = promotion.update
    environment.autoscaling = environment.autoscaling.merged(update.autoscaling)
    environment.promotion_settings = environment.promotion_settings.merged(
        update.promotion, world.options
    )
    if update.backpressure is not None:
        environment.backpressure = update.backpressure.get("policy")
    environment.instance_type_id = candidate.instance_type_id
    if environment.autoscaling != promotion.began_with:
        # What was changed meanwhile did not reach the rollout; now it holds.
        candidate.autoscaling = environment.autoscaling
    candidate.backpressure = environment.backpressure
    make_current(world, environment, candidate)
    promotion.status = "SUCCEEDED"
    promotion.percent = 100
    _forget_later(world, environment)
    if previous is not None and previous is not candidate:
        previous.environment = None
        _clean_up(world, promotion, previous)
    _settle(world, candidate)
    world.changed()


def make_current(world: World, environment: Environment, deployment: Deployment | None) -> None:
    """Give the environment to a deployment, remembered for its metrics."""
    environment.current_id = deployment.id if deployment else None
    for stint in environment.stints:
        if stint.end is None and stint.deployment_id != environment.current_id:
            stint.end = world.now
    if deployment is not None:
        _begin_stint(world, environment, deployment)


def _begin_stint(world: World, environment: Environment, deployment: Deployment) -> None:
    if not any(s.end is None and s.deployment_id == deployment.id for s in environment.stints):
        environment.stints.append(Stint(deployment_id=deployment.id, start=world.now))


def finish(
    world: World,
    environment: Environment,
    status: Literal["FAILED", "CANCELED"],
    reason: str | None = None,
) -> None:
    """End without success: all traffic is on the previous deployment, nothing is saved."""
    promotion = _of(environment)
    promotion.status = status
    promotion.percent = 0
    promotion.error_message = reason
    make_current(world, environment, world.current(environment))
    candidate = world.deployments.get(promotion.candidate_id)
    if candidate is not None and environment.current_id != candidate.id:
        candidate.environment = None
        watch_for_idleness(world, candidate, lifecycle.scale_to_zero)
    previous = world.deployments.get(environment.current_id or "")
    if previous is not None:
        _settle(world, previous)
    _forget_later(world, environment)
    world.changed()


def _clean_up(world: World, promotion: Promotion, previous: Deployment) -> None:
    strategy = promotion.settings.promotion_cleanup_strategy
    if strategy == "DEACTIVATE":
        lifecycle.begin_deactivation(world, previous)
    elif strategy == "SCALE_TO_ZERO" and not promotion.keep_previous:
        lifecycle.scale_to_zero(world, previous)
        apply_autoscaling(
            world,
            previous,
            previous.autoscaling.merged({"min_replica": 0}),
            wake=lifecycle.wake,
            scale_to_zero=lifecycle.scale_to_zero,
        )


def _settle(world: World, deployment: Deployment) -> None:
    apply_autoscaling(
        world,
        deployment,
        deployment.autoscaling,
        wake=lifecycle.wake,
        scale_to_zero=lifecycle.scale_to_zero,
    )


def _forget_later(world: World, environment: Environment) -> None:
    for listener in world.on_promotion_end:
        listener(world, environment)

    _plan(world, environment, world.options.durations.terminal_visible, _forget)


@event
def _forget(_world: World, environment: Environment) -> None:
    environment.promotion = None


def _of(environment: Environment) -> Promotion:
    if environment.promotion is None:
        raise RuntimeError(f"no promotion to {environment.name} is going on")
    return environment.promotion


def _step_percent(promotion: Promotion) -> int:
    return _CANARY_PERCENT if promotion.canary else _rolling(promotion).step_percent


def _rolling(promotion: Promotion) -> Rolling:
    return promotion.settings.rolling_deploy_config or Rolling()
