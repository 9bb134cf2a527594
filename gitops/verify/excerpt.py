"""Requests and answers as text that may be shown: no secrets, no control characters, cut."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from gitops.state.json import Json

LIMIT: Final = 90
REDACTED: Final = "(redacted)"

_SECRET_KEY = re.compile(
    r"(?:^|[_\-.])(?:api[_-]?key|authorization|credentials?|passw(?:or)?d|secret|token)s?$",
    re.IGNORECASE,
)
# What keys look like inside a text: an authorization value, a vendor's prefixed key, a JWT.
_SECRET_TEXT = re.compile(
    r"(?:(?:bearer|api-key|basic)\s+[\w.~+/=-]{6,})"
    r"|(?:\b(?:sk|hf|ghp|gho|ghs|xox[abp])[-_][\w-]{12,})"
    r"|(?:\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
    r"|(?:\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b)",
    re.IGNORECASE,
)


def _redact(value: Json) -> Json:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(REDACTED, value)
    if isinstance(value, Mapping):
        return {
            key: REDACTED if _SECRET_KEY.search(key) and isinstance(inner, str) else _redact(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(inner) for inner in value]
    return value


def _line(text: str) -> str:
    visible = "".join(each if each.isprintable() else " " for each in text)
    short = " ".join(visible.split())
    return short if len(short) <= LIMIT else short[: LIMIT - 1] + "…"


def of_json(value: Json) -> str:
    """A JSON value on one line, redacted and cut to ``LIMIT`` characters."""
    return _line(json.dumps(_redact(value), ensure_ascii=False))


def of_text(text: str) -> str:
    """A text on one line, redacted and cut."""
    return _line(_SECRET_TEXT.sub(REDACTED, text))


def of_body(body: bytes) -> str:
    """An answer's body: JSON where it is JSON, else text; redacted and cut."""
    try:
        return of_json(json.loads(body))
    except (ValueError, RecursionError):
        return of_text(body[: LIMIT * 8].decode(errors="replace"))


def header(name: str, value: str) -> str:
    """A header's value on one line; all of it is hidden where its name speaks of a secret."""
    secret = _SECRET_KEY.search(name) or name.lower() in {"cookie", "set-cookie"}
    return REDACTED if secret else of_text(value)


def longer_json(value: Json, limit: int) -> str:
    """A JSON value, redacted, on one line of at most ``limit`` characters."""
    return _cut(json.dumps(_redact(value), ensure_ascii=True), limit)


def longer_text(text: str, limit: int) -> str:
    """A text with its line breaks, redacted, of at most ``limit`` characters."""
    begun = text[: limit * 2]
    if len(begun) < len(text):
        # A word that is cut may be a secret that is not recognised any more.
        begun = begun.rpartition(" ")[0] or begun
    kept = _SECRET_TEXT.sub(REDACTED, begun)
    return _cut(
        "".join(each if each.isprintable() or each in "\n\t" else " " for each in kept), limit
    )


def last_text(text: str, limit: int) -> str:
    """The last whole lines of a text, redacted, of at most ``limit`` characters."""
    kept = _SECRET_TEXT.sub(REDACTED, text)
    if len(kept) > limit:
        kept = kept[-limit:]
        # A line that is cut may hold what only its beginning shows to be a secret.
        kept = kept.partition("\n")[2]
    return "".join(each if each.isprintable() or each in "\n\t" else " " for each in kept)


def longer_body(body: bytes, limit: int) -> str:
    """An answer's body, as JSON where it is JSON; redacted, at most ``limit`` characters."""
    try:
        return longer_json(json.loads(body), limit)
    except (ValueError, RecursionError):
        return longer_text(body[: limit * 8].decode(errors="replace"), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"
