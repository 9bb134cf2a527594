"""The output of an answer, as expectations see it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from gitops.state.json import Json

TEXT_LIMIT: Final = 1_000_000
"""Characters of an output that text expectations look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What was answered, or the part of it that ``expect.at`` selected.

    ``value`` is meaningful only where ``is_json``; ``text`` is always there.
    """

    text: str
    is_json: bool
    value: Json = None


def of_value(value: Json) -> Output:
    """A selected part: a string stands for its own text, anything else for its JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Output(text=text[:TEXT_LIMIT], is_json=True, value=value)


def _events(text: str) -> list[Json] | None:
    """The data of server-sent events as JSON values; None where one of them is not JSON."""
    values: list[Json] = []
    for line in text.splitlines():
        if not line.startswith("data:"):
            continue
        data = line.removeprefix("data:").strip()
        if data in {"", "[DONE]"}:
            continue
        try:
            values.append(json.loads(data))
        except (ValueError, RecursionError):
            return None
    return values


def of_body(body: bytes, *, stream: bool = False) -> Output:
    """An answer's body. Of a stream, the JSON value is the list of its events' data."""
    text = body.decode(errors="replace")
    if stream:
        events = _events(text)
        return Output(text=text[:TEXT_LIMIT], is_json=events is not None, value=events)
    try:
        return Output(text=text[:TEXT_LIMIT], is_json=True, value=json.loads(text))
    except (ValueError, RecursionError):
        return Output(text=text[:TEXT_LIMIT], is_json=False)
