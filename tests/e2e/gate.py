"""A gate between the command and Baseten: counts requests, and kills whoever sends one of them.

Everything that a process sends (management API, archive upload, inference) goes through its own
lane of one gate, over TCP. A lane can be given a `Kill`: then the process that uses it gets
SIGKILL right before or right after one of its requests took effect, or once it has the answer.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from tests.patience import HANGS

When = Literal["before", "after", "answered"]
"""Nothing reached Baseten · it took effect and the answer is lost · the answer came."""

_PER_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_NOT_PASSED_ON = _PER_CONNECTION | {"expect"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request that came through."""

    method: str
    path: str

    @property
    def is_write(self) -> bool:
        """Whether it is more than a read; requests of checks count as writes."""
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Die at the `at`-th write, or with `read` at the `at`-th read, counted from 0."""

    at: int
    when: When
    read: bool = False

    def __str__(self) -> str:
        return f"{self.when} {'read' if self.read else 'write'} {self.at}"


class Running(Protocol):
    """The process that sends."""

    @property
    def pid(self) -> int:
        """Its id."""
        ...

    def wait(self, timeout: float) -> object:
        """Until it has ended; `timeout` in seconds."""
        ...


@dataclass
class Lane:
    """One process at a time sends through here."""

    name: str
    sent: list[Sent] = field(default_factory=list)
    kill: Kill | None = None
    killed_at: Sent | None = None
    _process: Running | None = None
    _armed: bool = False
    _started: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def expect(self, kill: Kill | None) -> None:
        """A new process is about to use the lane."""
        self.sent.clear()
        self.kill, self.killed_at, self._armed = kill, None, False
        self._process = None
        self._started.clear()

    def belongs_to(self, process: Running) -> None:
        """This is the process."""
        self._process = process
        self._started.set()

    @property
    def writes(self) -> list[Sent]:
        """What was sent so far and is no read."""
        return [each for each in self.sent if each.is_write]

    def arrives(self, request: Sent) -> When | None:
        """Note a request; what is to happen to its sender, if anything."""
        with self._lock:
            if self._armed:
                self.killed_at = request
                return "before"
            kind = [each for each in self.sent if each.is_write is request.is_write]
            self.sent.append(request)
            kill = self.kill
            if kill is None or kill.read is request.is_write or len(kind) != kill.at:
                return None
            if kill.when == "answered":
                self._armed = True
                return None
            self.killed_at = request
            return kill.when

    def strike(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        assert self._started.wait(HANGS)
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(HANGS)


class Gate:
    """Listens on 127.0.0.1 and passes on to `upstream`, the emulator's URL."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream)
        self._lanes: dict[str, Lane] = {}
        self._uploads: dict[str, Lane] = {}
        gate = self

        class Handler(_Handler):
            gate_of = gate

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        # A connection that we abort on purpose is not worth a traceback.
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def lane(self, name: str) -> Lane:
        """The lane of that name, made when it is first asked for."""
        return self._lanes.setdefault(name, Lane(name))

    def environ(self, lane: Lane, key: str) -> dict[str, str]:
        """The variables that send a process through a lane."""
        return {
            "BASETEN_API_KEY": key,
            "BASETEN_API_URL": f"{self.url}/{lane.name}",
            "BASETEN_INFERENCE_URL": f"{self.url}/{lane.name}/inference/{{model_id}}",
            "AWS_ENDPOINT_URL_S3": self.url,
        }

    def split(self, target: str) -> tuple[Lane | None, str]:
        """The lane of a request and its path at Baseten.

        An upload's path is signed, and so has no lane in it: its key was handed out in one.
        """
        first, _, rest = target.lstrip("/").partition("/")
        if first in self._lanes:
            return self._lanes[first], f"/{rest}"
        path = target.partition("?")[0]
        for key, lane in list(self._uploads.items()):
            if path.endswith(key):
                return lane, target
        return None, target

    def learn(self, lane: Lane | None, request: Sent, content: bytes) -> None:
        """Remember in which lane an upload's key was handed out."""
        if lane is not None and request.path == "/v1/prepare_model_upload":
            key = json.loads(content).get("s3_key")
            if key:
                self._uploads[key] = lane

    def ask_upstream(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """One request to the emulator, and the whole answer."""
        connection = http.client.HTTPConnection(
            str(self._upstream.hostname), self._upstream.port, timeout=HANGS
        )
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @contextmanager
    def serving(self) -> Iterator[Gate]:
        """Pass requests on until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16
    gate_of: Gate

    def _pass_on(self) -> None:
        lane, path = self.gate_of.split(self.path)
        body = self._body()
        request = Sent(method=self.command, path=path.partition("?")[0])
        fate = lane.arrives(request) if lane is not None else None
        if lane is not None and fate == "before":
            lane.strike()
            self.close_connection = True
            return
        status, headers, content = self.gate_of.ask_upstream(
            self.command, path, dict(self.headers.items()), body
        )
        self.gate_of.learn(lane, request, content)
        if lane is not None and fate == "after":
            lane.strike()
            self.close_connection = True
            return
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _PER_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _pass_on  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(pieces)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
