"""An emulator that is killed while it writes, and a witness that was not.

The emulator runs in a process forked from one that has its imports done, on a clock that stands
still and with ids from a seed: the same requests to the same state then lead to the same state,
which the witness, in this process, goes through step by step.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

from gitops.emulator import ManualClock, Options
from gitops.emulator.emulator import Emulator
from gitops.emulator.http.app import App
from gitops.emulator.server import HOST, Server
from gitops.emulator.storage.shape import shape_of
from gitops.emulator.uploads import Bucket
from gitops.emulator.world.state import State
from tests.emulator import kept
from tests.patience import HANGS


class Ask(NamedTuple):
    """One request."""

    method: str
    path: str
    body: dict[str, Any] | None = None


def options(state: Path) -> Options:
    return Options(state=state, seed=7, rate_limits=False, control=True)


class Nursery:
    """A process that has its imports done, and forks emulators one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.emulator.killed"],
            bufsize=0,  # so that what was said is seen to be there
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )

    def start(self, state: Path, most_bytes: int | None = None) -> Victim:
        """An emulator of its own; its files cannot grow beyond `most_bytes`."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([str(state), most_bytes]).encode() + b"\n")
        self._process.stdin.flush()
        return Victim(int(self.line()), self)

    def line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def says_within(self, seconds: float) -> bool:
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def close(self) -> None:
        self._process.communicate()


def bear() -> None:
    """What the nursery does: the child's id, its port once it listens, and how it ended."""
    shape_of(State)
    shape_of(Bucket)
    for line in iter(sys.stdin.readline, ""):
        state, most_bytes = json.loads(line)
        child = os.fork()
        if not child:
            # By itself: the nursery may come to it only after the child has said its port.
            _say(str(os.getpid()))
            _serve(Path(state), most_bytes)
            os._exit(0)
        _say(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}")


def _serve(state: Path, most_bytes: int | None) -> None:
    if most_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    server = Server(options(state), clock=ManualClock())
    asyncio.run(server.serve(lambda: _say(str(server.port))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Victim:
    """An emulator in a process of its own."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self._pid, self._nursery = pid, nursery
        self._socket: socket.socket | None = None
        self._ended = False

    def listens_within(self, seconds: float) -> bool:
        """Whether it answers requests by then."""
        if self._nursery.says_within(seconds):
            port = int(self._nursery.line())
            self._socket = socket.create_connection((HOST, port), HANGS)
        return self._socket is not None

    def send(self, ask: Ask) -> None:
        assert self._socket is not None
        body = b"" if ask.body is None else json.dumps(ask.body).encode()
        head = (
            f"{ask.method} {ask.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a.b\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)

    def answers_within(self, seconds: float) -> bool:
        """Whether an answer begins by then."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def answer(self) -> int | None:
        """The status of a whole answer; None: it did not come."""
        assert self._socket is not None
        answer = HTTPResponse(self._socket)
        try:
            answer.begin()
            answer.read()
        except (HTTPException, OSError):
            return None
        return answer.status

    def kill(self) -> None:
        """End it as `kill -9` does."""
        os.kill(self._pid, signal.SIGKILL)
        self._ended = True
        while not (said := self._nursery.line()).startswith(b"ended"):
            assert said
        assert said == f"ended {-signal.SIGKILL}\n".encode()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if not self._ended:
            self.kill()


class Witness(Emulator):
    """Remembers every state that is written."""

    seen: list[dict[str, Any]]

    def save(self) -> None:
        super().save()
        now = kept.of(self.world, self.uploads)
        if not self.seen or self.seen[-1] != now:
            self.seen.append(now)


def witnessed(state: Path, asks: Sequence[Ask], folder: Path) -> list[list[dict[str, Any]]]:
    """The states that each request may leave behind, the first being before any of them.

    The list of a request begins with the state that is there when it arrives.
    """
    folder.mkdir()
    copy = shutil.copy(state, folder / "copy.state")
    return asyncio.run(_witnessed(copy, asks, folder))


async def _witnessed(state: Path, asks: Sequence[Ask], folder: Path) -> list[list[dict[str, Any]]]:
    emulator = Witness(options(state), ManualClock(), folder)
    emulator.seen = [kept.of(emulator.world, emulator.uploads)]
    await emulator.start()
    states = [emulator.seen]
    app = App(emulator, lambda _: None)
    for ask in asks:
        emulator.seen = [states[-1][-1]]
        await _asked(app, ask)
        states.append(emulator.seen)
    await emulator.stop()
    shutil.rmtree(folder)
    return states


async def _asked(app: App, ask: Ask) -> None:
    body = b"" if ask.body is None else json.dumps(ask.body).encode()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(_: Any) -> None:
        return

    path, _, query = ask.path.partition("?")
    scope = {
        "type": "http",
        "method": ask.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"localhost"), (b"authorization", b"Bearer a.b")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    await app(scope, receive, send)


if __name__ == "__main__":
    bear()
