"""An emulator in a background thread, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from gitops.emulator.clock import Clock
from gitops.emulator.emulator import Emulator
from gitops.emulator.faults import read
from gitops.emulator.http.control import set_status
from gitops.emulator.options import Options
from gitops.emulator.server import Server
from gitops.emulator.storage.problem import StateError
from gitops.emulator.world.create import seed
from gitops.emulator.world.health import plan
from gitops.emulator.world.world import World

_Result = TypeVar("_Result")
_START_SECONDS = 30.0


class Running:
    """A serving emulator. Its methods may be called from any thread."""

    def __init__(self, server: Server, emulator: Emulator, loop: asyncio.AbstractEventLoop) -> None:
        """Used by `running`."""
        self._server = server
        self._loop = loop
        self.emulator = emulator
        self.api_key = new_key()

    @property
    def api_url(self) -> str:
        """For `BASETEN_API_URL`."""
        return self._server.url

    @property
    def inference_url(self) -> str:
        """For `BASETEN_INFERENCE_URL`; holds `{model_id}`."""
        return self._server.inference_url

    @property
    def s3_url(self) -> str:
        """For `AWS_ENDPOINT_URL_S3`."""
        return self._server.url

    @property
    def world(self) -> World:
        """The world itself. Only for reading, unless through `call`."""
        return self.emulator.world

    def environ(self) -> dict[str, str]:
        """The four variables that point a client here."""
        return {
            "BASETEN_API_KEY": self.api_key,
            "BASETEN_API_URL": self.api_url,
            "BASETEN_INFERENCE_URL": self.inference_url,
            "AWS_ENDPOINT_URL_S3": self.s3_url,
        }

    def wait(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the emulator's loop and give its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def call(self, function: Callable[..., _Result], *arguments: Any, **named: Any) -> _Result:
        """Call a function in the emulator's thread, where the world may be changed."""

        async def work() -> _Result:
            self.emulator.catch_up()
            result = function(*arguments, **named)
            self.emulator.save()
            return result

        return self.wait(work())

    def advance(self, seconds: float) -> None:
        """Move a manual clock; real loads on the way are waited for."""
        self.wait(self.emulator.advance(seconds))

    def seed(self, models: int, **named: Any) -> list[str]:
        """Add models that serve at once, and give their ids."""
        return [model.id for model in self.call(seed, self.world, models, **named)]

    def set_status(self, deployment_id: str, status: str) -> None:
        """Force a deployment into a status, as the platform might."""
        self.call(set_status, self.emulator, deployment_id, status)

    def fault(self, **fault: Any) -> None:
        """Plan a fault: fields of one of `faults` by name. Raises: FaultError."""
        self.call(plan, self.world, read(fault))

    def requests(self, *, writes: bool = False) -> list[dict[str, Any]]:
        """The journal so far; `writes` leaves out the reads."""
        entries = [entry.to_json() for entry in list(self.emulator.journal.entries)]
        return [each for each in entries if not writes or each["method"] != "GET"]


def new_key() -> str:
    """A throwaway API key."""
    return f"emulator.{secrets.token_urlsafe(24)}"


@contextmanager
def running(
    options: Options | None = None,
    *,
    clock: Clock | None = None,
    port: int = 0,
    **named: Any,
) -> Iterator[Running]:
    """Serve an emulator while the block runs.

    Args:
        options: All switches; or give single ones by name.
        clock: A `ManualClock` for deterministic times; default the machine's.
        port: Default a free one.
        named: Fields of `Options`.

    Raises:
        OSError: the port is taken.
        StateError: the state file cannot be used.
    """
    server = Server(options or Options(**named), port=port, clock=clock)
    started = threading.Event()
    loop = asyncio.new_event_loop()
    problems: list[StateError] = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(server.serve(started.set))
        except StateError as problem:
            problems.append(problem)
        finally:
            started.set()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=run, name="emulator", daemon=True)
    thread.start()
    started.wait(_START_SECONDS)
    if problems:
        thread.join()
        raise problems[0]
    if server.emulator is None or not thread.is_alive():
        raise RuntimeError("the emulator did not start")
    try:
        yield Running(server, server.emulator, loop)
    finally:
        loop.call_soon_threadsafe(server.stop)
        thread.join()
