"""Requests to a deployment through the inference API: the ``Prober`` of the drivers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlsplit

import httpx

from gitops.baseten import failures
from gitops.baseten.bodies import plain
from gitops.baseten.transport import Transport
from gitops.errors import RequestRefused, Unavailable
from gitops.pieces import pieces
from gitops.state.json import Json
from gitops.verify import stream as events
from gitops.verify.observation import Answer

LONGEST_ANSWER: Final = 16 << 20
WAKE_TIMEOUT: Final = 30.0
WAKE_ATTEMPTS: Final = 3
WAKE_WORDS: Final = 1 << 16
# The key, the address and the framing are ours; a check may add to the rest.
OWN_HEADERS: Final = frozenset(
    {"authorization", "host", "content-length", "transfer-encoding", "connection"}
)


class Prober:
    """Sends requests; every answer, a refusal or none at all too, is an ``Answer``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(
        self,
        model_id: str,
        deployment_id: str,
        path: str,
        body: Json,
        *,
        headers: Mapping[str, str],
        timeout: float,
        stream: bool = False,
    ) -> Answer:
        """One request, which ends after ``timeout`` seconds whatever trickles in.

        ``/predict`` is the model's own; any other path is a route of a custom server. A body of
        more than 16 MiB is cut off, and ``error`` says so. Raises ``Interrupted`` for one who is
        to stop.
        """
        return self._transport.attention.asked(
            lambda: self._sent(
                (model_id, deployment_id, path),
                body,
                headers=headers,
                timeout=timeout,
                stream=stream,
            )
        )

    def _sent(
        self,
        place: tuple[str, str, str],
        body: Json,
        *,
        headers: Mapping[str, str],
        timeout: float,
        stream: bool,
    ) -> Answer:
        clock = self._transport.clock
        key = self._transport.endpoint.api_key
        started = clock.monotonic()
        seen = _Seen()
        model_id, deployment_id, path = place
        try:
            request = self._transport.http.build_request(
                "POST",
                self._url(model_id, deployment_id, route(path)),
                content=json.dumps(plain(body), ensure_ascii=False, allow_nan=False).encode(),
                headers={
                    "Accept": "text/event-stream" if stream else "*/*",
                    "Content-Type": "application/json",
                    **{name: value for name, value in headers.items() if _allowed(name)},
                    **self._transport.authorization,
                },
                timeout=httpx.Timeout(
                    timeout, connect=min(timeout, self._transport.patience.connect)
                ),
            )
            response = self._transport.http.send(request, stream=True)
            try:
                seen.status = response.status_code
                seen.headers = {name: key.scrub(value) for name, value in response.headers.items()}
                for piece in pieces(response):
                    spent = clock.monotonic() - started
                    seen.take(piece, spent)
                    if spent > timeout:
                        seen.error = f"the answer did not end within {timeout:g} s"
                        break
                    if len(seen.body) > LONGEST_ANSWER:
                        seen.error = f"the answer is longer than {LONGEST_ANSWER >> 20} MiB"
                        break
                seen.end()
            finally:
                response.close()
        except httpx.HTTPError as error:
            seen.error = self._transport.explain(error)
        except (httpx.InvalidURL, UnicodeError, ValueError, RecursionError) as error:
            seen.error = f"the request cannot be written: {key.scrub(str(error))}"
        return Answer(
            # An answer that broke off is none: half of it must not pass a check.
            status=seen.status if seen.error is None else None,
            seconds=clock.monotonic() - started,
            body=key.scrub_bytes(bytes(seen.body[:LONGEST_ANSWER])),
            headers=seen.headers,
            error=seen.error,
            first_token=seen.first if stream else None,
            last_token=seen.last if stream else None,
            events=seen.events if stream else 0,
            tokens=seen.tokens if stream else 0,
        )

    def wake(self, model_id: str, deployment_id: str) -> None:
        """Start a deployment that scaled to zero.

        Raises:
            Unavailable: the inference API could not be reached, or has a fault.
            RequestRefused: it refuses, with its own message.
        """
        answer = Answer(status=None, seconds=0.0)
        for attempt in range(WAKE_ATTEMPTS):
            if attempt:
                self._transport.clock.sleep(attempt)
            answer = self._transport.attention.asked(lambda: self._wake(model_id, deployment_id))
            if answer.status is not None and answer.status < 500 and answer.status != 429:
                break
        host = urlsplit(self._transport.endpoint.inference(model_id)).netloc
        said = answer.error or failures.message_in(answer.body)
        if answer.status is None or answer.status >= 500 or answer.status == 429:
            raise Unavailable(
                f"deployment {deployment_id} could not be woken through {host}: "
                f"{said or answer.status}",
                method="POST",
                path="/wake",
                status=answer.status,
            )
        if answer.status >= 300:
            raise RequestRefused(
                f"Baseten does not wake deployment {deployment_id} ({answer.status})"
                + (f": {said}" if said else ""),
                method="POST",
                path="/wake",
                status=answer.status,
            )

    def _wake(self, model_id: str, deployment_id: str) -> Answer:
        clock, key = self._transport.clock, self._transport.endpoint.api_key
        deadline = clock.monotonic() + WAKE_TIMEOUT
        said = bytearray()
        try:
            with self._transport.http.stream(
                "POST",
                self._url(model_id, deployment_id, "wake"),
                headers=self._transport.authorization,
                timeout=WAKE_TIMEOUT,
            ) as response:
                # The status is all that matters; of the words there, the first ones.
                for piece in pieces(response):
                    said += piece
                    if len(said) > WAKE_WORDS or clock.monotonic() > deadline:
                        break
        except httpx.HTTPError as error:
            return Answer(status=None, seconds=0.0, error=self._transport.explain(error))
        return Answer(status=response.status_code, seconds=0.0, body=key.scrub_bytes(bytes(said)))

    def _url(self, model_id: str, deployment_id: str, action: str) -> str:
        base = self._transport.endpoint.inference(quote(model_id, safe=""))
        return f"{base}/deployment/{quote(deployment_id, safe='')}/{action}"


@dataclass(slots=True)
class _Seen:
    """What came so far of an answer; events are timed as they arrive.

    A body that is no stream of events, as generators of trusses give it, is timed piece by piece;
    what a token is cannot be told there.
    """

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    error: str | None = None
    first: float | None = None
    last: float | None = None
    events: int = 0
    tokens: int = 0
    _pieces: tuple[float, float] | None = None
    _stated: bool = False
    _counted: int = 0

    def take(self, piece: bytes, spent: float) -> None:
        if not piece:
            return
        self.body += piece
        self._pieces = (self._pieces[0] if self._pieces else spent, spent)
        for data in self._events():
            if data == events.DONE:
                continue
            self.events += 1
            carried = events.read(data)
            if carried.text:
                self.first = spent if self.first is None else self.first
                self.last = spent
                self.tokens += 0 if self._stated else 1
            if carried.tokens is not None:
                self._stated, self.tokens = True, carried.tokens

    def end(self) -> None:
        if self.events == 0 and self._pieces is not None:
            self.first, self.last = self._pieces

    def _events(self) -> Iterator[bytes]:
        while (end := self.body.find(b"\n", self._counted)) >= 0:
            line = bytes(self.body[self._counted : end]).strip()
            self._counted = end + 1
            if line.startswith(b"data:"):
                yield line.removeprefix(b"data:").strip()


def route(path: str) -> str:
    """The last part of a deployment's inference URL for the path of a check."""
    stripped = path.lstrip("/")
    return "predict" if stripped == "predict" else f"sync/{stripped}"


def _allowed(name: str) -> bool:
    return name.lower() not in OWN_HEADERS
