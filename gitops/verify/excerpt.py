"""Requests and answers as one short line that may be shown: no secrets, no control characters."""

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
