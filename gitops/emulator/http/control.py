"""`/__emulator__/…`: what tests and demos need that Baseten does not have.

Off unless the emulator was started with `control`. Needs no key.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from gitops.emulator import faults
from gitops.emulator.clock import ManualClock
from gitops.emulator.http.call import Body, checked
from gitops.emulator.http.json_text import parsed
from gitops.emulator.world import health, lifecycle
from gitops.emulator.world.create import seed
from gitops.emulator.world.refusal import Refusal, invalid, not_found
from gitops.emulator.world.timestamps import timestamp

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitops.emulator.emulator import Emulator


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: float = Field(ge=0)


class _Status(BaseModel):
    model_config = ConfigDict(extra="forbid")
    deployment_id: str
    status: str = Field(pattern="^[A-Z][A-Z_]*$")
    """Also one that nobody knows yet: clients have to bear those."""


class _SeedOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")
    models: int = Field(ge=1, le=5000)
    environments: list[str] = Field(default_factory=lambda: ["staging"])
    prefix: str = "model"
    deployment_name: str | None = None
    labels: dict[str, Any] | None = None


class _Lift(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: str | None = None


class _Traffic(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: float = Field(ge=0)


async def handle(request: Request, emulator: Emulator, name: str) -> Response:
    """Answer one control request."""
    handler = _HANDLERS.get((request.method, name))
    if handler is None:
        return JSONResponse({"error": "Not found."}, 404)
    try:
        result = handler(emulator, await request.body())
        return JSONResponse(await result if isawaitable(result) else result)
    except Refusal as refusal:
        return JSONResponse({"error": refusal.message}, refusal.status)


Answer = dict[str, Any]


def _read(model: type[Body], body: bytes) -> Body:
    try:
        value = parsed(body)
    except ValueError as problem:
        raise invalid(f"The body is not JSON: {problem}.") from None
    return checked(model, value)


def _requests(emulator: Emulator, _body: bytes) -> Answer:
    return {"requests": [entry.to_json() for entry in emulator.journal.entries]}


def _forget_requests(emulator: Emulator, _body: bytes) -> Answer:
    emulator.journal.entries.clear()
    return {}


def _plan_fault(emulator: Emulator, body: bytes) -> Answer:
    try:
        value = parsed(body)
        fault = faults.parse(value) if isinstance(value, str) else faults.read(value)
    except ValueError as problem:
        raise invalid(f"This is not a fault: {problem}.") from None
    health.plan(emulator.world, fault)
    return _faults(emulator, body)


def _faults(emulator: Emulator, _body: bytes) -> Answer:
    return {"faults": emulator.faults.to_json()}


def _lift_faults(emulator: Emulator, body: bytes) -> Answer:
    emulator.faults.lift(_read(_Lift, body or b"{}").kind)
    return _faults(emulator, body)


def _clock(emulator: Emulator, _body: bytes) -> Answer:
    return {"now": timestamp(emulator.world.now), "epoch_seconds": emulator.world.now}


async def _move_clock(emulator: Emulator, body: bytes) -> Answer:
    if not isinstance(emulator.clock, ManualClock):
        raise invalid("The clock of this emulator is not a manual one.")
    await emulator.advance(_read(_Advance, body).seconds)
    return _clock(emulator, body)


def _status(emulator: Emulator, _body: bytes) -> Answer:
    pool = emulator.pool
    return {
        "truss_network": {"state": pool.network, "reason": pool.network_reason},
        "truss_processes": pool.live,
        "models": len(emulator.world.models),
        "deployments": len(emulator.world.deployments),
        "faults": len(emulator.faults.to_json()),
        "traffic": emulator.traffic.rate,
    }


def _force_status(emulator: Emulator, body: bytes) -> Answer:
    wanted = _read(_Status, body)
    set_status(emulator, wanted.deployment_id, wanted.status)
    return {}


def _seed(emulator: Emulator, body: bytes) -> Answer:
    order = _read(_SeedOrder, body)
    made = seed(
        emulator.world,
        order.models,
        environments=tuple(order.environments),
        prefix=order.prefix,
        deployment_name=order.deployment_name,
        labels=order.labels,
    )
    return {"models": [model.id for model in made]}


def _set_traffic(emulator: Emulator, body: bytes) -> Answer:
    emulator.traffic.rate = _read(_Traffic, body).rate
    return {"rate": emulator.traffic.rate}


_HANDLERS: dict[tuple[str, str], Callable[[Emulator, bytes], Answer | Awaitable[Answer]]] = {
    ("GET", "requests"): _requests,
    ("DELETE", "requests"): _forget_requests,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _plan_fault,
    ("DELETE", "faults"): _lift_faults,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _move_clock,
    ("GET", "status"): _status,
    ("POST", "status"): _force_status,
    ("POST", "seed"): _seed,
    ("POST", "traffic"): _set_traffic,
}


def set_status(emulator: Emulator, deployment_id: str, status: str) -> None:
    """Force a deployment into a status, as the platform might.

    INACTIVE is what happens to a long-idle deployment: no user is in the audit log. From
    UPDATING it comes up again by itself.

    Raises:
        Refusal: 404.
    """
    deployment = emulator.world.deployments.get(deployment_id)
    if deployment is None:
        raise not_found("Deployment")
    if status == "UPDATING":
        lifecycle.begin_update(emulator.world, deployment)
        return
    was = deployment.replicas
    lifecycle.set_status(emulator.world, deployment, status)
    if status in {"ACTIVE", "UNHEALTHY"}:
        from gitops.emulator.world.scaling import set_replicas

        least = max(1, deployment.autoscaling.min_replica)
        set_replicas(emulator.world, deployment, was or least)
    else:
        emulator.pool.stop(deployment.id)
