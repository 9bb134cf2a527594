"""Logs as the API gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gitops.emulator.world.entities import Deployment, Environment, LogLine
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.world import World

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_DEFAULT_WINDOW_MILLIS = 30 * 60 * 1000
_MAX_WINDOW_MILLIS = 7 * 24 * 3600 * 1000
_NOT_IN_RE2 = re.compile(
    r"\\(?:(?P<reference>[1-9])|.)|(?P<group>\(\?(?:<?[=!]|[>(#]|P=))", re.DOTALL
)
"""What Python reads and RE2 does not: references to a group, looking around, and the like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Filters; None and empty mean all. Times in epoch milliseconds."""

    start: int | None = None
    end: int | None = None
    ascending: bool = False
    limit: int = 500
    min_level: str | None = None
    replica: str | None = None
    request_id: str | None = None
    search_pattern: str | None = None
    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def of_environment(world: World, environment: Environment) -> list[Deployment]:
    """Deployments whose logs an environment's are: those that served it, and the candidate."""
    ids = [stint.deployment_id for stint in environment.stints]
    if environment.promotion is not None:
        ids.append(environment.promotion.candidate_id)
    return [world.deployments[each] for each in dict.fromkeys(ids) if each in world.deployments]


def answer(world: World, deployments: Iterable[Deployment], query: LogQuery) -> dict[str, Any]:
    """The response body of a logs endpoint.

    Raises:
        Refusal: the window or the pattern is not allowed.
    """
    now_millis = int(world.now * 1000)
    end = now_millis + 1 if query.end is None else query.end
    start = end - _DEFAULT_WINDOW_MILLIS if query.start is None else query.start
    if start >= end:
        raise invalid("start_epoch_millis must be before end_epoch_millis.")
    if end - start > _MAX_WINDOW_MILLIS:
        raise invalid("The window must not exceed 7 days.")
    for found in _NOT_IN_RE2.finditer(query.search_pattern or ""):
        if found.lastgroup:
            raise invalid(f"search_pattern is not a regular expression of RE2: {found[0]}")
    try:
        pattern = re.compile(query.search_pattern) if query.search_pattern else None
    except re.error as problem:
        raise invalid(f"search_pattern is not a regular expression: {problem}") from None
    lines = [
        line
        for deployment in deployments
        for line in deployment.logs
        if start * 1_000_000 <= line.at_nanoseconds < end * 1_000_000
        and _matches(line, query, pattern)
    ]
    lines.sort(key=lambda line: line.at_nanoseconds)
    if not query.ascending:
        lines.reverse()
    return {"logs": [_shown(line) for line in lines[: query.limit]]}


def _matches(line: LogLine, query: LogQuery, pattern: re.Pattern[str] | None) -> bool:
    if query.min_level is not None and (
        line.level is None or _LEVELS.index(line.level) < _LEVELS.index(query.min_level)
    ):
        return False
    return (
        (query.replica is None or line.replica == query.replica)
        and (query.request_id is None or line.request_id == query.request_id)
        and (pattern is None or pattern.search(line.message) is not None)
        and all(text in line.message for text in query.includes)
        and not any(text in line.message for text in query.excludes)
    )


def _shown(line: LogLine) -> dict[str, Any]:
    return {
        "timestamp": str(line.at_nanoseconds),
        "message": line.message,
        "replica": line.replica,
        "request_id": line.request_id,
        "level": line.level,
    }
