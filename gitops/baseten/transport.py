"""The one HTTP client: sends, paces, retries, reads with limits, and names what went wrong.

Reads are retried on 429, 5xx and broken connections. A write goes out once: it is sent again only
where the first never left, or where a 429 says that it did not take effect. A write whose result
is not known raises ``ResponseLost``.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx
import tenacity

from gitops._version import __version__
from gitops.address import is_loopback
from gitops.baseten import failures
from gitops.baseten.attention import Attention
from gitops.baseten.endpoint import Endpoint
from gitops.baseten.pacing import Pacing
from gitops.baseten.silence import Silence
from gitops.errors import BasetenError, NotFound
from gitops.pieces import PACKED, pieces

if TYPE_CHECKING:
    from gitops.apply.ports import Clock, Permit

USER_AGENT: Final = (
    f"baseten-gitops/{__version__} (Python/{platform.python_version()}; {platform.system()})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to keep trying; all times in seconds.

    ``connect`` is per connection, ``read`` per read and its answer, ``write`` per write and its
    answer, ``total`` is when the last retry may start. ``first_contact`` attempts are made while
    nothing was ever reached, so that a mistyped address is reported soon.
    """

    connect: float = 10.0
    read: float = 60.0
    write: float = 30.0
    total: float = 120.0
    attempts: int = 8
    first_contact: int = 3
    longest_answer: int = 64 << 20


class Kind(Enum):
    """What repeating a request would do."""

    READ = "read"
    """Nothing: it may be repeated at will. GETs, and POSTs without an effect."""
    WRITE = "write"
    """Perhaps the same thing twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: ``form`` is the path with ``{}`` for each of ``ids``.

    ``permit`` is asked right before it is sent, with the seconds that it may take, and raises where
    it must not be sent any more.
    """

    method: str
    form: str
    ids: Sequence[str] = ()
    kind: Kind = Kind.READ
    params: Mapping[str, str | int | Sequence[str]] | None = None
    body: Any = None
    permit: Permit | None = None

    @property
    def path(self) -> str:
        """The path with its ids, each kept within its own segment."""
        if any(each in {"", ".", ".."} for each in self.ids):
            raise NotFound(
                f"not there: {self.ids!r} holds something that is no id",
                method=self.method,
                path=self.form,
            )
        return self.form.format(*(quote(each, safe="") for each in self.ids))


class _AgainError(Exception):
    """This attempt failed with ``error``, and another one may be made."""

    def __init__(self, error: BasetenError, wait: float | None, *, reached: bool) -> None:
        super().__init__()
        self.error = error
        self.wait = wait
        self.reached = reached


class Transport:
    """Sends requests to one ``Endpoint``; safe to share between threads.

    ``transport`` replaces the network, for tests. ``tell`` hears that Baseten does not answer, or
    not soon. ``attend`` is called every now and then while a read is under way: what it raises ends
    it. ``server_time`` is what the last answer's clock said.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
        tell: Callable[[str], None] | None = None,
        attend: Callable[[], None] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.clock = clock
        self.patience = patience or Patience()
        self._pacing = Pacing(clock)
        self._silence = Silence(tell or _unheard)
        self.attention = Attention(attend)
        self._reached = False
        self.server_time: datetime | None = None
        self.http = httpx.Client(
            timeout=httpx.Timeout(self.patience.read, connect=self.patience.connect),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=32),
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "Accept-Encoding": PACKED,
            },
            # A proxy is for the way out; what runs on this machine is not behind it.
            trust_env=not is_loopback(endpoint.api_url),
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def authorization(self) -> dict[str, str]:
        """The header that carries the key; added to each request and kept nowhere else."""
        return {"Authorization": self.endpoint.api_key.header()}

    def get(
        self, form: str, *ids: str, params: Mapping[str, str | int | Sequence[str]] | None = None
    ) -> dict[str, Any]:
        """Read a JSON object. Raises ``BasetenError`` and its kinds."""
        return self.send(Call(method="GET", form=form, ids=ids, params=params))

    def write(
        self,
        method: str,
        form: str,
        *ids: str,
        body: Any = None,
        permit: Permit | None = None,
    ) -> dict[str, Any]:
        """Send a write once. Raises ``ResponseLost`` where its result is not known."""
        return self.send(
            Call(method=method, form=form, ids=ids, kind=Kind.WRITE, body=body, permit=permit)
        )

    def send(self, call: Call) -> dict[str, Any]:
        """Send with pacing and retries; the JSON object that was answered."""
        started = self.clock.monotonic()
        last: list[_AgainError] = []

        def tired(state: tenacity.RetryCallState) -> bool:
            attempts = self.patience.attempts if self._reached else self.patience.first_contact
            spent = self.clock.monotonic() - started + state.upcoming_sleep
            return state.attempt_number >= attempts or spent > self.patience.total

        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=10.0)

        def pause(state: tenacity.RetryCallState) -> float:
            asked = last[-1].wait if last else None
            # Jitter on top of what was asked for, so that waiting clients do not return at once.
            return backoff(state) if asked is None else asked + backoff(state) / 10

        def waits(state: tenacity.RetryCallState) -> None:
            now = self.clock.monotonic()
            # A mistyped address is an error soon, and one is enough.
            number = state.attempt_number if self._reached else 1
            self._silence.failed(
                call.form, last[-1].error.message, attempt=number, spent=now - started, now=now
            )

        def attempt() -> dict[str, Any]:
            try:
                return self._exchange(call)
            except _AgainError as again:
                self._reached = self._reached or again.reached
                last.append(again)
                raise

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_AgainError),
            wait=pause,
            stop=tired,
            before_sleep=waits,
            sleep=self.clock.sleep,
            reraise=True,
        )
        try:
            answer = retrying(attempt)
        except _AgainError as again:
            error = again.error
            self._silence.gave_up(call.form)
        else:
            self._reached = True
            self._silence.answered(call.form)
            return answer
        # Outside of the handler: httpx's exceptions hold the request, and so the key.
        raise error

    def _exchange(self, call: Call) -> dict[str, Any]:
        path, host = call.path, self.endpoint.host
        with self._pacing.turn(f"{call.method} {call.form}"):
            if call.permit is not None:
                call.permit(self.patience.connect + self._limit(call))
            outcome = self._outcome(call, path)
        if isinstance(outcome, BasetenError | _AgainError):
            raise outcome
        status, headers, content = outcome
        if status == 429:
            error = failures.of_status(call.method, path, status, content, host=host)
            raise _AgainError(error, failures.retry_after(headers, content), reached=True)
        if status >= 500 or status == 408:
            if call.kind is Kind.WRITE:
                said = failures.message_in(content)
                why = f"it answered {status}" + (f" ({said})" if said else "")
                raise failures.lost(call.method, path, host=host, why=why, status=status)
            error = failures.of_status(call.method, path, status, content, host=host)
            raise _AgainError(error, failures.retry_after(headers, content), reached=True)
        if not 200 <= status < 300:
            raise failures.of_status(call.method, path, status, content, host=host)
        return self._parsed(call, path, content)

    def _limit(self, call: Call) -> float:
        return self.patience.write if call.kind is Kind.WRITE else self.patience.read

    def _outcome(
        self, call: Call, path: str
    ) -> tuple[int, httpx.Headers, bytes] | BasetenError | _AgainError:
        """Whoever is to stop leaves a read at once, but what became of a write has to be known."""
        if call.kind is Kind.WRITE:
            return self._attempt(call, path)
        begun = self.clock.monotonic()

        def waits() -> None:
            now = self.clock.monotonic()
            why = f"{call.method} {path} is not answered yet"
            self._silence.waits(call.form, why, spent=now - begun, now=now)

        return self.attention.asked(lambda: self._attempt(call, path), waits)

    def _attempt(
        self, call: Call, path: str
    ) -> tuple[int, httpx.Headers, bytes] | BasetenError | _AgainError:
        host = self.endpoint.host
        limit = self._limit(call)
        deadline = self.clock.monotonic() + limit
        try:
            with self.http.stream(
                call.method,
                self.endpoint.api_url + path,
                params=call.params,
                json=call.body,
                headers=self.authorization,
                timeout=httpx.Timeout(limit, connect=self.patience.connect),
            ) as response:
                content = bytearray()
                for piece in pieces(response):
                    content += piece
                    if len(content) > self.patience.longest_answer:
                        return self._no_answer(call, path, "the answer is too long to be one")
                    if self.clock.monotonic() > deadline:
                        return self._no_answer(call, path, "the answer does not come to its end")
                self.server_time = _date(response.headers) or self.server_time
                scrubbed = self.endpoint.api_key.scrub_bytes(bytes(content))
                return response.status_code, response.headers, scrubbed
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            why = self.explain(error)
            never_sent = failures.unreachable(call.method, path, host=host, why=why)
            return _AgainError(never_sent, None, reached=False)
        except httpx.HTTPError as error:
            return self._no_answer(call, path, self.explain(error))
        except (httpx.InvalidURL, UnicodeError, ValueError, RecursionError) as error:
            why = f"the request cannot be written: {self.endpoint.api_key.scrub(str(error))}"
            return BasetenError(f"{call.method} {path}: {why}", method=call.method, path=path)

    def _no_answer(self, call: Call, path: str, why: str) -> BasetenError | _AgainError:
        host = self.endpoint.host
        if call.kind is Kind.WRITE:
            return failures.lost(call.method, path, host=host, why=why)
        return _AgainError(
            failures.broken(call.method, path, host=host, why=why), None, reached=True
        )

    def _parsed(self, call: Call, path: str, content: bytes) -> dict[str, Any]:
        host = self.endpoint.host
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            page = content.lstrip()[:1] == b"<"
            why = "a web page" if page else "nothing" if not content else "text that is not JSON"
        else:
            if isinstance(parsed, dict):
                return parsed
            why = "JSON that is not an object"
        if call.kind is Kind.WRITE:
            raise failures.lost(call.method, path, host=host, why=f"the answer is {why}")
        raise failures.unexpected(call.method, path, host=host, why=why)

    def explain(self, error: Exception) -> str:
        """An exception of the HTTP client in words, without what it carries."""
        text = self.endpoint.api_key.scrub(str(error)).strip()
        match error:
            case httpx.ConnectTimeout():
                return f"no connection within {self.patience.connect:g} s"
            case httpx.PoolTimeout():
                return "all connections were in use for too long"
            case httpx.TimeoutException():
                return "no answer within the time limit"
            case httpx.RemoteProtocolError():
                return f"the connection broke off ({text})" if text else "the connection broke off"
            case _:
                return text or type(error).__name__


def _unheard(_: str) -> None:
    """Nobody listens."""


def _date(headers: Mapping[str, str]) -> datetime | None:
    """The other side's clock; None where it does not say."""
    try:
        said = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError):
        return None
    return said if said.tzinfo else None


def host_of(url: str) -> str:
    """The host of a URL, with its port where it has one."""
    return urlsplit(url).netloc.rpartition("@")[2]
