"""What the tests of this edge share: a clock that nobody waits for, and answers made by hand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint
from gitops.baseten.transport import Patience

KEY = "pRefix01.s3cretSECRETs3cret"
SECRET = KEY.partition(".")[2]
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class FakeClock:
    """Sleeping moves it on at once."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        with self._lock:
            return self.seconds

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds


@dataclass
class Server:
    """Answers requests by hand, and keeps them. An exception as an answer is raised."""

    answer: Callable[[httpx.Request], Any]
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        made = self.answer(request)
        if isinstance(made, Exception):
            raise made
        if isinstance(made, httpx.Response):
            return made
        return httpx.Response(200, json=made)

    @property
    def paths(self) -> list[str]:
        return [f"{each.method} {each.url.path}" for each in self.requests]


def baseten(
    answer: Callable[[httpx.Request], Any],
    *,
    clock: FakeClock | None = None,
    patience: Patience | None = None,
    tell: Callable[[str], None] = lambda _: None,
    **endpoint: Any,
) -> tuple[Baseten, Server]:
    """A client on answers made by hand."""
    server = Server(answer)
    client = Baseten(
        Endpoint(api_key=ApiKey(KEY), **endpoint),
        clock or FakeClock(),
        patience=patience,
        transport=httpx.MockTransport(server),
        tell=tell,
    )
    return client, server


def in_turn(*answers: Any) -> Callable[[httpx.Request], Any]:
    """Each answer once, in order."""
    left = list(answers)
    return lambda _: left.pop(0)
