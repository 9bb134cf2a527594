"""A saved stream of apply events, one JSON object a line, read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from gitops.errors import GitopsError
from gitops.plan.events import ApplyEvent, from_json


def read(text: str, *, name: str = "the events") -> Iterator[ApplyEvent]:
    """The events of a stream, in order. Raises ``GitopsError`` naming the line that is no event.

    A last line that was cut off, as a killed run leaves it, is passed over.
    """
    rows = text.split("\n")
    for number, row in enumerate(rows, start=1):
        if not row.strip():
            continue
        try:
            body = json.loads(row)
            if not isinstance(body, Mapping):
                raise ValueError("it is not a JSON object")
            yield from_json(body)
        except (ValueError, RecursionError) as error:
            if number == len(rows) > 1:
                return
            raise GitopsError(f"{name}:{number}: no apply event: {error}") from None
