"""Stopping, starting, renaming and deleting deployments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitops.emulator.world import deeds, lifecycle
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import FAILED, STARTING, Deployment, Model
from gitops.emulator.world.pushes import check_name
from gitops.emulator.world.refusal import Refusal, invalid
from gitops.emulator.world.scaling import apply_autoscaling, set_replicas, touched
from gitops.emulator.world.settings import check_development
from gitops.emulator.world.timeline import event
from gitops.emulator.world.world import World


def activate(world: World, actor: Actor, model: Model, deployment: Deployment) -> bool:
    """Start an inactive deployment; False if there was nothing to do. Raises: Refusal."""
    if deployment.status in FAILED:
        raise invalid(f"Deployment {deployment.id} is {deployment.status}; retry it.")
    if deployment.status == "DEACTIVATING":
        raise invalid(f"Deployment {deployment.id} is still being deactivated.")
    if deployment.status != "INACTIVE":
        return False
    deeds.record(world, actor, "MODEL_DEPLOYMENT_ACTIVATED", model, deployment)
    if deployment.built:
        lifecycle.begin_deploy(world, deployment)
    else:
        lifecycle.begin_build(world, deployment)
    return True


def deactivate(world: World, actor: Actor, model: Model, deployment: Deployment) -> bool:
    """Stop a deployment; False if there was nothing to do."""
    if not lifecycle.begin_deactivation(world, deployment):
        return False
    deeds.record(world, actor, "MODEL_DEPLOYMENT_DEACTIVATED", model, deployment)
    return True


def retry(world: World, actor: Actor, model: Model, deployment: Deployment) -> str | None:
    """Try a failed build or start again; else the reason for refusing to."""
    failed = deployment.status in FAILED
    deeds.record(world, actor, "MODEL_DEPLOYMENT_RETRIED", model, deployment, retried=failed)
    if not failed:
        return f"Deployment is {deployment.status}; only failed deployments can be retried."
    if deployment.built:
        lifecycle.begin_deploy(world, deployment)
    else:
        lifecycle.begin_build(world, deployment)
    return None


def update_autoscaling(
    world: World,
    actor: Actor,
    model: Model,
    deployment: Deployment,
    update: Mapping[str, Any],
) -> str:
    """Change one deployment's own settings: `ACCEPTED`, `QUEUED` or `UNCHANGED`.

    Raises:
        Refusal: a value is out of range.
    """
    previous = deployment.autoscaling
    merged = previous.merged(update)
    if deployment.is_development:
        check_development(merged)
    if merged == previous:
        return "UNCHANGED"
    starting = deployment.status in STARTING
    world.after(world.options.durations.settings, _put_in_force, deployment.id, dict(update))
    deployment_after = deployment.autoscaling
    deployment.autoscaling = merged
    deeds.autoscaling_changed(world, actor, model, deployment, previous)
    deployment.autoscaling = deployment_after
    return "QUEUED" if starting else "ACCEPTED"


@event
def _put_in_force(world: World, deployment_id: str, update: Mapping[str, Any]) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is not None and deployment.status in STARTING:
        world.after(world.options.durations.settings, _put_in_force, deployment_id, update)
    elif deployment is not None:
        apply_autoscaling(
            world,
            deployment,
            deployment.autoscaling.merged(update),
            wake=lifecycle.wake,
            scale_to_zero=lifecycle.scale_to_zero,
        )


def rename(world: World, model: Model, deployment: Deployment, name: str) -> None:
    """Give a deployment another name. Raises: Refusal."""
    if deployment.is_development:
        raise invalid("The development deployment cannot be renamed.")
    if name != deployment.name:
        check_name(world, model, name)
        deployment.name = name


def delete(world: World, actor: Actor, model: Model, deployment: Deployment) -> None:
    """Delete a deployment for good.

    Raises:
        Refusal: it serves an environment or is being promoted.
    """
    for environment in model.environments.values():
        if environment.current_id == deployment.id:
            raise invalid(
                f"Deployment {deployment.id} serves {environment.name}; replace it first."
            )
        promotion = environment.promotion
        if promotion and promotion.running and promotion.candidate_id == deployment.id:
            raise invalid(f"Deployment {deployment.id} is being promoted.")
        if promotion and promotion.candidate_id == deployment.id:
            environment.promotion = None
    deeds.record(world, actor, "MODEL_DEPLOYMENT_DELETED", model, deployment)
    forget(world, model, deployment)


def forget(world: World, model: Model, deployment: Deployment) -> None:
    """Remove a deployment and stop what runs of it."""
    world.runner.stop(deployment.id)
    deployment.generation += 1
    deployment.status = "INACTIVE"
    del model.deployments[deployment.id]
    del world.deployments[deployment.id]
    world.loads.pop(deployment.id, None)
    world.changed()


def terminate_replica(
    world: World, actor: Actor, model: Model, deployment: Deployment, replica_id: str
) -> None:
    """Kill one replica; another one starts where it is needed. Raises: Refusal."""
    if replica_id not in replica_ids(deployment):
        raise Refusal(404, "NOT_FOUND", "Replica not found.")
    deeds.record(world, actor, "REPLICA_TERMINATED", model, deployment, replica_id=replica_id)
    world.log(deployment, f"Replica {replica_id} was terminated", "WARNING")
    world.runner.stop(deployment.id)
    if deployment.replicas > 1:
        set_replicas(world, deployment, deployment.replicas - 1)
        touched(world, deployment)


def replica_ids(deployment: Deployment) -> list[str]:
    """Names of the running replicas."""
    return [f"{deployment.id}-{index}" for index in range(deployment.replicas)]
