"""Reads that hang are told of and can be left; what became of a write is waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from gitops.apply.clock import StopFlag, SystemClock
from gitops.baseten.attention import Attention
from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint
from gitops.errors import Interrupted
from tests.baseten.fakes import KEY, FakeClock, Server


class Held(ThreadingHTTPServer):
    """Answers nothing before `go` is set, and says whenever somebody `came`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Holding)
        self.came = threading.Semaphore(0)
        self.go = threading.Event()
        self.waited_long = False


class Holding(BaseHTTPRequestHandler):
    server: Held

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.came.release()
        self.server.waited_long |= not self.server.go.wait(60)
        # Who left does not wait for it.
        with suppress(ConnectionError):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def held() -> Iterator[Held]:
    with Held() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.go.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def looking_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gitops.baseten.attention.ATTENTION", 0.01)


def client(held: Held, stop: StopFlag) -> Baseten:
    url = f"http://127.0.0.1:{held.server_address[1]}"
    endpoint = Endpoint(api_key=ApiKey(KEY), api_url=url, inference_url=url + "/{model_id}")
    return Baseten(endpoint, SystemClock(stop), attend=stop.check)


def test_who_is_to_stop_leaves_a_read_and_waits_for_the_end_of_a_write(held: Held) -> None:
    stop = StopFlag()
    with client(held, stop) as baseten, ThreadPoolExecutor() as pool:
        transport = baseten._transport
        write = pool.submit(transport.write, "POST", "/v1/models/{}/deployments", "m1")
        read = pool.submit(transport.get, "/v1/models")
        probe = pool.submit(
            baseten.prober.send, "m1", "d1", "/predict", {}, headers={}, timeout=60.0
        )
        for _ in range(3):
            held.came.acquire()
        stop.set("SIGTERM")
        for left in (read, probe):
            with pytest.raises(Interrupted, match="interrupted by SIGTERM"):
                left.result()
        assert not write.done()
        held.go.set()
        assert write.result() == {}


def test_what_is_answered_at_once_is_heard_by_one_who_is_to_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gitops.baseten.attention.ATTENTION", 60.0)
    stop = StopFlag()
    stop.set("SIGINT")
    with fake(Server(lambda _: {"models": []}), FakeClock(), attend=stop.check) as baseten:
        assert baseten._transport.get("/v1/models") == {"models": []}


def test_a_keyboard_interrupt_leaves_what_is_read_side_by_side(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        held.came.acquire()
        raise KeyboardInterrupt

    monkeypatch.setattr("gitops.baseten.reader.resolving.teams_of", interrupted)
    with client(held, StopFlag()) as baseten:
        baseten.reader._teams_seen = ()
        with pytest.raises(KeyboardInterrupt):
            baseten.reader.live([])
    assert not held.waited_long


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit(3)])
def test_whatever_is_raised_is_raised_where_it_was_asked(error: BaseException) -> None:
    def ask() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        Attention(lambda: None).asked(ask)
    assert caught.value is error


def test_a_read_that_is_not_answered_soon_is_told_of_once() -> None:
    clock, heard = FakeClock(), threading.Event()
    told: list[str] = []

    def tell(sentence: str) -> None:
        told.append(sentence)
        heard.set()

    def answer(_: httpx.Request) -> Any:
        clock.sleep(6)
        assert heard.wait(60)
        return {"models": []}

    with fake(Server(answer), clock, attend=lambda: None, tell=tell) as baseten:
        for _ in range(2):
            baseten._transport.get("/v1/models")
    assert told == [
        "waiting for Baseten: GET /v1/models is not answered yet",
        "Baseten answers again",
    ]


def fake(server: Server, clock: FakeClock, **given: Any) -> Baseten:
    transport = httpx.MockTransport(server)
    return Baseten(Endpoint(api_key=ApiKey(KEY)), clock, transport=transport, **given)


def test_ctrl_c_that_no_handler_hears_stops_what_is_read_in_other_threads(held: Held) -> None:
    stop = StopFlag()
    with client(held, stop) as baseten:

        def side_by_side() -> None:
            with ThreadPoolExecutor() as pool, stop.set_by_ctrl_c():
                pool.submit(baseten._transport.get, "/v1/models")
                held.came.acquire()
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            side_by_side()
    assert not held.waited_long
