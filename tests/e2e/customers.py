"""Customers: a steady load on an environment, and what became of every single request.

    with customers(made) as load:
        done = made.apply()
        assert {each.version for each in load.hear(100)} == {"two"}

Each of a few threads asks, waits for the answer, and asks again when its turn has come: a machine
that is too slow for the rate has fewer requests, never a growing pile of them.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tests.e2e.trouble import Trouble
from tests.patience import HANGS

RATE: Final = 60.0
"""Requests a second, together."""
THREADS: Final = 6
MOST: Final = 50_000
ASKED: Final = {"text": "hello"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one request: a status, or None and what went wrong."""

    began: float
    status: int | None
    body: Any

    @property
    def version(self) -> str:
        """Which version of the truss answered."""
        return str(self.body["version"])


@dataclass
class Load:
    """The answers so far, in the order in which they came."""

    url: str
    key: str
    answers: list[Answer] = field(default_factory=list)
    _came: threading.Condition = field(default_factory=threading.Condition)
    _stop: threading.Event = field(default_factory=threading.Event)

    def hear(self, count: int) -> list[Answer]:
        """Wait for so many answers to requests that begin from now on."""
        now = time.monotonic()

        def new() -> list[Answer]:
            return [each for each in self.answers if each.began >= now]

        with self._came:
            assert self._came.wait_for(lambda: len(new()) >= count, HANGS), len(new())
            return new()

    @property
    def failed(self) -> list[Answer]:
        """Every request that was not answered, and every answer that is an error."""
        return [each for each in self.answers if each.status != 200]

    def ask(self, body: Any = ASKED) -> Answer:
        """One request of somebody's own; None for a status: it failed or hung."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=HANGS)
        try:
            return self._ask(connection, body)
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, body: Any) -> Answer:
        began = time.monotonic()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", urlsplit(self.url).path, json.dumps(body), headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as problem:
            connection.close()
            return Answer(began=began, status=None, body=repr(problem))
        return Answer(began=began, status=answer.status, body=content)

    def _keep_asking(self, number: int) -> None:
        every = THREADS / RATE
        due = time.monotonic() + every * number / THREADS
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=HANGS)
        while not self._stop.wait(max(0.0, due - time.monotonic())) and len(self.answers) < MOST:
            answer = self._ask(connection, ASKED)
            with self._came:
                self.answers.append(answer)
                self._came.notify_all()
            due = max(due + every, time.monotonic())
        connection.close()

    @contextmanager
    def running(self) -> Iterator[Load]:
        """Ask until the block ends; it begins once the first have been answered."""
        threads = [
            threading.Thread(target=self._keep_asking, args=(number,), daemon=True)
            for number in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        try:
            self.hear(THREADS)
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


@contextmanager
def customers(made: Trouble, environment: str = "production") -> Iterator[Load]:
    """A steady load on an environment of the only model."""
    [model] = made.emulator.world.models
    base = made.emulator.inference_url.format(model_id=model)
    load = Load(url=f"{base}/environments/{environment}/predict", key=made.emulator.api_key)
    with load.running():
        yield load
