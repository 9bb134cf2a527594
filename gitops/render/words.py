"""How deployments, commits, durations, moments and values are put into words, everywhere alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from gitops.plan.actions import short
from gitops.plan.wording import duration, listed
from gitops.record.entry import Side
from gitops.state.json import Json

__all__ = [
    "commit_and_deployment",
    "count",
    "duration",
    "instant",
    "listed",
    "one_line",
    "percent",
    "short",
    "some",
    "value",
]


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks included, made one space."""
    return " ".join(text.split())


def commit_and_deployment(side: Side) -> str:
    """A deployment as people think of it: by the commit it was built from, where that is known."""
    if side.commit and side.deployment_id:
        return f"commit {short(side.commit)} (deployment {side.deployment_id})"
    if side.commit:
        return f"commit {short(side.commit)}"
    name = f" ({side.deployment_name})" if side.deployment_name else ""
    return f"deployment {side.deployment_id}{name}"


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def value(content: Json) -> str:
    """A setting's value on one line, as YAML would let one write it; absent is ``(not set)``."""
    match content:
        case None:
            return "(not set)"
        case str():
            return content if content and content == one_line(content) else json.dumps(content)
        case float() if content == int(content):
            return str(int(content))
        case _:
            return json.dumps(content, ensure_ascii=False, sort_keys=True)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 model``, ``2 models``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def some(names: Sequence[str], most: int = 4) -> str:
    """``a, b and c``; of many the first ones, and how many more there are."""
    if len(names) <= most:
        return listed(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def percent(share: float) -> str:
    """A share between 0 and 1 as ``45.3%``."""
    return f"{share:.1%}"
