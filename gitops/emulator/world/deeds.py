"""Audit entries for what is done to models, deployments and environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import Deployment, Environment, Model
from gitops.emulator.world.settings import (
    Autoscaling,
    PromotionSettings,
    autoscaling_fields,
)
from gitops.emulator.world.world import World


def record(
    world: World,
    actor: Actor,
    event_type: str,
    model: Model,
    deployment: Deployment | None = None,
    **data: Any,
) -> None:
    """Write an entry about a model and, where given, one of its deployments."""
    entry: dict[str, Any] = {"model_id": model.id, "model_name": model.name}
    if deployment is not None:
        entry["deployment_id"] = deployment.id
        entry["deployment_name"] = deployment.name
    if actor.type == "USER":
        actor = replace(actor, user_id=world.user_id)
    world.audit.write(world.now, actor, event_type, {**entry, **data})


def environment_settings(environment: Environment) -> dict[str, Any]:
    """An environment's settings in the flat form of the audit log."""
    return {
        **_flat_promotion(environment.promotion_settings),
        **environment.autoscaling.to_json(),
        "ramp_up_while_promoting": environment.promotion_settings.ramp_up_while_promoting,
        "ramp_up_duration_seconds": environment.promotion_settings.ramp_up_duration_seconds,
        "ramp_up_step_size": None,
        "request_backpressure_policy": environment.backpressure,
    }


def deployment_type(deployment: Deployment | None) -> str | None:
    """The audit log's word for what a deployment is."""
    if deployment is None:
        return None
    if deployment.is_development:
        return "DEVELOPMENT"
    return "PRODUCTION" if deployment.environment == "production" else "PUBLISHED"


def autoscaling_update(update: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A partial autoscaling block with every key, null where it was not sent."""
    if not update:
        return None
    return {name: update.get(name) for name in autoscaling_fields()}


def promotion_override(override: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A partial promotion block in the flat form, null where it was not sent."""
    if not override:
        return None
    rolling = override.get("rolling_deploy_config") or {}
    return {
        "redeploy_on_promotion": override.get("redeploy_on_promotion"),
        "rolling_deploy": override.get("rolling_deploy"),
        "promotion_cleanup_strategy": override.get("promotion_cleanup_strategy"),
        **{
            name: rolling.get(name)
            for name in (
                "rolling_deploy_strategy",
                "max_unavailable_percent",
                "max_surge_percent",
                "stabilization_time_seconds",
                "replica_overhead_percent",
            )
        },
    }


def autoscaling_changed(
    world: World, actor: Actor, model: Model, deployment: Deployment, previous: Autoscaling
) -> None:
    """Write that a deployment's own autoscaling settings were changed."""
    record(
        world,
        actor,
        "MODEL_DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED",
        model,
        deployment,
        **deployment.autoscaling.to_json(),
        schedules=None,
        deployment_type=deployment_type(deployment),
        previous_settings=previous.to_json(),
    )


def _flat_promotion(settings: PromotionSettings) -> dict[str, Any]:
    rolling = settings.rolling_deploy_config
    return {
        "redeploy_on_promotion": settings.redeploy_on_promotion,
        "rolling_deploy": settings.rolling_deploy,
        "promotion_cleanup_strategy": settings.promotion_cleanup_strategy,
        "rolling_deploy_strategy": rolling.rolling_deploy_strategy if rolling else None,
        "max_unavailable_percent": rolling.max_unavailable_percent if rolling else None,
        "max_surge_percent": rolling.max_surge_percent if rolling else None,
        "stabilization_time_seconds": rolling.stabilization_time_seconds if rolling else None,
        "replica_overhead_percent": rolling.replica_overhead_percent if rolling else None,
    }
