"""Probes over real sockets: answers, streams, broken and endless ones; the key in none of them."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint
from gitops.baseten.prober import LONGEST_ANSWER, Prober, route
from gitops.errors import RequestRefused, Unavailable
from gitops.verify.observation import Answer
from tests.baseten.fakes import KEY, SECRET, FakeClock, baseten, in_turn

Reply = Callable[["Handler"], None]


class Model(http.server.ThreadingHTTPServer):
    """A model that answers as a test wants it to, and keeps what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply: Reply = lambda handler: handler.send(200, b"{}")
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{{model_id}}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that the other side gave up is no news."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Model

    def log_message(self, *unused: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.path, dict(self.headers), body))
        self.server.reply(self)

    def send(self, status: int, body: bytes, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("X-Echo", self.headers.get("Authorization", ""))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@pytest.fixture
def model() -> Iterator[Model]:
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def prober(model: Model, clock: FakeClock) -> Iterator[Prober]:
    endpoint = Endpoint(api_key=ApiKey(KEY), api_url="http://127.0.0.1:9", inference_url=model.url)
    with Baseten(endpoint, clock) as client:
        yield client.prober


def ask(prober: Prober, path: str = "/predict", body: Any = None, **more: Any) -> Answer:
    settings: dict[str, Any] = {"headers": {}, "timeout": 30.0} | more
    return prober.send("m1", "d1", path, body, **settings)


def test_an_answer(model: Model, prober: Prober) -> None:
    model.reply = lambda handler: handler.send(201, b'{"ok": true}')
    answer = ask(prober, body={"text": "ü", "number": 1.0})
    assert (answer.status, answer.body, answer.error) == (201, b'{"ok": true}', None)
    assert (answer.first_token, answer.events) == (None, 0)
    ((path, headers, body),) = model.asked
    assert path == "/m1/deployment/d1/predict"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": "ü", "number": 1.0}
    assert b"1.0" in body


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/predict", "predict"),
        ("predict", "predict"),
        ("/v1/chat/completions", "sync/v1/chat/completions"),
        ("/predict/more", "sync/predict/more"),
        ("/", "sync/"),
    ],
)
def test_routes(path: str, expected: str) -> None:
    assert route(path) == expected


def test_a_check_adds_headers_but_never_takes_ours(model: Model, prober: Prober) -> None:
    ask(prober, headers={"X-Tenant": "a", "authorization": "Bearer other", "HOST": "evil"})
    ((_, headers, _),) = model.asked
    assert headers["X-Tenant"] == "a"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Host"].startswith("127.0.0.1")


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_a_refusal_is_an_answer_and_is_sent_once(model: Model, prober: Prober, status: int) -> None:
    model.reply = lambda handler: handler.send(status, b'{"error": "no"}')
    answer = ask(prober)
    assert (answer.status, answer.error) == (status, None)
    assert len(model.asked) == 1


def test_an_answer_that_breaks_off_has_no_status(model: Model, prober: Prober) -> None:
    def cut(handler: Handler) -> None:
        handler.send(200, b'{"half": ', length=100)
        handler.close_connection = True

    model.reply = cut
    answer = ask(prober)
    assert answer.status is None
    assert answer.error is not None
    assert "broke off" in answer.error
    assert answer.body == b'{"half": '


def test_no_answer_at_all(model: Model, prober: Prober) -> None:
    def silent(handler: Handler) -> None:
        handler.close_connection = True

    model.reply = silent
    assert ask(prober).error is not None
    assert ask(prober).status is None


def test_an_answer_that_trickles_in_ends_at_the_time_limit(
    model: Model, prober: Prober, clock: FakeClock
) -> None:
    def trickle(handler: Handler) -> None:
        handler.send(200, b"", length=1000)
        for _ in range(10):
            clock.seconds += 10
            handler.wfile.write(b"x")
            handler.wfile.flush()
        handler.close_connection = True

    model.reply = trickle
    answer = ask(prober, timeout=30)
    assert answer.status is None
    assert answer.error == "the answer did not end within 30 s"


def test_an_endless_answer_is_cut_off(model: Model, prober: Prober) -> None:
    model.reply = lambda handler: handler.send(200, b"x" * (LONGEST_ANSWER + 100))
    answer = ask(prober)
    assert answer.error == "the answer is longer than 16 MiB"
    assert answer.status is None
    assert len(answer.body) == LONGEST_ANSWER


def test_a_model_that_cannot_be_reached() -> None:
    client, _ = baseten(lambda _: httpx.ConnectError("Connection refused"))
    answer = ask(client.prober)
    assert (answer.status, answer.error) == (None, "Connection refused")


def test_a_stream_counts_its_events_and_times_the_first(
    model: Model, prober: Prober, clock: FakeClock
) -> None:
    def stream(handler: Handler) -> None:
        clock.seconds += 2
        handler.send(
            200,
            b': comment\n\nevent: x\ndata: {"a": 1}\n\ndata:two\r\n\r\ndata: [DONE]\n\n',
        )

    model.reply = stream
    answer = ask(prober, stream=True)
    assert answer.status == 200
    assert answer.events == 2
    assert answer.first_token == 2
    assert answer.seconds == 2
    ((_, headers, _),) = model.asked
    assert headers["Accept"] == "text/event-stream"


CHAT = [
    {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"delta": {"content": "one"}}], "usage": None},
    {"choices": [{"delta": {"content": " two"}}]},
    {"choices": [], "usage": {"completion_tokens": 7}},
]


def test_the_first_token_is_the_first_event_with_text(model: Model, prober: Prober) -> None:
    def stream(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        for each in CHAT:
            handler.wfile.write(f"data: {json.dumps(each)}\n\n".encode())
        handler.wfile.write(b"data: [DONE]\n\n")

    model.reply = stream
    answer = ask(prober, stream=True)
    assert (answer.events, answer.tokens) == (4, 7)
    assert answer.first_token == 0
    assert answer.tokens_per_second is None


def test_a_stream_that_is_none_of_events_is_timed_by_its_pieces(
    model: Model, prober: Prober
) -> None:
    model.reply = lambda handler: handler.send(200, b"plain words")
    answer = ask(prober, stream=True)
    assert (answer.first_token, answer.events, answer.tokens) == (0, 0, 0)
    assert answer.tokens_per_second is None


def test_the_key_is_masked_in_what_a_model_gives_back(model: Model, prober: Prober) -> None:
    def echo(handler: Handler) -> None:
        handler.send(200, json.dumps(dict(handler.headers)).encode())

    model.reply = echo
    answer = ask(prober)
    assert b"Bearer ***" in answer.body
    assert SECRET not in repr(answer)


@pytest.mark.parametrize("body", [float("nan"), float("inf")])
def test_a_body_that_is_no_json_is_not_sent(model: Model, prober: Prober, body: float) -> None:
    answer = ask(prober, body=body)
    assert answer.status is None
    assert answer.error is not None
    assert "cannot be written" in answer.error
    assert model.asked == []


def test_headers_that_would_split_the_request_are_not_sent(model: Model, prober: Prober) -> None:
    answer = ask(prober, headers={"X": "a\r\nHost: evil"})
    assert answer.status is None
    assert model.asked == []


def test_waking_is_tried_again() -> None:
    clock = FakeClock()
    client, server = baseten(
        in_turn(httpx.ConnectError("down"), httpx.Response(503), httpx.Response(202)), clock=clock
    )
    client.prober.wake("m1", "d1")
    assert server.paths == ["POST /deployment/d1/wake"] * 3
    assert str(server.requests[0].url.host) == "model-m1.api.baseten.co"
    assert clock.slept == [1, 2]


def test_waking_that_fails() -> None:
    client, _ = baseten(lambda _: httpx.Response(404, json={"error": "no such thing"}))
    with pytest.raises(RequestRefused, match=r"\(404\): no such thing"):
        client.prober.wake("m1", "d1")
    client, server = baseten(lambda _: httpx.ReadTimeout(""))
    with pytest.raises(Unavailable, match=r"model-m1\.api\.baseten\.co: no answer within"):
        client.prober.wake("m1", "d1")
    assert len(server.requests) == 3


def test_of_what_waking_answers_no_more_is_read_than_can_be_told() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1 << 16
            yield b"x" * (1 << 16)

    client, _ = baseten(lambda _: httpx.Response(400, content=endless()))
    with pytest.raises(RequestRefused, match=r"\(400\): x+"):
        client.prober.wake("m1", "d1")
    assert read <= 4 << 16
