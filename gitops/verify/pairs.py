"""Requests that did not go as expected, whole enough to look into: redacted, and cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitops.state.json import JsonObject
from gitops.verify import excerpt
from gitops.verify.shot import Finding

MOST: Final = 20
"""Pairs that are kept of one check: the first ones."""

LONGEST: Final = 16_384
"""Characters that are kept of a request, and of an answer."""


def pairs(check: str, failing: Sequence[Finding]) -> tuple[JsonObject, ...]:
    """Each finding as one JSON object: the request, the answer, and what is wrong with it."""
    return tuple(_pair(check, each) for each in failing[:MOST])


def _pair(check: str, finding: Finding) -> JsonObject:
    shot, answer = finding.shot, finding.shot.answer
    return {
        "check": check,
        "line": shot.line or None,
        "says": finding.kind.value,
        "reason": finding.reason,
        "request": excerpt.longer_json(shot.body, LONGEST),
        "status": answer.status,
        "error": excerpt.longer_text(answer.error, LONGEST) if answer.error else None,
        "seconds": round(answer.seconds, 6),
        "headers": {
            name: excerpt.header(name, value) for name, value in sorted(answer.headers.items())
        },
        "answer": excerpt.longer_body(answer.body, LONGEST),
    }
