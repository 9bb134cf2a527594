"""Environments."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import (
    CreateEnvironment,
    JulyUpdateEnvironment,
    UpdateEnvironment,
    given,
)
from gitops.emulator.http.call import Call, Route
from gitops.emulator.http.deployments import settings_message, switched
from gitops.emulator.world import deployments, environments, views
from gitops.emulator.world.entities import Environment, Model

_ONE = "/v1/models/{model_id}/environments/{env_name}"


def _target(call: Call) -> tuple[Model, Environment]:
    return call.world.environment(call.params["model_id"], call.params["env_name"])


def _list(call: Call) -> dict[str, Any]:
    """The environments of a model."""
    model = call.world.model(call.params["model_id"])
    return {
        "environments": call.shuffled(
            [views.environment(call.world, item) for item in model.environments.values()]
        )
    }


def _create(call: Call) -> dict[str, Any]:
    """Make an environment.

    Differs: Whether names fold their case is a guess (`environment_case`).
    """
    model = call.world.model(call.params["model_id"])
    body = call.read(CreateEnvironment)
    call.manages(model.id, body.name)
    environment = environments.create_environment(
        call.world,
        call.actor,
        model,
        body.name,
        autoscaling=given(body.autoscaling_settings),
        promotion=given(body.promotion_settings),
        backpressure=given(body.request_backpressure_settings) if call.newest else None,
    )
    return views.environment(call.world, environment)


def _get(call: Call) -> dict[str, Any]:
    """One environment, with what serves, the candidate and the promotion.

    Differs: Terminal states of a promotion are readable for `durations.terminal_visible`.
    """
    return views.environment(call.world, _target(call)[1])


def _update(call: Call) -> dict[str, Any]:
    """Change the settings of an environment, its schedules and its routing.

    Differs: Answers as newer or older platforms did (`patch_reply`); routing shadows, and
    nothing else.
    """
    model, environment = _target(call)
    backpressure = schedules = routing = None
    if call.newest:
        body = call.read(UpdateEnvironment)
        backpressure = given(body.request_backpressure_settings)
        schedules = given(body.autoscaling_schedule_settings)
        routing = given(body.traffic_routing_settings)
        autoscaling, promotion = body.autoscaling_settings, body.promotion_settings
    else:
        old = call.read(JulyUpdateEnvironment)
        autoscaling, promotion = old.autoscaling_settings, old.promotion_settings
    status = environments.update_environment(
        call.world,
        call.actor,
        model,
        environment,
        autoscaling=given(autoscaling),
        promotion=given(promotion),
        backpressure=backpressure,
        schedule_settings=schedules,
        routing=routing,
    )
    answer: dict[str, Any] = {}
    reply = call.world.options.environment_reply
    if reply != "environment":
        answer = {"status": status, "message": settings_message(status)}
    if reply != "status":
        answer["environment"] = views.environment(call.world, environment)
    return answer


def _delete(call: Call) -> dict[str, Any]:
    """Delete an environment other than production; what served in it goes to zero."""
    model, environment = _target(call)
    environments.delete_environment(call.world, call.actor, model, environment)
    return {"name": environment.name, "model_id": model.id, "deleted": True}


def _activate(call: Call) -> dict[str, Any]:
    """Start what serves in an environment."""
    model, environment = _target(call)
    current = environments.serving(call.world, environment)
    did = deployments.activate(call.world, call.actor, model, current)
    return switched(call, did=did)


def _deactivate(call: Call) -> dict[str, Any]:
    """Stop what serves in an environment."""
    model, environment = _target(call)
    current = environments.serving(call.world, environment)
    did = deployments.deactivate(call.world, call.actor, model, current)
    return switched(call, did=did)


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/models/{model_id}/environments", handler=_list),
    Route(method="POST", path="/v1/models/{model_id}/environments", handler=_create),
    Route(method="GET", path=_ONE, handler=_get),
    Route(method="PATCH", path=_ONE, handler=_update),
    Route(method="DELETE", path=_ONE, handler=_delete, since="newest"),
    Route(method="POST", path=f"{_ONE}/activate", handler=_activate),
    Route(method="POST", path=f"{_ONE}/deactivate", handler=_deactivate),
)
