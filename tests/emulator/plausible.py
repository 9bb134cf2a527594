"""Values that mean something: what a document cannot know, such as the id of something there."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from gitops.emulator.world.keys import MAY
from tests.emulator.workspace import CONFIG, Workspace

KEPT = 0.1
"""The share of values that stay as they were drawn."""
_METRICS = ["baseten_replicas_active", "baseten_inference_requests_total"]
_GROUPS = ["DEPLOYED", "PROMOTED", "SECRETS"]

FIXED: dict[str, list[Any]] = {
    "config": [CONFIG],
    "kind": ["model_archive"],
    "instance_type_id": [None, None, "1x4", "2x8"],
    "region": [None, None, "us", ""],
    "environment_name": [None, "staging", "qa", "new-one"],
    "deployment_name": [None, "release-1", "v1.2_3"],
    "labels": [None, {"a": "b"}, {"n": 1}],
    "is_development": [False, False, False, True],
    "disable_archive_download": [False, True],
    "deploy_timeout_minutes": [None, 10, 1440],
    "user_env": [None, {}],
    "min_replica": [0, 1],
    "max_replica": [1, 2, 5],
    "autoscaling_window": [None, 10, 3600],
    "scale_down_delay": [None, 0, 900],
    "concurrency_target": [1, 8],
    "target_utilization_percentage": [None, 50, 100],
    "target_in_flight_tokens": [None],
    "max_scale_down_rate": [None, 1, 50],
    "max_surge_percent": [None, 10, 50],
    "max_unavailable_percent": [None, 0],
    "stabilization_time_seconds": [None, 0, 60],
    "replica_overhead_percent": [None, 0, 50],
    "rolling_deploy_strategy": [None, "REPLICA"],
    "promotion_cleanup_strategy": [None, "KEEP", "SCALE_TO_ZERO", "DEACTIVATE"],
    "ramp_up_while_promoting": [None, False],
    "policy": [None, "QUEUE_ON_FULL", "REJECT_ON_FULL"],
    "timezone": ["Europe/Berlin", "America/New_York", "UTC"],
    "weekdays": [["MONDAY"], ["SATURDAY", "SUNDAY"]],
    "start_hour": [8, 22],
    "end_hour": [7, 18],
    "start_minute": [0, 30],
    "end_minute": [15, 59],
    "delete_schedules": [None, []],
    "delete_rules": [None, []],
    "sampling_mode": ["RANDOM", "USER_SESSION"],
    "id": [None],
    "model_ids": [None],
    "mode": ["CURRENT", "SUMMARY", "SERIES"],
    "metrics": [_METRICS],
    "min_level": [None, "INFO", "ERROR"],
    "search_pattern": [None, "a.*b"],
    "includes": [None, []],
    "excludes": [None, []],
    "limit": [1, 20],
    "cursor": [None],
    "outcomes": [None, ["SUCCESS"]],
    "phase": [None, "READINESS"],
    "sort_by": [None, "DURATION", "READY_AT", "OUTCOME"],
    "event_type_groups": [None, _GROUPS],
    "sources": [None, ["API", "SYSTEM"]],
    "output_format": ["raw", "parsed", "both"],
    "created_by_me": ["true", "false"],
}


def _millis(seconds: float) -> Callable[[Workspace], int]:
    return lambda workspace: int((workspace.now + seconds) * 1000)


def _moment(seconds: float) -> Callable[[Workspace], str]:
    return lambda workspace: datetime.fromtimestamp(workspace.now + seconds, tz=UTC).isoformat()


TIMES: dict[str, Callable[[Workspace], Any]] = {
    "start_epoch_millis": _millis(-3600),
    "end_epoch_millis": _millis(0),
    "start_at": _moment(3600),
    "end_at": _moment(7200),
    "expires_at": _moment(86_400),
}


def steered(value: Any, workspace: Workspace, target: dict[str, str], chance: random.Random) -> Any:
    """The same shape, with most of the values that can be known put in."""
    if isinstance(value, list):
        return [steered(each, workspace, target, chance) for each in value]
    if not isinstance(value, dict):
        return value
    found = {key: _one(key, inner, workspace, target, chance) for key, inner in value.items()}
    _in_context(found, target, chance)
    return found


def _one(
    key: str, inner: Any, workspace: Workspace, target: dict[str, str], chance: random.Random
) -> Any:
    known: dict[str, list[Any]] = {
        "deployment_id": [target["spare"]] * 3 + [target["deployment_id"]],
        "s3_key": [workspace.s3_key],
        "team_id": [target["team_id"], None],
        "user_ids": [[target["user_id"]], []],
    }
    if chance.random() < KEPT:
        return inner
    if key == "source":
        return _source(inner, workspace, target, chance)
    if key in known:
        return chance.choice(known[key])
    if key in TIMES:
        return TIMES[key](workspace)
    if key in FIXED:
        return chance.choice(FIXED[key])
    return steered(inner, workspace, target, chance)


def _source(inner: Any, workspace: Workspace, target: dict[str, str], chance: random.Random) -> Any:
    """An archive, whatever kind of source was drawn."""
    drawn = inner if isinstance(inner, dict) else {}
    deployment = drawn.get("deployment")
    whole = {
        "kind": "model_archive",
        "name": "",
        "s3_key": None,
        **drawn,
        "deployment": {"config": CONFIG, **(deployment if isinstance(deployment, dict) else {})},
    }
    return steered(whole, workspace, target, chance)


def _in_context(found: dict[str, Any], target: dict[str, str], chance: random.Random) -> None:
    """What only its neighbours give a meaning."""
    if "deployment" in found and "kind" not in found:
        new = chance.random() < 0.5
        found["name"] = "new" if new else None
        found["model_id"] = None if new else target["model_id"]
        found["team_id"] = None
    if isinstance(found.get("name"), str) and chance.random() > KEPT:
        found["name"] = f"name-{chance.randrange(10**6)}"
    if "targets" in found:
        found["type"] = "SHADOW"
        found["targets"] = [{"deployment_id": target["spare"]}]
    elif "type" in found:
        found["type"] = chance.choice(sorted(MAY))
        found.pop("team_id", None)
    if found.get("instance_type_id"):
        found["preserve_env_instance_type"] = False
    for key, value, excluded in _EXCLUDED:
        if key in found and found[key] == value:
            for each in excluded:
                found.pop(each, None)


_EXCLUDED: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    ("cadence", "ONE_TIME", ("weekdays",)),
    ("mode", "CURRENT", ("start_epoch_millis", "end_epoch_millis")),
    (
        "is_development",
        True,
        ("environment_name", "deployment_name", "preserve_env_instance_type", "instance_type_id"),
    ),
    (
        "environment_name",
        None,
        ("promotion_settings_override", "autoscaling_schedule_settings"),
    ),
)
"""Where a key has that value, the others must not be there."""
