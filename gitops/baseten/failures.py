"""What went wrong with a request, in words: from an answer, or from a broken connection."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final

from gitops.errors import (
    AccessDenied,
    BasetenError,
    NotFound,
    RequestRefused,
    ResponseLost,
    Unavailable,
)

_ALWAYS_THERE: Final = frozenset({"/v1/models", "/v1/teams"})
_WRONG_PLACE: Final = (
    "{host} answers, but not as Baseten's management API does: check the address and the path in "
    "BASETEN_API_URL"
)
_LONGEST_MESSAGE: Final = 600
_LONGEST_RETRY_AFTER: Final = 3600.0


def message_in(body: bytes) -> str:
    """Baseten's own words in the body of an error; empty where it is a web page or nothing."""
    text = body.decode("utf-8", errors="replace").strip()
    if not text:
        return ""
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.startswith("<") else _tidy(text)
    if isinstance(parsed, Mapping):
        for key in ("message", "error", "detail"):
            if parsed.get(key):
                return _tidy(_words(parsed[key]))
    return _tidy(text)


def retry_after(headers: Mapping[str, str], body: bytes) -> float | None:
    """Seconds that Baseten asks to wait: the body's ``retry_after`` or the header; the longer."""
    asked: list[object] = [headers.get("retry-after")]
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if isinstance(parsed, Mapping):
        asked.append(parsed.get("retry_after"))
    seconds = [number for each in asked if (number := _number(each)) is not None]
    return max(seconds) if seconds else None


def of_status(method: str, path: str, status: int, body: bytes, *, host: str) -> BasetenError:
    """The error for an answer that is not a success. 5xx and 429 are ``Unavailable``."""
    said = message_in(body)
    where = f"{method} {path}"
    told = f": {said}" if said else ""
    if status == 401:
        return AccessDenied(
            f"Baseten does not accept this API key (401 on {where}){told}",
            method=method,
            path=path,
            status=status,
            hint=f"check that BASETEN_API_KEY is a current key of the workspace at {host}",
        )
    if status == 403:
        return AccessDenied(
            f"this API key may not do that (403 on {where}){told}",
            method=method,
            path=path,
            status=status,
            hint="use a personal key, or a workspace key that may manage this model, its team and "
            "its environments",
        )
    if status == 404:
        return NotFound(
            f"not there (404 on {where}){told}",
            method=method,
            path=path,
            status=status,
            hint=_WRONG_PLACE.format(host=host) if path in _ALWAYS_THERE else None,
        )
    if status == 429:
        return Unavailable(
            f"{host} answers that there are too many requests (429 on {where}){told}",
            method=method,
            path=path,
            status=status,
            hint="something else uses the same API key; try again in a minute",
        )
    if status >= 500:
        return Unavailable(
            f"{host} has a fault ({status} on {where}){told}",
            method=method,
            path=path,
            status=status,
            hint="nothing is wrong with the request; try again later",
        )
    if 300 <= status < 400:
        return RequestRefused(
            f"{host} sends {where} elsewhere ({status}), which Baseten does not do",
            method=method,
            path=path,
            status=status,
            hint="check BASETEN_API_URL; the key is never sent on to another address",
        )
    return RequestRefused(
        f"Baseten refused {where} ({status}){told}", method=method, path=path, status=status
    )


def unreachable(method: str, path: str, *, host: str, why: str) -> Unavailable:
    """Nothing was sent: the address is wrong, or the network or the API is down."""
    return Unavailable(
        f"cannot reach Baseten at {host}: {why}",
        method=method,
        path=path,
        hint="check the network and BASETEN_API_URL, then run it again; nothing was sent",
    )


def lost(method: str, path: str, *, host: str, why: str, status: int | None = None) -> ResponseLost:
    """A write went out and nobody knows whether it took effect."""
    return ResponseLost(
        f"{method} {path} was sent to {host}, but its result is not known: {why}",
        method=method,
        path=path,
        status=status,
        hint="look at what is there before sending it again; running the same command does that",
    )


def broken(method: str, path: str, *, host: str, why: str) -> Unavailable:
    """A read was sent and its answer did not arrive."""
    return Unavailable(
        f"no usable answer from {host} to {method} {path}: {why}",
        method=method,
        path=path,
        hint="try again later",
    )


def unexpected(method: str, path: str, *, host: str, why: str) -> BasetenError:
    """An answer came with a good status, but it is not what this endpoint answers."""
    return BasetenError(
        f"{host} answered {method} {path} with something unexpected: {why}",
        method=method,
        path=path,
        hint="check that BASETEN_API_URL leads to Baseten's management API",
    )


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tidy(text: str) -> str:
    words = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(words.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[:_LONGEST_MESSAGE] + " …"


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    # A date in Retry-After is not worth a clock comparison: the backoff waits long enough.
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, _LONGEST_RETRY_AFTER)
