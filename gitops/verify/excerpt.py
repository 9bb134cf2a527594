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
# What keys look like inside a text: an authorization value, a vendor's prefixed key. Who writes the
# text must not be able to make the search slow: nothing looks again at what it has looked through.
_SECRET_TEXT = re.compile(
    r"(?:(?:bearer|api-key|basic)\s+[\w.~+/=-]{6,})"
    r"|(?:\b(?:sk|hf|ghp|gho|ghs|xox[abp])[-_][\w-]{12,})"
    r"|(?:\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b)",
    re.IGNORECASE,
)
_SHORTEST_PART: Final = 8
# Where a JWT may begin; and the words with dots in them of which it is one.
_JWT = re.compile(r"\beyJ(?=[\w-]{8})", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]*+)++")


def _hidden(text: str) -> str:
    """The text without what looks like a secret in it."""
    kept = _SECRET_TEXT.sub(REDACTED, text)
    return _DOTTED.sub(_without_jwt, kept) if _JWT.search(kept) else kept


def _without_jwt(found: re.Match[str]) -> str:
    """A dotted word without the JWTs in it: each is three parts, of which the last may be empty."""
    parts = found[0].split(".")
    shown: list[str] = []
    at = 0
    while at < len(parts):
        begin = _JWT.search(parts[at])
        if begin and at + 2 < len(parts) and len(parts[at + 1]) >= _SHORTEST_PART:
            shown.append(parts[at][: begin.start()] + REDACTED)
            at += 3
        else:
            shown.append(parts[at])
            at += 1
    return ".".join(shown)


def _redact(value: Json) -> Json:
    if isinstance(value, str):
        return _hidden(value)
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
    return _line(_hidden(text))


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
    kept = _hidden(begun)
    return _cut(
        "".join(each if each.isprintable() or each in "\n\t" else " " for each in kept), limit
    )


def last_text(text: str, limit: int) -> str:
    """The last whole lines of a text, redacted, of at most ``limit`` characters."""
    # A line that is cut may hold what only its beginning shows to be a secret.
    kept = _hidden(_last_lines(text, limit * 2))
    kept = _last_lines(kept, limit)
    return "".join(each if each.isprintable() or each in "\n\t" else " " for each in kept)


def _last_lines(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[-limit:].partition("\n")[2]


def longer_body(body: bytes, limit: int) -> str:
    """An answer's body, as JSON where it is JSON; redacted, at most ``limit`` characters."""
    try:
        return longer_json(json.loads(body), limit)
    except (ValueError, RecursionError):
        return longer_text(body[: limit * 8].decode(errors="replace"), limit)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"
