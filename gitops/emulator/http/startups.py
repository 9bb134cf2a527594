"""Startups, of deployments and of environments, one by one or summed up."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.call import Call, Handler, Route
from gitops.emulator.world import startups
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.startups import Attempt, Query

_DEPLOYMENT = "/v1/models/{model_id}/deployments/{deployment_id}"
_ENVIRONMENT = "/v1/models/{model_id}/environments/{env_name}"


def _attempts(call: Call) -> list[Attempt]:
    model_id = call.params["model_id"]
    if "env_name" in call.params:
        _, environment = call.world.environment(model_id, call.params["env_name"])
        return startups.of_environment(call.world, environment)
    return startups.of_deployment(call.world.deployment(model_id, call.params["deployment_id"])[1])


def _required(call: Call, name: str) -> int:
    value = call.integer(name)
    if value is None:
        raise invalid(f"{name} is required.")
    return value


def _list(call: Call) -> dict[str, Any]:
    """How replicas came up, one by one, phase by phase.

    Differs: Phases are shares of the time it took; there is no download of weights.
    """
    attempts = _attempts(call)
    outcomes = tuple(call.query.getlist("outcomes"))
    for outcome in outcomes:
        if outcome not in startups.OUTCOMES:
            raise invalid(f"Unknown outcome {outcome!r}.")
    query = Query(
        start=_required(call, "start_epoch_millis"),
        end=_required(call, "end_epoch_millis"),
        min_duration=call.integer("min_duration_ms", 0),
        cursor=call.query.get("cursor"),
        limit=call.integer("limit", 1, 100) or 50,
        outcomes=outcomes,
        phase=call.one_of("phase", startups.PHASES),
        search=call.query.get("search"),
        sort_by=call.one_of("sort_by", startups.SORTS) or "STARTED_AT",
        descending=call.one_of("direction", ("asc", "desc")) != "asc",
    )
    return startups.page(attempts, query)


def _summary(call: Call) -> dict[str, Any]:
    """How replicas came up, summed up.

    Differs: As the single startups.
    """
    attempts = _attempts(call)
    query = Query(
        start=_required(call, "start_epoch_millis"),
        end=_required(call, "end_epoch_millis"),
        min_duration=call.integer("min_duration_ms", 0),
    )
    return startups.summary(attempts, query)


def _route(path: str, handler: Handler) -> Route:
    return Route(method="GET", path=path, handler=handler, since="newest", needs="metrics")


ROUTES: tuple[Route, ...] = tuple(
    route
    for prefix in (_DEPLOYMENT, _ENVIRONMENT)
    for route in (
        _route(f"{prefix}/startups", _list),
        _route(f"{prefix}/startups/summary", _summary),
    )
)
