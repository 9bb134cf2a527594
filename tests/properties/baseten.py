"""An emulated Baseten in this very thread: its handlers are called, and nothing listens.

Its clock is the only one there is, and moves when somebody sleeps. Production is called every other
second, so that a release has traffic to be judged by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from gitops.emulator.clock import ManualClock
from gitops.emulator.emulator import Emulator
from gitops.emulator.faults import read
from gitops.emulator.gateway import Target
from gitops.emulator.http.app import App
from gitops.emulator.http.control import set_status
from gitops.emulator.options import Durations, Options
from gitops.emulator.world import health
from gitops.emulator.world.entities import Deployment, Environment, Model
from gitops.emulator.world.refusal import Refusal
from tests.properties.asked import MODEL, PRODUCTION

URL: Final = "http://127.0.0.1:9"
BETWEEN_CALLS: Final = 2.0
LONGEST_TRAFFIC: Final = 30.0
"""Seconds between requests to production; of a longer stretch only its end has any."""

_DURATIONS: Final = Durations(
    build=15.0,
    deploy=4.0,
    load=3.0,
    wake=3.0,
    replica_start=3.0,
    release=4.0,
    step=4.0,
    metrics_lag=8.0,
    idle_out=0.0,
)
_ANSWERING: Final = frozenset({"ACTIVE", "UNHEALTHY"})
_PING: Final = b'{"text": "ping"}'


class Platform:
    """One workspace with one model at most. ``seen`` hears whenever something has changed."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.clock = ManualClock()
        options = Options(seed=7, rate_limits=False, durations=_DURATIONS, workspace="acme")
        self.emulator = Emulator(options, self.clock, folder)
        self.world = self.emulator.world
        self.app = App(self.emulator, self._drop)
        self.begun = self.now
        self.traffic = self.now
        self.changed = False
        self.requests = 0
        self.seen: Callable[[], None] = _unseen
        self._dropped = False
        self.world.on_change.append(self._note)

    def _note(self) -> None:
        self.changed = True

    @property
    def now(self) -> float:
        return self.clock.now()

    @property
    def model(self) -> Model | None:
        return next((each for each in self.world.models.values() if each.name == MODEL), None)

    def environments(self) -> dict[str, Environment]:
        return dict(self.model.environments) if self.model is not None else {}

    def serving(self, name: str) -> Deployment | None:
        found = self.environments().get(name)
        return self.world.current(found) if found is not None else None

    def fault(self, **fault: Any) -> None:
        """Plan a fault; see ``gitops.emulator.faults``."""
        health.plan(self.world, read(fault))

    def set_status(self, deployment_id: str, status: str) -> None:
        set_status(self.emulator, deployment_id, status)
        self.look()

    def look(self) -> None:
        """Tell who wants to see that something has changed."""
        if self.changed:
            self.changed = False
            self.seen()

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let everything that is due happen, and production be called."""
        target = self.now + seconds
        self.traffic = max(self.traffic, target - LONGEST_TRAFFIC)
        while True:
            due = self.world.timeline.next_at()
            moment = min(target, self.traffic, target if due is None else due)
            self.clock.move_to(max(moment, self.now))
            self.emulator.catch_up()
            self.look()
            if moment == self.traffic:
                self.traffic += BETWEEN_CALLS
                self._call_production()
            elif moment >= target:
                return

    def _call_production(self) -> None:
        model, serving = self.model, self.serving(PRODUCTION)
        if model is None or serving is None or serving.status not in _ANSWERING:
            return
        target = Target(model_id=model.id, environment=PRODUCTION)
        try:
            self.loop.run_until_complete(self.emulator.gateway.infer(target, _PING))
        except Refusal:
            return

    # Requests

    def _drop(self, _: Any) -> None:
        self._dropped = True

    def send(self, request: httpx.Request, wait: Callable[[float], None]) -> httpx.Response:
        """The answer, as it would have come over the wire.

        ``wait`` lets time go by where the answer takes some. Raises: httpx.TransportError.
        """
        self.requests += 1
        answer = _Answer()
        self._dropped = False
        task = self.loop.create_task(self.app(_scope(request), _body(request.read()), answer.take))
        try:
            while not task.done():
                self.loop.run_until_complete(_a_moment(task))
                if not task.done():
                    wait(1.0)
        finally:
            task.cancel()
        task.result()
        self.changed = True
        self.look()
        if self._dropped and answer.status is None:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(
            answer.status or 500,
            headers=answer.headers,
            stream=_Body(bytes(answer.body), broken=self._dropped),
            request=request,
        )

    def ask(self, path: str) -> Any:
        """A GET by nobody in particular."""
        return self.act("GET", path, "api:reader@example.com").json()

    def act(
        self, method: str, path: str, actor: str = "ui:ann@example.com", body: Any = None
    ) -> httpx.Response:
        """What somebody does in the UI."""
        request = httpx.Request(
            method,
            URL + path,
            json=body,
            headers={"Authorization": "Bearer ann.of-the-ui-alone", "X-Emulator-Actor": actor},
        )
        response = self.send(request, self.pass_time)
        response.read()
        return response


def _unseen() -> None:
    """Nobody looks."""


async def _a_moment(task: asyncio.Task[None]) -> None:
    for _ in range(4):
        if task.done():
            return
        await asyncio.sleep(0)


def _scope(request: httpx.Request) -> dict[str, Any]:
    parts = urlsplit(str(request.url))
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 1),
        "server": (parts.hostname, parts.port),
    }


def _body(content: bytes) -> Callable[[], Any]:
    messages: Iterator[dict[str, Any]] = iter(
        [{"type": "http.request", "body": content, "more_body": False}]
    )

    async def receive() -> dict[str, Any]:
        return next(messages, {"type": "http.disconnect"})

    return receive


class _Answer:
    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")


class _Body(httpx.SyncByteStream):
    """A body that may break off after what came of it."""

    def __init__(self, content: bytes, *, broken: bool) -> None:
        self._content, self._broken = content, broken

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        if self._broken:
            raise httpx.RemoteProtocolError("peer closed connection without sending all of it")
