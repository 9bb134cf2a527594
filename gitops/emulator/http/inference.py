"""The inference plane, with the model's id in the path instead of in the host name.

`/inference/{model_id}/production/predict` and so on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from gitops.emulator import asynchronous
from gitops.emulator.gateway import Target
from gitops.emulator.http.auth import authenticate
from gitops.emulator.http.call import checked
from gitops.emulator.http.json_text import parsed
from gitops.emulator.runtime.reply import Reply
from gitops.emulator.world import async_requests
from gitops.emulator.world.entities import AsyncRequest
from gitops.emulator.world.keys import CALLERS, Identity
from gitops.emulator.world.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitops.emulator.emulator import Emulator


class _Retries(BaseModel):
    model_config = ConfigDict(extra="ignore")
    max_attempts: int = Field(default=3, ge=1, le=10)
    initial_delay_ms: int = Field(default=1000, ge=0, le=10_000)
    max_delay_ms: int = Field(default=5000, ge=0, le=60_000)


class _AsyncPredict(BaseModel):
    """`POST …/async_predict`; times in seconds."""

    model_config = ConfigDict(extra="ignore")
    model_input: Any
    webhook_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s/]+")
    priority: int = Field(default=0, ge=0, le=2)
    max_time_in_queue_seconds: int = Field(default=600, ge=10, le=259_200)
    inference_retry_config: _Retries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a path below `/inference/` means; `route` is the custom server's, without slash."""

    target: Target
    operation: str
    route: str | None = None


OPERATIONS = {
    "predict": "POST",
    "wake": "POST",
    "async_predict": "POST",
    "async_queue_status": "GET",
}


def address(path: str) -> Address:
    """Read a path. Raises: Refusal 404."""
    segments = path.strip("/").split("/")
    model_id, rest = segments[0], segments[1:]
    match rest:
        case ["production", *tail]:
            target = Target(model_id=model_id, environment="production")
        case ["development", *tail]:
            target = Target(model_id=model_id)
        case ["environments", name, *tail]:
            target = Target(model_id=model_id, environment=name)
        case ["deployment", identifier, *tail]:
            target = Target(model_id=model_id, deployment_id=identifier)
        case ["async_request", identifier]:
            return Address(
                target=Target(model_id=model_id), operation="async_request", route=identifier
            )
        case _:
            raise Refusal(404, "client_error", "Not found.")
    match tail:
        case [operation] if operation in OPERATIONS:
            return Address(target=target, operation=operation)
        case ["sync", *route] if route:
            return Address(target=target, operation="sync", route="/".join(route))
        case _:
            raise Refusal(404, "client_error", "Not found.")


async def handle(request: Request, emulator: Emulator, path: str) -> Response:
    """Answer one inference request."""
    request_id = token_hex(16)
    headers = {"X-BASETEN-REQUEST-ID": request_id}
    try:
        identity = _caller(request, emulator)
        where = address(path)
        _authorize(identity, where.target)
        response = await _answer(request, emulator, where, request_id)
    except Refusal as refusal:
        status = 400 if refusal.code == "VALIDATION_ERROR" else refusal.status
        code = "client_error" if refusal.code == "VALIDATION_ERROR" else refusal.code
        response = JSONResponse({"error": refusal.message, "error_code": code}, status)
    response.headers.update(headers)
    return response


def _caller(request: Request, emulator: Emulator) -> Identity:
    try:
        identity = authenticate(request, emulator.world)[1]
    except Refusal as refusal:
        raise Refusal(401, "unauthorized", refusal.message) from None
    if identity.type not in CALLERS:
        raise Refusal(401, "unauthorized", "This API key may not call models.")
    return identity


def _authorize(identity: Identity, target: Target) -> None:
    """Keys for calling can be limited to models and to environments."""
    if identity.model_ids is not None and target.model_id not in identity.model_ids:
        raise Refusal(401, "unauthorized", "This API key may not call this model.")
    if identity.environments is not None and target.environment not in identity.environments:
        raise Refusal(401, "unauthorized", "This API key may not call this environment.")


async def _answer(
    request: Request, emulator: Emulator, where: Address, request_id: str
) -> Response:
    expected = OPERATIONS.get(where.operation)
    if expected is not None and request.method != expected:
        raise Refusal(405, "client_error", f"{where.operation} takes a {expected}.")
    match where.operation:
        case "wake":
            emulator.gateway.wake(where.target)
            return Response(status_code=202)
        case "async_predict":
            _submit(emulator, where.target, await request.body(), request_id)
            return JSONResponse({"request_id": request_id}, emulator.options.async_status)
        case "async_queue_status":
            deployment = emulator.gateway.deployment_for(where.target)
            return JSONResponse(asynchronous.queue_status(emulator.world, deployment))
        case "async_request":
            return _of_async_request(request.method, emulator, where)
        case _:
            return await _infer(request, emulator, where)


async def _infer(request: Request, emulator: Emulator, where: Address) -> Response:
    body, headers = await request.body(), dict(request.headers)
    if request.method == "POST":
        emulator.shadowing.mirror(where.target, body, route=where.route, headers=headers)
    reply = await emulator.gateway.infer(
        where.target, body, method=request.method, route=where.route, headers=headers
    )
    return _response(reply, {"X-BASETEN-MODEL-PREDICTION-ATTEMPTS": "1"})


def _submit(emulator: Emulator, target: Target, body: bytes, request_id: str) -> None:
    try:
        wanted = checked(_AsyncPredict, parsed(body))
    except ValueError:
        raise Refusal(400, "client_error", "The request body is not JSON.") from None
    world = emulator.world
    deployment = emulator.gateway.deployment_for(target)
    if deployment.status in {"INACTIVE", "DEACTIVATING"}:
        raise Refusal(404, "model_does_not_exist", "The deployment is inactive.")
    retries = wanted.inference_retry_config or _Retries()
    entry = AsyncRequest(
        id=request_id,
        model_id=deployment.model_id,
        deployment_id=deployment.id,
        body=json.dumps(wanted.model_input).encode(),
        created_at=world.now,
        expires_at=world.now,
        status_at=world.now,
        priority=wanted.priority,
        attempts=retries.max_attempts,
        initial_delay=retries.initial_delay_ms / 1000,
        max_delay=retries.max_delay_ms / 1000,
        webhook=wanted.webhook_endpoint,
        webhook_status="PENDING" if wanted.webhook_endpoint else "NO_WEBHOOK_PROVIDED",
    )
    async_requests.submit(world, entry, wanted.max_time_in_queue_seconds)
    emulator.asynchronous.look(deployment.id)


def _of_async_request(method: str, emulator: Emulator, where: Address) -> Response:
    world = emulator.world
    found = async_requests.found(world, where.target.model_id, where.route or "")
    if method == "GET":
        return JSONResponse(asynchronous.shown(found))
    if method != "DELETE":
        raise Refusal(405, "client_error", "async_request takes a GET or a DELETE.")
    canceled = async_requests.cancel(world, found)
    message = "The request was canceled." if canceled else f"The request is {found.status}."
    return JSONResponse({"request_id": found.id, "canceled": canceled, "message": message})


def _response(reply: Reply, headers: dict[str, str]) -> Response:
    if reply.stream is not None:
        return StreamingResponse(
            reply.stream, reply.status, headers=headers, media_type=reply.media_type
        )
    return Response(reply.body, reply.status, headers=headers, media_type=reply.media_type)
