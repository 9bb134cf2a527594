"""One truss process, seen from the emulator."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitops.emulator.runtime.reply import Reply

_CHILD = Path(__file__).with_name("child.py")
_LINE_LIMIT = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a truss process is started with."""

    root: Path
    config: Mapping[str, Any]
    secrets: Mapping[str, str]
    environment: str | None
    memory_mib: int
    cpu_seconds: int
    concurrency: int
    variables: Mapping[str, str]
    network: bool
    """False: cut off, or not started at all."""


class NotIsolated(Exception):
    """The system does not let the process leave the network; says why."""


class WorkerGone(Exception):
    """The process ended, or was ended, before it answered."""


class Worker:
    """A running truss. Create with `Worker.start`; `close` ends it."""

    def __init__(
        self, process: asyncio.subprocess.Process, cpu_seconds: int, on_line: Callable[[str], None]
    ) -> None:
        """Used by `start`."""
        self.in_flight = 0
        self._cpu_seconds = cpu_seconds
        self.last_used = 0.0
        self._process = process
        self._on_line = on_line
        self._ids = itertools.count()
        self._answers: dict[int, asyncio.Queue[dict[str, Any] | None]] = {}
        self._loaded: asyncio.Future[Mapping[str, Any] | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._writer: asyncio.StreamWriter | None = None
        self.gone = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def start(cls, order: Order, on_line: Callable[[str], None]) -> Worker:
        """Start a process and send it its order; `loaded` tells how the load went.

        Raises:
            OSError, ValueError: the system refuses to start it.
        """
        ours, theirs = socket.socketpair()
        home = tempfile.gettempdir()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-u",
                str(_CHILD),
                str(theirs.fileno()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                cwd=order.root,
                limit=_LINE_LIMIT,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "HOME": home,
                    "LANG": "C.UTF-8",
                    "OMP_NUM_THREADS": "1",
                    **order.variables,
                },
            )
        except (OSError, ValueError):
            ours.close()
            raise
        finally:
            theirs.close()
        worker = cls(process, order.cpu_seconds, on_line)
        reader, writer = await asyncio.open_connection(sock=ours, limit=_LINE_LIMIT)
        worker._writer = writer
        worker._send(
            {
                "root": str(order.root),
                "config": order.config,
                "secrets": order.secrets,
                "environment": {"name": order.environment} if order.environment else None,
                "memory_mib": order.memory_mib,
                "cpu_seconds": order.cpu_seconds,
                "concurrency": order.concurrency,
                "network": order.network,
            }
        )
        worker._tasks = [
            asyncio.create_task(worker._read_messages(reader)),
            asyncio.create_task(worker._read_output()),
        ]
        return worker

    async def loaded(self, seconds: float) -> str | None:
        """Wait for the load: None when it went well, else what to write in the log.

        Raises:
            NotIsolated: it was to be cut off from the network and could not be.
        """
        try:
            message = await asyncio.wait_for(asyncio.shield(self._loaded), seconds)
        except TimeoutError:
            return f"load() did not return within {seconds:g} seconds."
        if message is None:
            return f"The model process ended before load() returned: {await self.ending()}."
        if message["event"] == "not_isolated":
            raise NotIsolated(message["reason"])
        return message.get("traceback")

    async def ending(self) -> str:
        """How a process that is gone ended, in words."""
        code = await self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        if -code == signal.SIGXCPU:
            return f"it used up its {self._cpu_seconds} seconds of processor time"
        return f"signal {signal.Signals(-code).name}"

    async def predict(self, body: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
        """Send one request.

        Raises:
            WorkerGone: the process ended first.
            TimeoutError: no answer within `seconds`; the process should be closed.
        """
        identifier = next(self._ids)
        answers = self._answers[identifier] = asyncio.Queue()
        self.in_flight += 1
        self._idle.clear()
        streaming = False
        try:
            if self.gone.is_set():
                raise WorkerGone
            self._send(
                {
                    "id": identifier,
                    "body": body.decode("utf-8", "replace"),
                    "headers": dict(headers),
                }
            )
            first = await asyncio.wait_for(answers.get(), seconds)
            if first is None:
                raise WorkerGone
            if "result" in first:
                return Reply.json(200, first["result"])
            if "error" in first:
                return Reply(
                    status=first["status"],
                    body=json.dumps({"error": first["error"]}).encode(),
                    traceback=first["traceback"],
                )
            streaming = True
            return Reply(
                status=200,
                media_type="text/event-stream",
                stream=self._stream(identifier, first, answers),
            )
        finally:
            if not streaming:
                self._forget(identifier)

    async def _stream(
        self,
        identifier: int,
        first: dict[str, Any],
        answers: asyncio.Queue[dict[str, Any] | None],
    ) -> AsyncIterator[bytes]:
        message: dict[str, Any] | None = first
        try:
            while message is not None and "chunk" in message:
                chunk = message["chunk"]
                yield chunk.encode() if isinstance(chunk, str) else json.dumps(chunk).encode()
                message = await answers.get()
            if message is None or "error" in message:
                raise WorkerGone
        finally:
            self._forget(identifier)

    async def finish(self, seconds: float) -> None:
        """Let the running requests end, for so long, then end the process and reap it."""
        waits = [asyncio.create_task(each.wait()) for each in (self._idle, self.gone)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        self.close()
        await self.ended()

    def close(self) -> None:
        """Kill the process and everything it started."""
        self.gone.set()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    async def ended(self) -> None:
        """Wait until the process is reaped and nothing of it is left."""
        await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(message, default=str).encode() + b"\n")

    def _forget(self, identifier: int) -> None:
        if self._answers.pop(identifier, None) is not None:
            self.in_flight -= 1
            if not self.in_flight:
                self._idle.set()

    async def _read_messages(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                event = message.get("event")
                if event is not None and not self._loaded.done():
                    self._loaded.set_result(message)
                elif event is None and message["id"] in self._answers:
                    self._answers[message["id"]].put_nowait(message)
        except ConnectionError:
            self._on_line("The model process closed its connection.")
        finally:
            self.gone.set()
            if not self._loaded.done():
                self._loaded.set_result(None)
            for answers in self._answers.values():
                answers.put_nowait(None)

    async def _read_output(self) -> None:
        if self._process.stdout is None:
            return
        async for line in self._process.stdout:
            self._on_line(line.decode("utf-8", "replace").rstrip("\n"))
