"""Promotions: starting one, and the five calls that steer it."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import (
    EnvironmentSettings,
    Promote,
    PromoteToEnvironment,
    PromotionUpdate,
    given,
)
from gitops.emulator.http.call import Call, Handler, Route
from gitops.emulator.world import promotions, scheduling, views
from gitops.emulator.world.entities import Environment, EnvironmentUpdate
from gitops.emulator.world.promotions import Wish
from gitops.emulator.world.refusal import invalid

_ENVIRONMENT = "/v1/models/{model_id}/environments/{env_name}"


def _to_environment(call: Call) -> dict[str, Any]:
    """Promote a deployment to an environment; gives the one that will serve.

    Differs: Refusals of a second promotion are `conflict_status`; when a copy is made, it
    carries no labels unless `labels_on_copies`.
    """
    body = call.read(PromoteToEnvironment)
    model, environment = call.world.environment(call.params["model_id"], call.params["env_name"])
    if body.deployment_id in {"production", "development"}:
        raise invalid("deployment_id must be the id of a deployment.")
    _, source = call.world.deployment(model.id, body.deployment_id)
    if source.is_development:
        raise invalid("The development deployment cannot be promoted to an environment.")
    wish = _wish(
        call,
        environment,
        body.environment_settings_update,
        body.promotion_settings_override,
        preserve=body.preserve_env_instance_type,
        keep_previous=not body.scale_down_previous_deployment,
    )
    candidate = promotions.promote(
        call.world, call.actor, model, environment, source=source, wish=wish
    )
    return views.deployment(call.world, candidate)


def _to_production(call: Call) -> dict[str, Any]:
    """Promote a deployment, or the development slot, to production.

    Differs: As promoting to an environment.
    """
    body = call.read(Promote)
    model, source = call.world.deployment(call.params["model_id"], call.params["deployment_id"])
    call.manages(model.id, "production")
    wish = _wish(
        call,
        model.production,
        body.environment_settings_update,
        body.promotion_settings_override,
        preserve=body.preserve_env_instance_type,
        keep_previous=not body.scale_down_previous_production,
    )
    candidate = promotions.promote(
        call.world, call.actor, model, model.production, source=source, wish=wish
    )
    return views.deployment(call.world, candidate)


def _wish(
    call: Call,
    environment: Environment,
    update: EnvironmentSettings | None,
    override: PromotionUpdate | None,
    *,
    preserve: bool,
    keep_previous: bool,
) -> Wish:
    if not call.newest:
        return Wish(preserve_instance_type=preserve, keep_previous=keep_previous)
    return Wish(
        update=_update(call, environment, update) if update else EnvironmentUpdate(),
        override=given(override),
        instance_type_id=update.instance_type_id if update else None,
        preserve_instance_type=preserve,
        keep_previous=keep_previous,
    )


def _update(call: Call, environment: Environment, update: EnvironmentSettings) -> EnvironmentUpdate:
    autoscaling = given(update.autoscaling_settings)
    if update.region:
        views.region(call.world, update.region)
    block = given(update.autoscaling_schedule_settings)
    base = environment.autoscaling.merged(autoscaling)
    schedules = scheduling.changed(call.world, environment.schedules, base, block)
    return EnvironmentUpdate(
        autoscaling=autoscaling,
        promotion=given(update.promotion_settings),
        backpressure=given(update.request_backpressure_settings),
        schedules=schedules if block else None,
        schedule_changes=scheduling.audited_operations(block, schedules),
        region=update.region,
    )


def _cancel(call: Call) -> dict[str, Any]:
    """Cancel a promotion: at once, or by moving traffic back step by step.

    Differs: A step takes `durations.step`, whatever the size of the model.
    """
    model, environment = call.world.environment(call.params["model_id"], call.params["env_name"])
    status = promotions.cancel(call.world, call.actor, model, environment)
    message = (
        "The promotion was canceled."
        if status == "CANCELED"
        else "Traffic is being moved back to the previous deployment."
    )
    return {"status": status, "message": message}


_SIGNALS = {
    "pause_promotion": "Hold a rolling promotion where it is.",
    "resume_promotion": "Go on with a promotion that is held.",
    "force_cancel_promotion": "Give all traffic back to what served before, at once.",
    "force_roll_forward_promotion": "Give all traffic to the candidate, at once.",
}


def _signal(name: str) -> Handler:
    def handle(call: Call) -> dict[str, Any]:
        model, environment = call.world.environment(
            call.params["model_id"], call.params["env_name"]
        )
        promotions.SIGNALS[name](call.world, call.actor, model, environment)
        return {"success": True}

    handle.__doc__ = _SIGNALS[name]
    return handle


ROUTES: tuple[Route, ...] = (
    Route(method="POST", path=f"{_ENVIRONMENT}/promote", handler=_to_environment),
    Route(
        method="POST",
        path="/v1/models/{model_id}/deployments/{deployment_id}/promote",
        handler=_to_production,
        aliases=("development",),
    ),
    Route(method="POST", path=f"{_ENVIRONMENT}/cancel_promotion", handler=_cancel),
    *(
        Route(method="POST", path=f"{_ENVIRONMENT}/{name}", handler=_signal(name))
        for name in promotions.SIGNALS
    ),
)
