"""Objects as the API shows them; the `july` mode leaves out what came later."""

from __future__ import annotations

from typing import Any

from gitops.emulator.world import scheduling, shadows
from gitops.emulator.world.audit import Entry
from gitops.emulator.world.entities import Deployment, Environment, Model, Secret, Team
from gitops.emulator.world.hardware import DEFAULT_INSTANCE_TYPE, INSTANCE_TYPES
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.timestamps import timestamp
from gitops.emulator.world.world import World

_OPTIONAL = frozenset(
    {
        "autoscaling_schedules",
        "candidate_deployment",
        "in_progress_promotion",
        "labels",
        "region",
        "traffic_routing",
    }
)


def team(item: Team) -> dict[str, Any]:
    """A team."""
    return {
        "id": item.id,
        "name": item.name,
        "default": item.default,
        "created_at": timestamp(item.created_at),
    }


def model(world: World, item: Model) -> dict[str, Any]:
    """A model."""
    production = item.deployments.get(item.production.current_id or "")
    development = item.development
    hardware = production.instance_type_id if production else DEFAULT_INSTANCE_TYPE
    return {
        "id": item.id,
        "created_at": timestamp(item.created_at),
        "name": item.name,
        "deployments_count": len(item.deployments),
        "production_deployment_id": production.id if production else None,
        "development_deployment_id": development.id if development else None,
        "instance_type_name": INSTANCE_TYPES[hardware].name,
        "team_name": world.teams[item.team_id].name,
    }


def deployment(world: World, item: Deployment) -> dict[str, Any]:
    """A deployment."""
    production = world.models[item.model_id].production
    body: dict[str, Any] = {
        "id": item.id,
        "created_at": timestamp(item.created_at),
        "name": item.name,
        "model_id": item.model_id,
        "is_production": production.current_id == item.id,
        "is_development": item.is_development,
        "status": item.status,
        "active_replica_count": item.replicas,
        "autoscaling_settings": item.autoscaling.to_json() if item.deployed else None,
        "instance_type_name": INSTANCE_TYPES[item.instance_type_id].name,
        "environment": item.environment,
        "labels": item.labels,
    }
    if world.options.mode == "newest":
        body["region"] = region(world, item.region) if item.region else None
        body["request_backpressure_settings"] = {"policy": item.backpressure}
    return _thinned(world, body)


def _thinned(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Without the nulls that may be missing, where the emulator is to leave them out."""
    if not world.options.sparse:
        return body
    return {key: value for key, value in body.items() if value is not None or key not in _OPTIONAL}


def region(world: World, slug: str) -> dict[str, str]:
    """A region. Raises: Refusal for an unknown one."""
    name = dict(world.options.regions).get(slug)
    if name is None:
        raise invalid(f"Unknown region {slug!r}.")
    return {"slug": slug, "display_name": name}


def environment(world: World, item: Environment) -> dict[str, Any]:
    """An environment, with what serves, the candidate and the promotion."""
    current = world.current(item)
    body: dict[str, Any] = {
        "name": item.name,
        "created_at": timestamp(item.created_at),
        "model_id": item.model_id,
        "current_deployment": deployment(world, current) if current else None,
        "candidate_deployment": None,
        "in_progress_promotion": None,
        "autoscaling_settings": item.autoscaling.to_json(),
        "promotion_settings": item.promotion_settings.to_json(),
        "instance_type": INSTANCE_TYPES[item.instance_type_id].to_json(),
    }
    promotion = item.promotion
    if promotion is not None and promotion.visible_at <= world.now:
        candidate = world.deployments.get(promotion.candidate_id)
        if candidate is not None and promotion.status not in {"SUCCEEDED", "CANCELED"}:
            body["candidate_deployment"] = deployment(world, candidate)
        body["in_progress_promotion"] = {
            "status": promotion.status,
            "percent_traffic_to_new_version": promotion.percent,
            "error_message": promotion.error_message,
            "rolling_deploy": promotion.rolling,
        }
    if world.options.mode == "newest":
        body["request_backpressure_settings"] = {"policy": item.backpressure}
        serving = current.autoscaling if current else None
        body["autoscaling_schedules"] = scheduling.shown(item, serving)
        body["traffic_routing"] = shadows.shown(world, item)
    return _thinned(world, body)


def secret(world: World, item: Secret) -> dict[str, Any]:
    """A secret, without its value."""
    return {
        "id": item.id,
        "created_at": timestamp(item.created_at),
        "name": item.name,
        "team_name": world.teams[item.team_id].name,
    }


def audit_entry(item: Entry) -> dict[str, Any]:
    """An audit-log entry."""
    actor = item.actor
    return {
        "id": item.id,
        "created": timestamp(item.created),
        "event_type": item.event_type,
        "event_data": dict(item.data),
        "source": actor.source,
        "actor": {
            "type": actor.type,
            "email": actor.email,
            "api_key_prefix": actor.api_key_prefix,
            "api_key_name": actor.api_key_name,
        },
        "client_name": actor.client_name,
        "client_version": actor.client_version,
        "client_session_id": None,
    }
