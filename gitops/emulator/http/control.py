"""`/__emulator__/…`: what tests and demos need that Baseten does not have.

Off unless the emulator was started with `control`. Needs no key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gitops.emulator.clock import ManualClock
from gitops.emulator.http.journal import Fault
from gitops.emulator.world import lifecycle
from gitops.emulator.world.create import seed
from gitops.emulator.world.refusal import Refusal, invalid, not_found
from gitops.emulator.world.views import timestamp

if TYPE_CHECKING:
    from gitops.emulator.emulator import Emulator


class _Advance(BaseModel):
    model_config = ConfigDict(extra="forbid")
    seconds: float = Field(ge=0)


class _Status(BaseModel):
    model_config = ConfigDict(extra="forbid")
    deployment_id: str
    status: str


class _Seed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    models: int = Field(ge=1, le=5000)
    environments: list[str] = Field(default_factory=lambda: ["staging"])
    prefix: str = "model"


class _Traffic(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rate: float = Field(ge=0)


async def handle(request: Request, emulator: Emulator, name: str) -> Response:
    """Answer one control request."""
    try:
        return JSONResponse(await _answer(request, emulator, name))
    except Refusal as refusal:
        return JSONResponse({"error": refusal.message}, refusal.status)
    except ValidationError as problem:
        return JSONResponse({"error": str(problem)}, 400)


async def _answer(request: Request, emulator: Emulator, name: str) -> dict[str, Any]:
    body = await request.body()
    world = emulator.world
    match request.method, name:
        case "GET", "requests":
            return {"requests": [entry.to_json() for entry in emulator.journal.entries]}
        case "DELETE", "requests":
            emulator.journal.entries.clear()
            return {}
        case "POST", "faults":
            emulator.journal.faults.append(Fault.model_validate_json(body))
            return {}
        case "DELETE", "faults":
            emulator.journal.faults.clear()
            return {}
        case "GET", "clock":
            return {"now": timestamp(world.now), "epoch_seconds": world.now}
        case "POST", "clock":
            if not isinstance(emulator.clock, ManualClock):
                raise invalid("The clock of this emulator is not a manual one.")
            await emulator.advance(_Advance.model_validate_json(body).seconds)
            return {"now": timestamp(world.now), "epoch_seconds": world.now}
        case "POST", "status":
            wanted = _Status.model_validate_json(body)
            set_status(emulator, wanted.deployment_id, wanted.status)
            return {}
        case "POST", "seed":
            order = _Seed.model_validate_json(body)
            made = seed(
                world, order.models, environments=tuple(order.environments), prefix=order.prefix
            )
            return {"models": [model.id for model in made]}
        case "POST", "traffic":
            emulator.traffic.rate = _Traffic.model_validate_json(body).rate
            return {"rate": emulator.traffic.rate}
        case _:
            raise not_found("Control")


def set_status(emulator: Emulator, deployment_id: str, status: str) -> None:
    """Force a deployment into a status, as the platform might.

    INACTIVE is what happens to a long-idle deployment: no user is in the audit log.

    Raises:
        Refusal: 404.
    """
    deployment = emulator.world.deployments.get(deployment_id)
    if deployment is None:
        raise not_found("Deployment")
    was = deployment.replicas
    lifecycle.set_status(emulator.world, deployment, status)
    if status in {"ACTIVE", "UNHEALTHY"}:
        from gitops.emulator.world.scaling import set_replicas

        least = max(1, deployment.autoscaling.min_replica)
        set_replicas(emulator.world, deployment, was or least)
    else:
        emulator.pool.stop(deployment.id)
