"""Retries, lost responses, refusals, and what the errors say; never the key."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.baseten.client import Baseten
from gitops.baseten.transport import Patience
from gitops.errors import (
    AccessDenied,
    BasetenError,
    GitopsError,
    NotFound,
    RequestRefused,
    ResponseLost,
    Unavailable,
)
from tests.baseten.fakes import KEY, SECRET, FakeClock, baseten, in_turn

MODELS: dict[str, Any] = {"models": []}


def read(*answers: Any, clock: FakeClock | None = None, **more: Any) -> tuple[Any, list[str]]:
    client, server = baseten(in_turn(*answers), clock=clock, **more)
    return client._transport.get("/v1/models"), server.paths


def write(*answers: Any, clock: FakeClock | None = None, **more: Any) -> tuple[Any, list[str]]:
    client, server = baseten(in_turn(*answers), clock=clock, **more)
    answer = client._transport.write("POST", "/v1/models/{}/deployments", "m1", body={"a": 1})
    return answer, server.paths


def send(client: Baseten, method: str) -> Any:
    transport = client._transport
    return transport.get("/v1/models") if method == "GET" else transport.write(method, "/v1/models")


def status(code: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(code, json=body if body is not None else {}, headers=headers)


def test_every_request_carries_the_key_and_who_we_are() -> None:
    client, server = baseten(lambda _: MODELS)
    client._transport.get("/v1/models", params={"metrics": ["a", "b"]})
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith("baseten-gitops/")
    assert str(request.url) == "https://api.baseten.co/v1/models?metrics=a&metrics=b"


@pytest.mark.parametrize(
    "first",
    [
        status(429),
        status(500),
        status(503),
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("Server disconnected"),
        httpx.ConnectError("refused"),
    ],
)
def test_a_read_is_tried_again(first: Any) -> None:
    answer, paths = read(first, MODELS)
    assert answer == MODELS
    assert len(paths) == 2


def test_a_read_honours_what_baseten_asks_for() -> None:
    clock = FakeClock()
    read(status(429, {"error": "slow down", "retry_after": 7}), MODELS, clock=clock)
    assert 7 <= sum(clock.slept) < 9
    clock = FakeClock()
    read(status(503, {}, **{"Retry-After": "11"}), MODELS, clock=clock)
    assert 11 <= sum(clock.slept) < 13


@pytest.mark.parametrize("asked", [-1, "soon", None, True, [], 1e400, "nan"])
def test_a_senseless_retry_after_is_passed_over(asked: Any) -> None:
    clock = FakeClock()
    body = f'{{"error": "x", "retry_after": {asked!r}}}'.replace("'", '"')
    read(httpx.Response(429, content=body.encode()), MODELS, clock=clock)
    assert sum(clock.slept) <= 10


def test_a_read_does_not_wait_beyond_its_patience() -> None:
    clock = FakeClock()
    with pytest.raises(Unavailable, match="too many requests"):
        read(status(429, {"error": "later", "retry_after": 3000}), MODELS, clock=clock)
    assert sum(clock.slept) == 0


def test_a_read_gives_up_in_the_end() -> None:
    clock = FakeClock()
    client, server = baseten(lambda _: status(500, {"error": "boom"}), clock=clock)
    with pytest.raises(Unavailable) as caught:
        client._transport.get("/v1/models")
    assert "api.baseten.co has a fault (500 on GET /v1/models): boom" in caught.value.message
    assert len(server.requests) == Patience().attempts
    assert sum(clock.slept) <= Patience().total


FAULT = "waiting for Baseten: api.baseten.co has a fault (503 on GET /v1/models): {}"


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([MODELS], []),
        ([status(503), MODELS], []),
        ([status(503)] * 2 + [MODELS], [FAULT, "Baseten answers again"]),
        ([status(503)] * 7 + [MODELS] * 2, [FAULT, "Baseten answers again"]),
        ([status(503)] * 8, [FAULT]),
        ([httpx.ConnectError("refused")] * 3, []),
        (
            [MODELS, *[httpx.ConnectError("refused")] * 2, MODELS],
            [
                "waiting for Baseten: cannot reach Baseten at api.baseten.co: refused",
                "Baseten answers again",
            ],
        ),
    ],
)
def test_who_waits_for_an_answer_is_told_why_once(answers: list[Any], says: list[str]) -> None:
    told: list[str] = []
    client, _ = baseten(in_turn(*answers), tell=told.append)
    with suppress(BasetenError, IndexError):
        while True:
            send(client, "GET")
    assert told == says


def test_a_long_wait_is_told_of_once_a_minute() -> None:
    told: list[str] = []
    clock = FakeClock()
    client, _ = baseten(lambda _: status(503), clock=clock, tell=told.append)
    begun = clock.monotonic()
    while clock.monotonic() - begun < 300:
        with pytest.raises(Unavailable):
            send(client, "GET")
    assert set(told) == {FAULT}
    assert 3 <= len(told) <= 6


def test_what_one_request_waits_for_another_one_does_not_answer() -> None:
    told: list[str] = []

    def answer(request: httpx.Request) -> Any:
        if request.url.path == "/v1/models":
            client._transport.get("/v1/teams")
            return status(503)
        return MODELS

    client, _ = baseten(answer, tell=told.append)
    with pytest.raises(Unavailable):
        send(client, "GET")
    assert told == [FAULT]


def test_a_wrong_path_in_the_address_is_not_taken_for_an_empty_workspace() -> None:
    client, _ = baseten(lambda _: httpx.Response(404))
    with pytest.raises(NotFound, match=r"not there \(404 on GET /v1/models\)") as caught:
        client._transport.get("/v1/models")
    assert caught.value.hint is not None
    assert "the path in BASETEN_API_URL" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        client._transport.get("/v1/models/{}", "abc")
    assert caught.value.hint is None


def test_an_unreachable_address_is_reported_soon_and_by_name() -> None:
    client, server = baseten(lambda _: httpx.ConnectError("Connection refused"))
    with pytest.raises(Unavailable) as caught:
        client._transport.get("/v1/models")
    assert "cannot reach Baseten at api.baseten.co: Connection refused" in caught.value.message
    assert caught.value.hint is not None
    assert "BASETEN_API_URL" in caught.value.hint
    assert len(server.requests) == Patience().first_contact


def test_an_address_that_once_answered_gets_more_patience() -> None:
    down = httpx.ConnectError("down")
    client, server = baseten(in_turn(MODELS, down, down, down, down, MODELS))
    client._transport.get("/v1/models")
    assert client._transport.get("/v1/models") == MODELS
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "answer",
    [
        status(500),
        status(502),
        status(408),
        httpx.Response(504, text="<html>"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, text=""),
        httpx.Response(200, json=[]),
        httpx.ReadTimeout("no answer"),
        httpx.WriteTimeout("stuck"),
        httpx.WriteError("broken pipe"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
    ],
)
def test_a_write_without_a_result_is_sent_once(answer: Any) -> None:
    client, server = baseten(lambda _: answer)
    with pytest.raises(ResponseLost) as caught:
        client._transport.write("POST", "/v1/models/{}/deployments", "m1")
    assert len(server.requests) == 1
    assert "its result is not known" in caught.value.message


@pytest.mark.parametrize(
    "first",
    [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), status(429, {"retry_after": 2})],
)
def test_a_write_that_took_no_effect_is_sent_again(first: Any) -> None:
    answer, paths = write(first, {"done": True})
    assert answer == {"done": True}
    assert len(paths) == 2


def test_a_write_that_never_left_is_unavailable_not_lost() -> None:
    client, _ = baseten(lambda _: httpx.ConnectError("refused"))
    with pytest.raises(Unavailable) as caught:
        client._transport.write("POST", "/v1/models")
    assert caught.value.hint is not None
    assert "nothing was sent" in caught.value.hint


def test_a_write_sent_again_that_is_then_lost_is_lost() -> None:
    client, server = baseten(in_turn(status(429), httpx.ReadTimeout("")))
    with pytest.raises(ResponseLost):
        client._transport.write("POST", "/v1/models")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (400, RequestRefused),
        (401, AccessDenied),
        (403, AccessDenied),
        (404, NotFound),
        (409, RequestRefused),
        (413, RequestRefused),
        (422, RequestRefused),
        (301, RequestRefused),
        (307, RequestRefused),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_refusal_is_final(code: int, kind: type[BasetenError], method: str) -> None:
    client, server = baseten(lambda _: status(code, {"message": "because"}))
    with pytest.raises(kind) as caught:
        send(client, method)
    assert type(caught.value) is kind
    assert len(server.requests) == 1
    assert caught.value.status == code
    assert caught.value.path == "/v1/models"
    assert "because" in caught.value.message or code < 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "first", "error": "second"}', "first"),
        (b'{"error": "second", "detail": "third"}', "second"),
        (b'{"detail": [{"loc": ["body"], "msg": "bad"}]}', '"msg": "bad"'),
        (b'{"code": "VALIDATION_ERROR"}', "VALIDATION_ERROR"),
        (b"plain words", "plain words"),
        (b"one\n\n  two\x1b[31m three", "one two [31m three"),
        (b"\xff\xfe", "\ufffd"),
        (b"[" * 100_000, "[[[["),
    ],
)
def test_baseten_has_its_say(body: bytes, said: str) -> None:
    client, _ = baseten(lambda _: httpx.Response(400, content=body))
    with pytest.raises(RequestRefused) as caught:
        client._transport.get("/v1/models")
    assert said in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 800


def test_a_web_page_is_not_repeated() -> None:
    client, _ = baseten(lambda _: httpx.Response(400, text="<html><h1>Oh</h1></html>"))
    with pytest.raises(RequestRefused) as caught:
        client._transport.get("/v1/models")
    assert "<" not in caught.value.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(200, text="<!doctype html>"), "a web page"),
        (httpx.Response(200, text=""), "nothing"),
        (httpx.Response(200, text="ok"), "text that is not JSON"),
        (httpx.Response(200, json=["models"]), "JSON that is not an object"),
    ],
)
def test_a_good_status_with_something_else_in_it(answer: httpx.Response, said: str) -> None:
    client, _ = baseten(lambda _: answer)
    with pytest.raises(BasetenError, match=said) as caught:
        client._transport.get("/v1/models")
    assert caught.value.hint is not None


def test_an_endless_answer_is_cut_off() -> None:
    short = Patience(longest_answer=1000, attempts=2)
    client, _ = baseten(lambda _: httpx.Response(200, content=b" " * 2000), patience=short)
    with pytest.raises(Unavailable, match="too long"):
        client._transport.get("/v1/models")


def test_an_answer_that_trickles_in_is_cut_off() -> None:
    clock = FakeClock()

    def trickle() -> Any:
        for _ in range(100):
            clock.seconds += 1
            yield b" "

    client, _ = baseten(lambda _: httpx.Response(200, content=trickle()), clock=clock)
    with pytest.raises(ResponseLost, match="does not come to its end"):
        client._transport.write("POST", "/v1/models")


@pytest.mark.parametrize("hostile", ["../teams", "a/b", "a?b=c", "a#b", "ü %2e", "\x1b[31m"])
def test_an_id_stays_within_its_segment(hostile: str) -> None:
    client, server = baseten(lambda _: {"id": "m", "name": "n"})
    client.reader.model_name(hostile)
    path = server.requests[0].url.raw_path.decode()
    assert path.startswith("/v1/models/")
    assert path.count("/") == 3
    assert "?" not in path


@pytest.mark.parametrize("hostile", ["", ".", ".."])
def test_an_id_that_is_none_is_not_sent(hostile: str) -> None:
    client, server = baseten(lambda _: {})
    assert client.reader.model_name(hostile) is None
    assert server.requests == []


ENDINGS: list[Callable[[str], Any]] = [
    lambda text: httpx.Response(400, json={"message": text}),
    lambda text: httpx.Response(401, text=text),
    lambda text: httpx.Response(403, json={"detail": [text]}),
    lambda text: httpx.Response(404, json={text: text}),
    lambda text: httpx.Response(418, text=text),
    lambda text: httpx.Response(500, json={"error": text}),
    lambda text: httpx.Response(429, json={"error": text}),
    lambda _: httpx.Response(302, headers={"Location": "/?" + KEY}),
    lambda text: httpx.Response(200, text=text),
    httpx.ConnectError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.ProxyError,
    httpx.InvalidURL,
]


@given(
    ending=st.sampled_from(ENDINGS),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
    method=st.sampled_from(["GET", "POST"]),
)
def test_no_error_ever_shows_the_key(
    ending: Callable[[str], Any], before: str, after: str, method: str
) -> None:
    text = (before + KEY + after + SECRET).encode("utf-8", "replace").decode()
    client, _ = baseten(lambda _: ending(text))
    with pytest.raises(GitopsError) as caught:
        send(client, method)
    error: BaseException | None = caught.value
    assert "".join(traceback.format_exception(caught.value)).find(SECRET) < 0
    while error is not None:
        assert SECRET not in repr(error) + str(error) + repr(vars(error))
        # httpx's exceptions hold the request, whose headers hold the key.
        assert not isinstance(error, httpx.HTTPError)
        error = error.__cause__ or error.__context__
