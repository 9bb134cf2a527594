"""Desired state as one canonical JSON document: the same commit, the same bytes, in every clone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gitops.render.text import harmless
from gitops.state.desired import Check, Desired, DesiredEnvironment, DesiredModel, Expect

FORMAT_VERSION = "1"


def as_json(desired: Desired, *, explain: bool = False) -> str:
    """The document with sorted keys. ``explain`` adds which file and line gave each value."""
    text = json.dumps(
        document(desired, explain=explain), indent=2, sort_keys=True, ensure_ascii=False
    )
    return harmless(text) + "\n"


def document(desired: Desired, *, explain: bool = False) -> dict[str, Any]:
    """The document as plain values. Durations are in seconds."""
    return {
        "format_version": FORMAT_VERSION,
        "commit": desired.commit,
        "dirty": desired.dirty,
        "branch": desired.branch,
        "remote": desired.remote,
        "deploy_log": {"tags": desired.log_tags},
        "limits": {
            "max_changed": desired.limits.max_changed,
            "max_rollbacks": desired.limits.max_rollbacks,
            "max_increase_usd_per_month": desired.limits.max_increase_usd_per_month,
        },
        "models": [_model(each, explain=explain) for each in desired.models],
        "warnings": list(desired.warnings),
    }


def _model(model: DesiredModel, *, explain: bool) -> dict[str, Any]:
    retention = model.retention
    return {
        "model": model.key.name,
        "team": model.key.team,
        "release_file": model.release_file,
        "truss": model.truss,
        "mode": model.mode,
        "timeouts": {
            "build": model.timeouts.build,
            "start": model.timeouts.start,
            "promotion": model.timeouts.promotion,
        },
        "retention": None
        if retention is None
        else {
            "keep": retention.keep,
            "older_than": retention.older_than,
            "action": retention.action,
        },
        "environments": [_environment(each, explain=explain) for each in model.environments],
    }


def _environment(environment: DesiredEnvironment, *, explain: bool) -> dict[str, Any]:
    artifact, watch, settings = environment.artifact, environment.watch, environment.settings
    result: dict[str, Any] = {
        "environment": environment.name,
        "mode": environment.mode,
        "artifact": None
        if artifact is None
        else {
            "digest": artifact.digest,
            "commit": artifact.commit,
            "truss": artifact.truss,
            "rebuild": artifact.rebuild,
            "deployment_name": artifact.deployment_name,
            "files": len(artifact.entries),
            "secrets": list(artifact.secrets),
            "mutable_inputs": list(artifact.mutable_inputs),
        },
        "deployment": environment.deployment,
        "follows_head": environment.follows_head,
        "requires": [
            {"environment": each.environment, "for": each.seconds} for each in environment.requires
        ],
        "settings": {
            "autoscaling": _plain(settings.autoscaling),
            "promotion": _plain(settings.promotion),
            "backpressure": _plain(settings.backpressure),
            "schedules": _plain(settings.schedules),
        },
        "instance_type": environment.instance_type,
        "checks": [_check(each) for each in environment.checks],
        "watch": None
        if watch is None
        else {
            "for": watch.seconds,
            "error_rate": watch.error_rate,
            "latency": dict(watch.latency),
            "min_requests": watch.min_requests,
            "unhealthy_for": watch.unhealthy_for,
            "keep_previous": watch.keep_previous,
            "on_inconclusive": watch.on_inconclusive,
            "on_failure": watch.on_failure,
        },
        "protected": environment.protected,
        "allow": sorted(environment.allow),
        "unsupported": list(environment.unsupported),
    }
    if explain:
        result["provenance"] = dict(environment.provenance)
    return result


def _check(check: Check) -> dict[str, Any]:
    return {
        "check": check.name,
        "path": check.path,
        "headers": dict(check.headers),
        "stream": check.stream,
        "runs": check.runs,
        "concurrency": check.concurrency,
        "warmup": check.warmup,
        "timeout": check.timeout,
        "max_requests": check.max_requests,
        "expect": _expect(check.expect),
        "requests": [
            {
                "body": _plain(each.body),
                "expect": None if each.expect is None else _expect(each.expect),
            }
            for each in check.probes
        ],
    }


def _expect(expect: Expect) -> dict[str, Any]:
    result: dict[str, Any] = {
        "status": list(expect.status),
        "error_rate": expect.error_rate,
        "latency": dict(expect.latency),
    }
    for name in ("schema", "contains", "matches", "close_to", "at", "than_current"):
        value = getattr(expect, name)
        if value is not None:
            result[name] = _plain(value)
    if expect.equals_given:
        result["equals"] = _plain(expect.equals)
    return result


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
