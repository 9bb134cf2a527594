"""Startups: how replicas got from being scheduled to being ready, phase by phase."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gitops.emulator.world.entities import FAILED, READY, Deployment, Environment, Startup
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.world import World

PHASES = (
    "SCHEDULING",
    "IMAGE_PULL",
    "WEIGHT_DOWNLOAD",
    "CONTAINER_CREATE",
    "CONTAINER_START",
    "READINESS",
)
OUTCOMES = ("SUCCESS", "FAILED", "STALLED")
SORTS = ("OUTCOME", "STARTED_AT", "READY_AT", "DURATION")
_KEPT = 1000
_SHARES = (
    ("SCHEDULING", 0.0),
    ("IMAGE_PULL", 0.1),
    ("CONTAINER_CREATE", 0.8),
    ("CONTAINER_START", 0.9),
)
"""Where in the time before READINESS each phase begins; weights are part of the image here."""
_WAKING_BEFORE_READINESS = 0.4


def on_status(world: World, deployment: Deployment) -> None:
    """A deployment's status changed: startups begin, come further, or end."""
    status = deployment.status
    if status in {"DEPLOYING", "WAKING_UP"}:
        _begin(world, deployment)
    elif status == "LOADING_MODEL":
        for startup in _open(deployment):
            startup.phases = _spread(startup.started_at, world.now)
    elif status in READY:
        _end(world, deployment, succeeded=True)
    elif status in FAILED | {"INACTIVE", "DEACTIVATING", "BUILDING"}:
        _end(world, deployment, succeeded=False)


def _begin(world: World, deployment: Deployment) -> None:
    _end(world, deployment, succeeded=False)
    for index in range(max(1, deployment.autoscaling.min_replica)):
        deployment.startups.append(
            Startup(
                replica_id=f"{deployment.id}-{index}",
                started_at=world.now,
                phases=[("SCHEDULING", world.now)],
                environment=deployment.environment,
            )
        )
    del deployment.startups[:-_KEPT]


def _open(deployment: Deployment) -> list[Startup]:
    return [each for each in deployment.startups if each.ended_at is None]


def _spread(start: float, readiness: float) -> list[tuple[str, float]]:
    before = [(name, start + share * (readiness - start)) for name, share in _SHARES]
    return [*before, ("READINESS", readiness)]


def _end(world: World, deployment: Deployment, *, succeeded: bool) -> None:
    for startup in _open(deployment):
        if succeeded and startup.phases[-1][0] != "READINESS":
            took = world.now - startup.started_at
            startup.phases = _spread(
                startup.started_at, startup.started_at + _WAKING_BEFORE_READINESS * took
            )
        startup.ended_at = world.now
        startup.succeeded = succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A window and filters; times in epoch milliseconds, None means all."""

    start: int
    end: int
    min_duration: int | None = None
    cursor: str | None = None
    limit: int = 50
    outcomes: tuple[str, ...] = ()
    phase: str | None = None
    search: str | None = None
    sort_by: str = "STARTED_AT"
    descending: bool = True


Attempt = dict[str, Any]


def of_deployment(deployment: Deployment) -> list[Attempt]:
    """All startups of one deployment."""
    return [_shown(deployment, each, None) for each in deployment.startups if each.ended_at]


def of_environment(world: World, environment: Environment) -> list[Attempt]:
    """All startups of deployments that were the environment's when they began."""
    return [
        _shown(deployment, each, environment.name)
        for deployment in world.models[environment.model_id].deployments.values()
        for each in deployment.startups
        if each.ended_at and each.environment == environment.name
    ]


def _shown(deployment: Deployment, startup: Startup, environment: str | None) -> Attempt:
    start, end = _millis(startup.started_at), _millis(startup.ended_at or startup.started_at)
    bounds = [_millis(at) for _, at in startup.phases] + [end]
    last = len(startup.phases) - 1
    return {
        "model_id": deployment.model_id,
        "deployment_id": deployment.id,
        "deployment_name": deployment.name,
        "environment_name": environment,
        "replica_id": startup.replica_id,
        "started_at_epoch_millis": start,
        "ready_at_epoch_millis": end if startup.succeeded else None,
        "duration_ms": end - start,
        "outcome": "SUCCESS" if startup.succeeded else "FAILED",
        "phase_summary": [
            {
                "phase": name,
                "status": "COMPLETED" if startup.succeeded or index < last else "FAILED",
                "offset_ms": bounds[index] - start,
                "duration_ms": bounds[index + 1] - bounds[index]
                if startup.succeeded or index < last
                else None,
            }
            for index, (name, _) in enumerate(startup.phases)
        ],
    }


def _millis(at: float) -> int:
    return round(at * 1000)


def page(attempts: Iterable[Attempt], query: Query) -> dict[str, Any]:
    """One page of what matches. Raises: Refusal for a window or a cursor that is not valid."""
    found = [each for each in _within(attempts, query) if _matches(each, query)]
    keys = {
        "OUTCOME": "outcome",
        "STARTED_AT": "started_at_epoch_millis",
        "READY_AT": "ready_at_epoch_millis",
        "DURATION": "duration_ms",
    }
    field = keys[query.sort_by]
    found.sort(key=lambda each: (each[field] is None, each[field] or 0), reverse=query.descending)
    begin = 0
    if query.cursor is not None:
        if not query.cursor.isdecimal() or int(query.cursor) > len(found):
            raise invalid("Invalid cursor.")
        begin = int(query.cursor)
    end = begin + query.limit
    more = end < len(found)
    return {
        "items": found[begin:end],
        "pagination": {"has_more": more, "cursor": str(end) if more else None},
        "total_count": len(found),
    }


def _within(attempts: Iterable[Attempt], query: Query) -> list[Attempt]:
    if query.start >= query.end:
        raise invalid("end_epoch_millis must be after start_epoch_millis.")
    found = [
        each
        for each in attempts
        if query.start <= each["started_at_epoch_millis"] < query.end
        and each["duration_ms"] >= (query.min_duration or 0)
    ]
    return sorted(found, key=lambda each: int(each["started_at_epoch_millis"]))[-_KEPT:]


def _matches(attempt: Attempt, query: Query) -> bool:
    in_phase = {each["phase"] for each in attempt["phase_summary"] if each["duration_ms"]}
    return (
        (not query.outcomes or attempt["outcome"] in query.outcomes)
        and (query.phase is None or query.phase in in_phase)
        and (
            query.search is None
            or query.search == attempt["replica_id"]
            or query.search.lower() in attempt["deployment_name"].lower()
        )
    )


def summary(attempts: Iterable[Attempt], query: Query) -> dict[str, Any]:
    """How long startups and their phases took. Raises: Refusal for a window that is not valid."""
    found = [each for each in _within(attempts, query) if each["outcome"] == "SUCCESS"]
    phases: dict[str, list[int]] = {}
    for attempt in found:
        for phase in attempt["phase_summary"]:
            phases.setdefault(phase["phase"], []).append(phase["duration_ms"])
    return {
        "start_epoch_millis": query.start,
        "end_epoch_millis": query.end,
        "total_duration_ms": _percentiles([each["duration_ms"] for each in found]),
        "phase_duration_ms": [
            {"phase": name, "duration_ms": _percentiles(phases[name])}
            for name in PHASES
            if name in phases
        ],
    }


def _percentiles(values: Sequence[int]) -> dict[str, int | None]:
    ordered = sorted(values)

    def at(share: float) -> int | None:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None

    return {
        "sample_count": len(ordered),
        "mean_ms": round(sum(ordered) / len(ordered)) if ordered else None,
        "p50_ms": at(0.5),
        "p90_ms": at(0.9),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
    }
