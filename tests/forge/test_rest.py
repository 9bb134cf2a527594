"""A forge that is slow: no answer is waited for without end, and none is asked for too often."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from gitops.errors import ForgeError
from gitops.forge.rest import Access, Rest
from gitops.secret import Secret

TOKEN = "t0ken-t0ken-t0ken"


class Clock:
    """What happens here takes time, and nobody waits for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds


class Trickle(httpx.SyncByteStream):
    """A body that never ends, a byte in twenty seconds."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def __iter__(self) -> Iterator[bytes]:
        while self.clock.seconds < 1e6:
            self.clock.pass_(20)
            yield b" "


class Slow:
    """A forge each of whose answers is made by the first of `answers`, the last one for good."""

    def __init__(self, *answers: httpx.Response, takes: float = 0.0) -> None:
        self.clock = Clock()
        self.answers = list(answers)
        self.takes = takes
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        self.clock.pass_(self.takes)
        if not self.answers:
            return httpx.Response(200, stream=Trickle(self.clock))
        return self.answers.pop(0)

    def rest(self) -> Rest:
        return Rest(
            Access(name="GitHub", api_url="https://forge.example", token=Secret(TOKEN)),
            sleep=self.clock.pass_,
            now=self.clock.now,
            transport=httpx.MockTransport(self),
        )


def test_an_answer_that_trickles_in_is_not_waited_for_without_end() -> None:
    slow = Slow()
    with pytest.raises(ForgeError) as caught:
        slow.rest().get("/user", dict)
    assert caught.value.message == (
        "GitHub did not answer GET /user: the answer was not at its end after 120 s"
    )
    assert caught.value.hint == "is forge.example reachable from here, and well?"
    assert slow.asked == ["GET /user"] * 2
    assert slow.clock.seconds < 300


def test_what_became_of_a_write_whose_answer_trickles_in_is_said_to_be_unknown() -> None:
    slow = Slow()
    with pytest.raises(ForgeError, match=r"after 120 s; whether it took effect is not known$"):
        slow.rest().write("POST", "/comments", {})
    assert slow.asked == ["POST /comments"]


def test_a_slow_answer_that_comes_to_its_end_is_one() -> None:
    slow = Slow(httpx.Response(502), httpx.Response(200, json={"login": "ada"}), takes=50)
    assert slow.rest().get("/user", dict) == {"login": "ada"}


def test_reads_are_not_tried_again_for_ever() -> None:
    slow = Slow(*[httpx.Response(503) for _ in range(5)], takes=100)
    with pytest.raises(ForgeError, match="with 503"):
        slow.rest().get("/user", dict)
    assert slow.asked == ["GET /user"] * 3


def test_what_is_too_long_to_be_an_answer_is_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gitops.forge.rest._LONGEST_ANSWER", 10)
    slow = Slow(httpx.Response(200, text=" " * 11))
    with pytest.raises(ForgeError, match="more than is ever asked for"):
        slow.rest().get("/user", dict)
    assert slow.asked == ["GET /user"]
