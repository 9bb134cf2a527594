"""Bodies as Baseten sends them, whole by the official SDK's models."""

from __future__ import annotations

from typing import Any

AUTOSCALING: dict[str, Any] = {
    "min_replica": 1,
    "max_replica": 4,
    "autoscaling_window": 60,
    "scale_down_delay": 900,
    "concurrency_target": 2,
    "target_utilization_percentage": 70,
    "target_in_flight_tokens": None,
    "max_scale_down_rate": 50,
}
PROMOTION: dict[str, Any] = {
    "redeploy_on_promotion": False,
    "rolling_deploy": True,
    "promotion_cleanup_strategy": "SCALE_TO_ZERO",
    "rolling_deploy_config": {
        "rolling_deploy_strategy": "REPLICA",
        "max_surge_percent": 25,
        "max_unavailable_percent": 0,
        "stabilization_time_seconds": 60,
        "replica_overhead_percent": 0,
    },
    "ramp_up_while_promoting": False,
    "ramp_up_duration_seconds": 600,
}
INSTANCE_TYPE: dict[str, Any] = {
    "id": "1x2",
    "name": "1 vCPU, 2 GiB",
    "memory_limit_mib": 2048,
    "millicpu_limit": 1000,
    "gpu_count": 0,
    "gpu_type": None,
    "gpu_memory_limit_mib": None,
}
SCHEDULE: dict[str, Any] = {
    "id": "sch1",
    "name": "peak.hours",
    "enabled": True,
    "autoscaling_settings": {**AUTOSCALING, "min_replica": 2, "autoscaling_window": None},
    "cadence": "DAILY",
    "weekdays": ["MONDAY"],
    "start_hour": 8,
    "start_minute": 0,
    "end_hour": 18,
    "end_minute": 0,
}


def team(id_: str = "t1", name: str = "Default", *, default: bool = True) -> dict[str, Any]:
    return {"id": id_, "name": name, "default": default, "created_at": "2026-01-01T00:00:00Z"}


def model(id_: str = "m1", name: str = "qwen", team_name: str = "Default") -> dict[str, Any]:
    return {
        "id": id_,
        "name": name,
        "created_at": "2026-02-01T10:00:00Z",
        "deployments_count": 2,
        "production_deployment_id": None,
        "development_deployment_id": None,
        "instance_type_name": "1 vCPU, 2 GiB",
        "team_name": team_name,
    }


def deployment(id_: str = "d1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "created_at": "2026-02-02T10:00:00+02:00",
        "name": "git-abc",
        "model_id": "m1",
        "is_production": True,
        "is_development": False,
        "status": "ACTIVE",
        "active_replica_count": 2,
        "autoscaling_settings": AUTOSCALING,
        "instance_type_name": "1 vCPU, 2 GiB",
        "environment": "production",
        "labels": {"gitops.digest": "00ff", "n": 1, "deep": {"a": [1.0]}},
        "region": {"slug": "us", "display_name": "United States"},
        "request_backpressure_settings": {"policy": None},
    } | changes


def environment(name: str = "production", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "created_at": "2026-02-01T10:00:00Z",
        "model_id": "m1",
        "current_deployment": deployment(),
        "candidate_deployment": deployment("d2", status="LOADING_MODEL", is_production=False),
        "in_progress_promotion": {
            "status": "RAMPING_UP",
            "percent_traffic_to_new_version": 25,
            "error_message": None,
            "rolling_deploy": True,
        },
        "autoscaling_settings": AUTOSCALING,
        "promotion_settings": PROMOTION,
        "instance_type": INSTANCE_TYPE,
        "request_backpressure_settings": {"policy": "REJECT_ON_FULL"},
        "autoscaling_schedules": {
            "timezone": "Europe/Berlin",
            "schedules": [SCHEDULE],
            "applied_state": {"schedule_id": None, "autoscaling_settings": AUTOSCALING},
        },
        "traffic_routing": None,
    } | changes


def audit_entry(id_: str = "a1", **changes: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "created": "2026-11-22T11:00:00Z",
        "event_type": "MODEL_DEPLOYMENT_PROMOTED",
        "event_data": {
            "event_type": "MODEL_DEPLOYMENT_PROMOTED",
            "model_id": "m1",
            "model_name": "qwen",
            "deployment_id": "d1",
            "deployment_name": "git-abc",
            "environment_name": "production",
            "environment_id": "e1",
            "region_update": None,
            "instance_type_id_update": None,
            "promotion_settings_override": None,
            "autoscaling_settings_update": None,
            "request_backpressure_settings_update": None,
            "autoscaling_schedule_settings_update": None,
        },
        "source": "API",
        "actor": {
            "type": "API_KEY",
            "email": None,
            "api_key_prefix": "pRefix01",
            "api_key_name": "ci",
        },
        "client_name": "baseten-gitops",
        "client_version": "0.1.0",
        "client_session_id": None,
    } | changes


def metrics(
    descriptors: list[dict[str, Any]],
    steps: list[tuple[int, list[list[float | None]]]],
    **changes: Any,
) -> dict[str, Any]:
    return {
        "start_epoch_millis": 0,
        "end_epoch_millis": 60_000,
        "mode": "SUMMARY",
        "step_seconds": None,
        "metric_descriptors": descriptors,
        "metric_values": [
            {"start_epoch_millis": start, "values": values} for start, values in steps
        ],
    } | changes


def descriptor(name: str, *label_sets: dict[str, str], kind: str = "GAUGE") -> dict[str, Any]:
    return {"name": name, "unit_hint": "COUNT", "kind": kind, "label_sets": list(label_sets)}
