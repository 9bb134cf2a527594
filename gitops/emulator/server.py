"""The emulator as a server on 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gitops.emulator.clock import Clock, WallClock
from gitops.emulator.emulator import Emulator
from gitops.emulator.folders import own_folder
from gitops.emulator.http.app import App
from gitops.emulator.options import Options

HOST = "127.0.0.1"


class _Uvicorn(uvicorn.Server):
    """Leaves signals to whoever runs it, and waits to be ended without looking at the clock."""

    def __init__(self, config: uvicorn.Config) -> None:
        """Create it in the loop that serves."""
        super().__init__(config)
        self.ended = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def main_loop(self) -> None:
        """Serve until `ended`; the application writes the Date header."""
        await self.ended.wait()


class Server:
    """Listens at once; serves while `serve` runs."""

    def __init__(self, options: Options, *, port: int = 0, clock: Clock | None = None) -> None:
        """Bind `port`, or a free one for 0.

        Raises:
            OSError: the port is taken.
        """
        self.options = options
        self._clock = clock or WallClock()
        # With the protocol named, asyncio switches Nagle's algorithm off on what it accepts.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except OSError:
            self._socket.close()
            raise
        self._socket.listen(2048)
        self.port: int = self._socket.getsockname()[1]
        self._uvicorn: _Uvicorn | None = None
        self.emulator: Emulator | None = None

    @property
    def url(self) -> str:
        """Where it listens; also the S3 endpoint."""
        return f"http://{HOST}:{self.port}"

    @property
    def inference_url(self) -> str:
        """The inference base, with `{model_id}` left in it."""
        return f"{self.url}/inference/{{model_id}}"

    async def serve(self, ready: Callable[[], None] | None = None) -> None:
        """Serve until `stop`; `ready`, if given, is called once requests are answered."""
        connections: dict[Any, asyncio.BaseTransport] = {}
        try:
            with own_folder() as folder:
                self.emulator = Emulator(self.options, self._clock, folder)
                self._uvicorn = _Uvicorn(self._config(connections))
                await self.emulator.start()
                try:
                    if ready is not None:
                        ready()
                    await self._uvicorn.serve([self._socket])
                finally:
                    await self.emulator.stop()
        finally:
            self._socket.close()

    def _config(self, connections: dict[Any, asyncio.BaseTransport]) -> uvicorn.Config:
        class Tracked(H11Protocol):
            """Remembers transports, so that a planned fault can drop a connection."""

            def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
                super().connection_made(transport)
                connections[self.client] = transport

            def connection_lost(self, exc: Exception | None) -> None:
                connections.pop(self.client, None)
                super().connection_lost(exc)

        def drop(client: Any) -> None:
            transport = connections.get(tuple(client))
            if isinstance(transport, asyncio.Transport):
                transport.abort()

        if self.emulator is None:
            raise RuntimeError("the emulator does not exist yet")
        return uvicorn.Config(
            App(self.emulator, drop),
            http=Tracked,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            date_header=False,
            server_header=False,
            access_log=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )

    def stop(self) -> None:
        """End `serve`; safe to call from the loop's thread or by call_soon_threadsafe."""
        if self._uvicorn is not None:
            self._uvicorn.should_exit = True
            self._uvicorn.ended.set()
