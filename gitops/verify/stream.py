"""Server-sent events of a stream: which of them carry text, and which only frame it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

DONE: Final = b"[DONE]"
"""What OpenAI's streams end with; it is no event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one event carries. ``text``: whether a token or more of the answer came with it.

    ``tokens`` is the count of the whole answer where the event states one (``usage`` in the last
    event of a stream in OpenAI's form), else None.
    """

    text: bool
    tokens: int | None = None


def read(data: bytes) -> Carried:
    """Read one event's data. In any form but OpenAI's every event counts as text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return Carried(text=True)
    if not isinstance(value, Mapping) or not isinstance(value.get("choices"), list):
        return Carried(text=True)
    usage = value.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, Mapping) else None
    return Carried(
        text=any(_has_text(each) for each in value["choices"]),
        tokens=count if type(count) is int and count > 0 else None,
    )


def _has_text(choice: object) -> bool:
    if not isinstance(choice, Mapping):
        return False
    delta = choice.get("delta")
    if isinstance(delta, Mapping):
        # The first event of a chat names the role of who answers, before any token.
        return any(value for name, value in delta.items() if name != "role")
    return bool(choice.get("text"))
