"""A REST API of a forge: reads are retried, a write goes out once, and the token stays inside."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

from gitops._version import __version__
from gitops.address import is_loopback
from gitops.errors import ForgeError
from gitops.pieces import PACKED, pieces
from gitops.secret import Secret

PER_PAGE: Final = 100
Shape = TypeVar("Shape")

MOST_PAGES: Final = 50
"""5,000 comments or issues: what comes after those is not looked for."""

_LONGEST_ANSWER: Final = 64 << 20
_LONGEST_WAIT: Final = 60.0
_SECONDS: Final = 30.0
"""Within which something of an answer has to come, again and again."""
_ANSWER: Final = 120.0
"""Seconds within which the whole of an answer has to be there."""
_TOTAL: Final = 240.0
"""Seconds after which a read is not tried again."""
_CONNECT: Final = 10.0
_ATTEMPTS: Final = 5
_LONGEST_MESSAGE: Final = 300
_NEXT: Final = re.compile(r""";\s*rel="?next\b""")


class _AgainError(Exception):
    """This attempt failed with ``error``, and another one may be made after ``wait`` seconds."""

    def __init__(self, error: ForgeError, wait: float | None = None) -> None:
        super().__init__()
        self.error = error
        self.wait = wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the API is, and what it is asked with. ``name`` is the forge's, for messages."""

    name: str
    api_url: str
    token: Secret
    accept: str = "application/json"
    headers: Mapping[str, str] | None = None


class Rest:
    """Sends requests to one forge.

    ``sleep`` waits that many seconds, ``now`` counts those that have passed; ``transport`` replaces
    the network, for tests.
    """

    def __init__(
        self,
        access: Access,
        *,
        sleep: Callable[[float], None],
        now: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.access = access
        self._sleep = sleep
        self._now = now
        self._http = httpx.Client(
            base_url=access.api_url,
            timeout=httpx.Timeout(_SECONDS, connect=_CONNECT),
            headers={
                "User-Agent": f"baseten-gitops/{__version__}",
                "Accept": access.accept,
                "Accept-Encoding": PACKED,
                **(access.headers or {}),
            },
            # A proxy is for the way out; what runs on this machine is not behind it.
            trust_env=not is_loopback(access.api_url),
            transport=transport,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, shape: type[Shape], **params: str | int) -> Shape:
        """Read JSON of a shape. Raises ``ForgeError``, with the status where there is one."""
        return self._parsed("GET", path, self._read(path, params)[1], shape)

    def pages(self, path: str, shape: type[Shape], **params: str | int) -> Iterator[Shape]:
        """The objects of a list over all its pages, in the forge's order.

        Pages are counted and no address from an answer is followed: the token goes nowhere else.
        A page that is not full is the last one unless the answer names another: a forge leaves out
        what the token may not see.
        """
        for page in range(1, MOST_PAGES + 1):
            headers, content = self._read(path, {**params, "per_page": PER_PAGE, "page": page})
            found = self._parsed("GET", path, content, list[shape])  # type: ignore[valid-type]
            yield from found
            if len(found) < PER_PAGE and not _NEXT.search(headers.get("link", "")):
                return

    def download(self, path: str) -> bytes:
        """Read a file. A redirect to another host is followed without the token."""
        return self._read(path, {}, follow=True)[1]

    def write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """Send a write once; what was answered.

        Raises ``ForgeError``, which says where the write may have taken effect all the same.
        """
        outcome = self._attempt(method, path, {}, body, follow=False)
        if isinstance(outcome, _AgainError):
            raise outcome.error
        if isinstance(outcome, ForgeError):
            raise outcome
        status, _, content = outcome
        if not 200 <= status < 300:
            raise self._refused(method, path, status, content)
        return content

    def made(self, path: str, body: Mapping[str, Any], shape: type[Shape]) -> Shape:
        """What a POST has made. Raises as ``write``."""
        return self._parsed("POST", path, self.write("POST", path, body), shape)

    def _read(
        self, path: str, params: Mapping[str, str | int], *, follow: bool = False
    ) -> tuple[httpx.Headers, bytes]:
        last: list[_AgainError] = []
        begun = self._now()
        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=10.0)

        def pause(state: tenacity.RetryCallState) -> float:
            asked = last[-1].wait if last else None
            return backoff(state) if asked is None else asked

        def tired(state: tenacity.RetryCallState) -> bool:
            spent = self._now() - begun + state.upcoming_sleep
            return state.attempt_number >= _ATTEMPTS or spent > _TOTAL

        def attempt() -> tuple[httpx.Headers, bytes]:
            try:
                return self._once(path, params, follow=follow)
            except _AgainError as again:
                last.append(again)
                raise

        try:
            return tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(_AgainError),
                wait=pause,
                stop=tired,
                sleep=self._sleep,
                reraise=True,
            )(attempt)
        except _AgainError as again:
            error = again.error
        # Outside of the handler: httpx's exceptions hold the request, and so the token.
        raise error

    def _once(
        self, path: str, params: Mapping[str, str | int], *, follow: bool
    ) -> tuple[httpx.Headers, bytes]:
        outcome = self._attempt("GET", path, params, None, follow=follow)
        if isinstance(outcome, ForgeError | _AgainError):
            raise outcome
        status, headers, content = outcome
        if 200 <= status < 300:
            return headers, content
        error = self._refused("GET", path, status, content)
        wait = _wait(headers)
        limited = status == 429 or (status == 403 and wait is not None)
        if status >= 500 or (limited and (wait or 0.0) <= _LONGEST_WAIT):
            raise _AgainError(error, wait)
        raise error

    def _attempt(
        self,
        method: str,
        path: str,
        params: Mapping[str, str | int],
        body: Mapping[str, Any] | None,
        *,
        follow: bool,
    ) -> tuple[int, httpx.Headers, bytes] | ForgeError | _AgainError:
        deadline = self._now() + _ANSWER
        try:
            with self._http.stream(
                method,
                path,
                params=params or None,
                json=body,
                headers={"Authorization": self.access.token.header()},
                follow_redirects=follow,
            ) as response:
                content = bytearray()
                for piece in pieces(response):
                    content += piece
                    if len(content) > _LONGEST_ANSWER:
                        return self._unexpected(method, path, "more than is ever asked for")
                    if self._now() > deadline:
                        why = f"the answer was not at its end after {_ANSWER:g} s"
                        return self._no_answer(method, path, why)
                return (
                    response.status_code,
                    response.headers,
                    self.access.token.scrub_bytes(bytes(content)),
                )
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, ValueError) as error:
            why = self.access.token.scrub(str(error)).strip() or type(error).__name__
        return self._no_answer(method, path, why)

    def _no_answer(self, method: str, path: str, why: str) -> _AgainError:
        lost = "" if method == "GET" else "; whether it took effect is not known"
        host = urlsplit(self.access.api_url).hostname
        error = ForgeError(
            f"{self.access.name} did not answer {method} {path}: {why}{lost}",
            hint=f"is {host} reachable from here, and well?",
        )
        return _AgainError(error)

    def _refused(self, method: str, path: str, status: int, content: bytes) -> ForgeError:
        said = _message(content)
        told = f": {said}" if said else ""
        return ForgeError(
            f"{self.access.name} answers {method} {path} with {status}{told}",
            status=status,
            hint=_HINTS.get(status),
        )

    def _unexpected(self, method: str, path: str, what: str) -> ForgeError:
        return ForgeError(f"{self.access.name} answers {method} {path} with {what}")

    def _parsed(self, method: str, path: str, content: bytes, shape: type[Shape]) -> Shape:
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(shape).validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
        raise self._unexpected(method, path, f"something else than expected (at {place or 'all'})")


_HINTS: Final = {
    401: "the token is missing, expired or wrong",
    403: "the token may not do that: look at the job's permissions, or the token's role and scopes",
    404: "it is not there, or the token may not see it: look at the job's permissions, "
    "or the token's role and scopes",
}


def _wait(headers: httpx.Headers) -> float | None:
    """Seconds that a rate limit asks to wait."""
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _message(content: bytes) -> str:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    said = body.get("message") or body.get("error") if isinstance(body, Mapping) else ""
    return str(said)[:_LONGEST_MESSAGE] if said else ""
