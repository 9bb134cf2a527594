"""Logs and metrics, of deployments and of environments."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from gitops.emulator.http.bodies import LogsRequest
from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import logs, metrics
from gitops.emulator.world.logs import LogQuery
from gitops.emulator.world.metrics import Part
from gitops.emulator.world.refusal import invalid

_DEPLOYMENT = "/v1/models/{model_id}/deployments/{deployment_id}"
_ENVIRONMENT = "/v1/models/{model_id}/environments/{env_name}"
_LISTS = ("includes", "excludes")


def _deployment_logs(call: Call) -> dict[str, Any]:
    """The log of a deployment: its life, and what its truss prints.

    Differs: Lines are here at once; the build's lines are the emulator's own; patterns
    are Python's, without what RE2 lacks.
    """
    _, deployment = call.world.deployment(call.params["model_id"], call.params["deployment_id"])
    return logs.answer(call.world, [deployment], _query(_from_query(call)))


def _deployment_logs_by_body(call: Call) -> dict[str, Any]:
    """The same, asked for with a body.

    Differs: As the log of a deployment.
    """
    _, deployment = call.world.deployment(call.params["model_id"], call.params["deployment_id"])
    return logs.answer(call.world, [deployment], _query(call.read(LogsRequest)))


def _environment_logs(call: Call) -> dict[str, Any]:
    """The logs of whatever served in an environment.

    Differs: As the log of a deployment.
    """
    _, environment = call.world.environment(call.params["model_id"], call.params["env_name"])
    deployments = logs.of_environment(call.world, environment)
    return logs.answer(call.world, deployments, _query(_from_query(call)))


def _from_query(call: Call) -> LogsRequest:
    values: dict[str, Any] = dict(call.query.items())
    values.update({name: call.query.getlist(name) for name in _LISTS})
    try:
        return LogsRequest.model_validate(values)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid(f"{where}: {first['msg']}") from None


def _query(request: LogsRequest) -> LogQuery:
    return LogQuery(
        start=request.start_epoch_millis,
        end=request.end_epoch_millis,
        ascending=request.direction == "asc",
        limit=request.limit or 500,
        min_level=request.min_level,
        replica=request.replica,
        request_id=request.request_id,
        search_pattern=request.search_pattern,
        includes=tuple(request.includes),
        excludes=tuple(request.excludes),
    )


def _deployment_metrics(call: Call) -> dict[str, Any]:
    """Metrics of the requests that a deployment answered.

    Differs: Not measured, and left out: queues of asynchronous requests, GPU, processor,
    memory, readiness of pods.
    """
    _, deployment = call.world.deployment(call.params["model_id"], call.params["deployment_id"])
    return _metrics(call, metrics.of_deployment(deployment))


def _environment_metrics(call: Call) -> dict[str, Any]:
    """Metrics of whatever took the traffic of an environment, while it did.

    Differs: As the metrics of a deployment.
    """
    _, environment = call.world.environment(call.params["model_id"], call.params["env_name"])
    return _metrics(call, metrics.of_environment(call.world, environment))


def _metrics(call: Call, parts: list[Part]) -> dict[str, Any]:
    return metrics.answer(
        call.world,
        parts,
        mode=call.query.get("mode", "CURRENT"),
        start_millis=call.integer("start_epoch_millis"),
        end_millis=call.integer("end_epoch_millis"),
        names=call.query.getlist("metrics"),
    )


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path=f"{_DEPLOYMENT}/logs", handler=_deployment_logs),
    Route(
        method="POST",
        path=f"{_DEPLOYMENT}/logs",
        handler=_deployment_logs_by_body,
        limit="logs",
        needs="read",
    ),
    Route(
        method="GET",
        path=f"{_DEPLOYMENT}/metrics",
        handler=_deployment_metrics,
        needs="metrics",
    ),
    Route(method="GET", path=f"{_ENVIRONMENT}/logs", handler=_environment_logs),
    Route(
        method="GET",
        path=f"{_ENVIRONMENT}/metrics",
        handler=_environment_metrics,
        since="newest",
        needs="metrics",
    ),
)
