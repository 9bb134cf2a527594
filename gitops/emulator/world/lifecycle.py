"""The life of one deployment, from BUILDING to ACTIVE and down again."""

from __future__ import annotations

from gitops.emulator.world import deeds
from gitops.emulator.world.audit import SYSTEM
from gitops.emulator.world.entities import FAILED, READY, STARTING, Deployment
from gitops.emulator.world.scaling import (
    set_replicas,
    set_starting,
    touched,
    watch_for_idleness,
)
from gitops.emulator.world.timeline import event
from gitops.emulator.world.trouble import LOOK_AGAIN, planned, strikes
from gitops.emulator.world.world import World


def set_status(world: World, deployment: Deployment, status: str) -> None:
    """Change the status; whatever was planned for the old one no longer happens."""
    deployment.status = status
    deployment.generation += 1
    deployment.since = world.now
    if status not in READY:
        set_replicas(world, deployment, 0)
        coming_up = status in {"DEPLOYING", "LOADING_MODEL", "WAKING_UP"}
        least = max(1, deployment.autoscaling.min_replica)
        set_starting(world, deployment, least if coming_up else 0)
    for listener in world.on_status:
        listener(world, deployment)
    world.changed()


def begin_build(world: World, deployment: Deployment) -> None:
    """Start the image build."""
    set_status(world, deployment, "BUILDING")
    _begin_timeout(world, deployment)
    world.log(deployment, "Building image")
    world.later(deployment, world.options.durations.build, _finish_build)


@event
def _finish_build(world: World, deployment: Deployment) -> None:
    problems = world.runner.build(deployment)
    if not problems and strikes(world, "build_fails", deployment):
        problems = ("The build failed, as was asked for.",)
    if problems:
        for problem in problems:
            world.log(deployment, problem, "ERROR")
        fail(world, deployment, "BUILD_FAILED")
        return
    deployment.built = True
    world.log(deployment, "Build succeeded")
    begin_deploy(world, deployment)


def begin_deploy(world: World, deployment: Deployment) -> None:
    """Schedule the built image."""
    if deployment.status not in STARTING:
        _begin_timeout(world, deployment)
    set_status(world, deployment, "DEPLOYING")
    world.log(deployment, "Deploying: scheduling a replica and pulling the image")
    if not _wait_for_capacity(world, deployment):
        world.later(deployment, world.options.durations.deploy, _begin_load)


def _begin_timeout(world: World, deployment: Deployment) -> None:
    minutes = deployment.deploy_timeout_minutes
    deployment.coming_up_since = world.now
    if minutes is not None:
        world.after(minutes * 60, _time_out, deployment.id, world.now)


@event
def _time_out(world: World, deployment_id: str, since: float) -> None:
    """A deployment that is not up by then fails, whatever it waits for."""
    deployment = world.deployments.get(deployment_id)
    if deployment is None or deployment.coming_up_since != since:
        return
    if deployment.status in STARTING:
        minutes = deployment.deploy_timeout_minutes
        world.log(
            deployment, f"Not ready after {minutes} minutes (deploy_timeout_minutes)", "ERROR"
        )
        fail(world, deployment, "DEPLOY_FAILED")


def _wait_for_capacity(world: World, deployment: Deployment) -> bool:
    """Whether a fault keeps a deployment where it is, for a while or until it is lifted."""
    fault = strikes(world, "no_capacity", deployment)
    if fault is None:
        return False
    world.log(deployment, "No capacity: waiting for a node", "WARNING")
    until = None if fault.seconds is None else world.now + world.options.scaled(fault.seconds)
    _look_for_capacity(world, deployment.id, deployment.generation, until)
    return True


@event
def _look_for_capacity(
    world: World, deployment_id: str, generation: int, until: float | None
) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is None or deployment.generation != generation:
        return
    held = planned(world, "no_capacity", deployment)
    if held and (until is None or world.now < until):
        rest = LOOK_AGAIN if until is None else (until - world.now) * world.options.speed
        world.after(rest, _look_for_capacity, deployment_id, generation, until)
    elif deployment.status == "WAKING_UP":
        world.runner.load(deployment)
    else:
        world.later(deployment, world.options.durations.deploy, _begin_load)


@event
def _begin_load(world: World, deployment: Deployment) -> None:
    if strikes(world, "deploy_fails", deployment):
        world.log(deployment, "The container could not be started, as was asked for.", "ERROR")
        fail(world, deployment, "DEPLOY_FAILED")
        return
    set_status(world, deployment, "LOADING_MODEL")
    world.log(deployment, "Loading model")
    world.runner.load(deployment)


@event
def load_finished(world: World, deployment_id: str, generation: int, error: str | None) -> None:
    """The truss's load ended, with `error` if it raised; ignored if nobody waits for it."""
    deployment = world.deployments.get(deployment_id)
    if deployment is None or deployment.generation != generation:
        return
    if error is None and strikes(world, "load_fails", deployment):
        error = "The model could not be loaded, as was asked for."
    if error is not None:
        world.log(deployment, error, "ERROR")
        fail(world, deployment, "FAILED")
        return
    durations = world.options.durations
    least = durations.wake if deployment.status == "WAKING_UP" else durations.load
    passed = (world.now - deployment.since) * world.options.speed
    world.later(deployment, max(0.0, least - passed), become_ready)


@event
def become_ready(world: World, deployment: Deployment) -> None:
    """At least one replica is up."""
    deployment.deployed = True
    deployment.coming_up_since = None
    set_replicas(world, deployment, max(1, deployment.autoscaling.min_replica))
    set_starting(world, deployment, 0)
    world.log(deployment, "Model loaded, ready for requests")
    set_status(world, deployment, "ACTIVE")
    touched(world, deployment)
    watch_for_idleness(world, deployment, scale_to_zero)


def begin_update(world: World, deployment: Deployment) -> None:
    """Have the platform move it to another place: its replicas end there and come up here."""
    set_status(world, deployment, "UPDATING")
    world.log(deployment, "Updating: moving to another place")
    world.runner.stop(deployment.id)
    world.later(deployment, world.options.durations.update, _begin_load)


def fail(world: World, deployment: Deployment, status: str) -> None:
    """End in a failed status."""
    world.runner.stop(deployment.id)
    world.log(deployment, f"Deployment failed: {status}", "ERROR")
    set_status(world, deployment, status)


@event
def scale_to_zero(world: World, deployment: Deployment) -> None:
    """Stop the replicas; the next request starts one."""
    if deployment.status not in READY | {"WAKING_UP"}:
        return
    world.log(deployment, "Scaled to zero")
    world.runner.stop(deployment.id)
    set_status(world, deployment, "SCALED_TO_ZERO")
    if world.options.durations.idle_out > 0:
        world.later(deployment, world.options.durations.idle_out, _idle_out)


@event
def _idle_out(world: World, deployment: Deployment) -> None:
    """The platform itself stops what nobody has asked for long, whatever serves there."""
    world.log(deployment, "Deactivating: no requests for too long")
    model = world.models[deployment.model_id]
    deeds.record(world, SYSTEM, "MODEL_DEPLOYMENT_DEACTIVATED", model, deployment)
    begin_deactivation(world, deployment)


def wake(world: World, deployment: Deployment) -> None:
    """Start a replica of a deployment that is scaled to zero; else nothing."""
    if deployment.status != "SCALED_TO_ZERO":
        return
    set_status(world, deployment, "WAKING_UP")
    world.log(deployment, "Waking up from zero")
    if not _wait_for_capacity(world, deployment):
        world.runner.load(deployment)


def begin_deactivation(world: World, deployment: Deployment) -> bool:
    """Start going to INACTIVE; False if it is there or on its way already."""
    if deployment.status in {"INACTIVE", "DEACTIVATING"} | FAILED:
        return False
    set_status(world, deployment, "DEACTIVATING")
    world.log(deployment, "Deactivating")
    world.runner.stop(deployment.id)
    world.later(deployment, world.options.durations.deactivate, _finish_deactivation)
    return True


@event
def _finish_deactivation(world: World, deployment: Deployment) -> None:
    set_status(world, deployment, "INACTIVE")
