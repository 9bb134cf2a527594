"""The inference plane, with the model's id in the path instead of in the host name.

`/inference/{model_id}/production/predict` and so on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from gitops.emulator.gateway import Gateway, Target
from gitops.emulator.runtime.reply import Reply
from gitops.emulator.world.refusal import Refusal

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a path below `/inference/` means; `route` is the custom server's, without slash."""

    target: Target
    operation: str
    route: str | None = None


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
        case _:
            raise Refusal(404, "client_error", "Not found.")
    match tail:
        case ["predict"] | ["wake"]:
            return Address(target=target, operation=tail[0])
        case ["sync", *route] if route:
            return Address(target=target, operation="sync", route="/".join(route))
        case _:
            raise Refusal(404, "client_error", "Not found.")


async def handle(request: Request, gateway: Gateway, path: str) -> Response:
    """Answer one inference request."""
    request_id = token_hex(16)
    headers = {"X-BASETEN-REQUEST-ID": request_id}
    try:
        where = address(path)
        if where.operation == "wake":
            if request.method != "POST":
                raise Refusal(405, "client_error", "wake takes a POST.")
            gateway.wake(where.target)
            return Response(status_code=202, headers=headers)
        if where.operation == "predict" and request.method != "POST":
            raise Refusal(405, "client_error", "predict takes a POST.")
        reply = await gateway.infer(
            where.target,
            await request.body(),
            method=request.method,
            route=where.route,
            headers=dict(request.headers),
        )
    except Refusal as refusal:
        body = json.dumps({"error": refusal.message, "error_code": refusal.code})
        return Response(
            body, status_code=refusal.status, media_type="application/json", headers=headers
        )
    headers["X-BASETEN-MODEL-PREDICTION-ATTEMPTS"] = "1"
    return _response(reply, headers)


def _response(reply: Reply, headers: dict[str, str]) -> Response:
    if reply.stream is not None:
        return StreamingResponse(
            reply.stream, reply.status, headers=headers, media_type=reply.media_type
        )
    return Response(reply.body, reply.status, headers=headers, media_type=reply.media_type)
