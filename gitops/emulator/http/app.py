"""The ASGI application: journal and faults around management, inference and S3; control, page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gitops.emulator.faults import RequestFault
from gitops.emulator.http import control, inference, management, s3
from gitops.emulator.http.visitors import turned_away
from gitops.emulator.page import pages
from gitops.emulator.page.history import History
from gitops.emulator.storage.problem import StateError

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
        self._history = History(emulator.world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        counted = _Counted(receive)
        request = Request(scope, counted)
        try:
            response, fault = await self._respond(request, counted)
            self._emulator.save()
        except ClientDisconnect:
            return
        except StateError as problem:
            response, fault = JSONResponse({"error": str(problem)}, 500), None
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
        await response(scope, counted, send)

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

    async def _respond(
        self, request: Request, counted: _Counted
    ) -> tuple[Response | None, RequestFault | None]:
        """The answer, noted in the journal, and the fault that struck the request.

        The answer is None where the connection is to be dropped.
        """
        path = request.url.path
        away = turned_away(request)
        if away is not None:
            return JSONResponse({"error": away[1]}, away[0]), None
        if path.startswith(CONTROL):
            return await self._control(request, path.removeprefix(CONTROL)), None
        if pages.is_page(path):
            self._emulator.catch_up()
            return pages.respond(request, self._emulator.world, self._history), None
        journal = self._emulator.journal
        fault = self._emulator.faults.for_request(request.method, path)
        is_upload = not path.startswith(("/v1/", INFERENCE))
        body = b"" if is_upload else await request.body()
        entry = journal.note(request.method, path, request.url.query, body, fault)
        entry.body_bytes = len(body)
        if fault is not None and fault.kind == "drop_before":
            return None, fault
        try:
            answer = await self._answer(request, path, fault)
        finally:
            entry.body_bytes = counted.body_bytes
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
            await fault.over()
        self._emulator.catch_up()
        answer = await self._dispatch(request, path)
        return _faulty(fault) if fault is not None and kind == "status" else answer

    async def _dispatch(self, request: Request, path: str) -> Response:
        if path.startswith("/v1/"):
            return management.answer(self._emulator, request, await request.body())
        if path.startswith(INFERENCE):
            return await inference.handle(request, self._emulator, path.removeprefix(INFERENCE))
        request.scope["path_params"] = {"path": path}
        return await s3.handle(request, self._emulator.uploads)


class _Counted:
    """A `receive` that counts how much of a request's body has come."""

    def __init__(self, receive: Receive) -> None:
        """Count what `receive` gives."""
        self._receive = receive
        self.body_bytes = 0

    async def __call__(self) -> Message:
        """The next message."""
        message = await self._receive()
        self.body_bytes += len(message.get("body", b""))
        return message


def _faulty(fault: RequestFault) -> Response:
    if isinstance(fault.answer, str):
        return PlainTextResponse(fault.answer, fault.status)
    return JSONResponse(fault.answer, fault.status)
