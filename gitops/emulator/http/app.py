"""The ASGI application: journal and faults around management, inference, S3 and control."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gitops.emulator.faults import RequestFault
from gitops.emulator.http import control, inference, routes, s3
from gitops.emulator.http.auth import actor_of, authenticate, authorize
from gitops.emulator.http.call import Call
from gitops.emulator.world.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from gitops.emulator.emulator import Emulator

_LOG = logging.getLogger("gitops.emulator")
CONTROL = "/__emulator__/"
INFERENCE = "/inference/"


class App:
    """One emulator as an ASGI application.

    `drop` closes the connection of a client address without another byte.
    """

    def __init__(self, emulator: Emulator, drop: Callable[[Any], None]) -> None:
        """Serve `emulator`."""
        self._emulator = emulator
        self._drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            response, fault = await self._respond(request)
        except ClientDisconnect:
            return
        except Exception:  # noqa: BLE001 - a bug here must show, and not as a hung client
            _LOG.exception("The emulator failed at %s %s", request.method, request.url.path)
            response = JSONResponse({"error": "The emulator failed; see its log."}, 500)
            fault = None
        if response is None:
            self._drop(scope["client"])
            return
        response.headers["Date"] = formatdate(self._emulator.clock.now(), usegmt=True)
        if fault is not None and fault.kind == "half_body":
            send = self._breaking_off(scope["client"], send)
        await response(scope, receive, send)

    def _breaking_off(self, client: Any, send: Send) -> Send:
        """A `send` that gives half of the first piece of a body and then drops the connection."""
        over = False

        async def half(message: Message) -> None:
            nonlocal over
            body = message.get("body", b"")
            if over:
                return
            if message["type"] == "http.response.body" and len(body) > 1:
                over = True
                await send({**message, "body": body[: len(body) // 2], "more_body": True})
                self._drop(client)
                return
            await send(message)

        return half

    async def _respond(self, request: Request) -> tuple[Response | None, RequestFault | None]:
        """The answer, noted in the journal, and the fault that struck the request.

        The answer is None where the connection is to be dropped.
        """
        path = request.url.path
        if path.startswith(CONTROL):
            return await self._control(request, path.removeprefix(CONTROL)), None
        journal = self._emulator.journal
        fault = self._emulator.faults.for_request(request.method, path)
        is_upload = not path.startswith(("/v1/", INFERENCE))
        body = b"" if is_upload else await request.body()
        entry = journal.note(request.method, path, request.url.query, body, fault)
        if fault is not None and fault.kind == "drop_before":
            return None, fault
        answer = await self._answer(request, path, fault)
        if fault is not None and fault.kind == "drop_after":
            return None, fault
        entry.status = answer.status_code
        return answer, fault

    async def _control(self, request: Request, name: str) -> Response:
        if not self._emulator.options.control:
            return JSONResponse({"error": "Not found."}, 404)
        self._emulator.catch_up()
        return await control.handle(request, self._emulator, name)

    async def _answer(self, request: Request, path: str, fault: RequestFault | None) -> Response:
        kind = fault.kind if fault else None
        if fault is not None and kind == "status" and not fault.done:
            return _faulty(fault)
        if fault is not None and kind == "latency":
            await asyncio.sleep(fault.seconds)
        self._emulator.catch_up()
        answer = await self._dispatch(request, path)
        return _faulty(fault) if fault is not None and kind == "status" else answer

    async def _dispatch(self, request: Request, path: str) -> Response:
        if path.startswith("/v1/"):
            return self._management(request, path, await request.body())
        if path.startswith(INFERENCE):
            return await self._inference(request, path.removeprefix(INFERENCE))
        request.scope["path_params"] = {"path": path}
        return await s3.handle(request, self._emulator.uploads)

    def _management(self, request: Request, path: str, body: bytes) -> Response:
        options = self._emulator.options
        try:
            key = authenticate(request, options)
            raw = request.scope["raw_path"].partition(b"?")[0].decode("ascii", "replace")
            found = routes.find(request.method, raw, july=options.mode == "july")
            if isinstance(found, bool):
                status = 405 if found else 404
                return JSONResponse(
                    {"error": "Not found." if not found else "Not allowed."}, status
                )
            route, params = found
            if options.rate_limits:
                slot = params.get("deployment_id", "")
                endpoint = f"{route.method} {route.path}"
                if slot in route.aliases:
                    endpoint += f" {slot}"
                wait = self._emulator.limiter.wait(key.secret, endpoint, route.limit)
                if wait is not None:
                    return JSONResponse({"error": "Rate limit exceeded.", "retry_after": wait}, 429)
            authorize(key, write=route.is_write)
            call = Call(
                world=self._emulator.world,
                uploads=self._emulator.uploads,
                base_url=str(request.base_url).rstrip("/"),
                actor=actor_of(request, key),
                params=params,
                query=request.query_params,
                body=body,
            )
            return JSONResponse(route.handler(call))
        except Refusal as refusal:
            return JSONResponse(_error(refusal), refusal.status)

    async def _inference(self, request: Request, path: str) -> Response:
        try:
            authenticate(request, self._emulator.options)
        except Refusal as refusal:
            body = json.dumps({"error": refusal.message, "error_code": "unauthorized"})
            return Response(body, refusal.status, media_type="application/json")
        return await inference.handle(request, self._emulator.gateway, path)


def _faulty(fault: RequestFault) -> Response:
    if isinstance(fault.answer, str):
        return PlainTextResponse(fault.answer, fault.status)
    return JSONResponse(fault.answer, fault.status)


def _error(refusal: Refusal) -> dict[str, str]:
    if refusal.status in {401, 403}:
        return {"error": refusal.message}
    return {"code": refusal.code, "message": refusal.message}
