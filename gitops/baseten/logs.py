"""The last lines of a deployment's log. The API has no cursor: pages go back by time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gitops.baseten import reading
from gitops.baseten.transport import Transport

PAGE: Final = 1000
LONGEST_SPAN: Final = timedelta(days=7)
MOST_PAGES: Final = 50
_DIGITS: Final = 20


def last_lines(
    transport: Transport,
    model_id: str,
    deployment_id: str,
    *,
    since: datetime | None,
    limit: int,
) -> tuple[str, ...]:
    """The last ``limit`` lines, oldest first; ``since`` reaches back a week at the most.

    What is not asked for is left to Baseten, half an hour until now: its clock, not ours, says
    when the newest line was.
    """
    params: dict[str, str | int] = {"direction": "desc", "limit": min(PAGE, max(limit, 1))}
    start = 0
    if since is not None:
        # A minute to spare: the two clocks differ.
        oldest_allowed = transport.clock.now() - LONGEST_SPAN + timedelta(minutes=1)
        start = int(max(since, oldest_allowed).timestamp() * 1000)
        params["start_epoch_millis"] = start
    found: dict[tuple[int, str, str], str] = {}
    for _ in range(MOST_PAGES):
        answer = transport.get(
            "/v1/models/{}/deployments/{}/logs", model_id, deployment_id, params=params
        )
        page = reading.items(answer, "logs")
        before = len(found)
        for each in page:
            message = each.get("message")
            text = message if isinstance(message, str) else ""
            found[(_stamp(each), str(each.get("replica") or ""), text)] = text
        oldest = min((_stamp(each) for each in page), default=0) // 1_000_000
        exhausted = len(page) < min(PAGE, max(limit, 1)) or oldest <= start
        if exhausted or len(found) == before or _lines(found) >= limit:
            break
        # The rest of the oldest millisecond comes with the next page; what came twice is told
        # apart by its time, replica and text.
        params["end_epoch_millis"] = oldest + 1
    # Newest came first: turned round, lines of one moment, such as a traceback's, keep their order.
    entries = [*found.items()][::-1]
    entries.sort(key=lambda entry: entry[0][0])
    lines = [line for _, text in entries for line in text.splitlines() or [""]]
    return tuple(lines[-limit:]) if limit > 0 else ()


def _lines(found: Mapping[tuple[int, str, str], str]) -> int:
    return sum(max(len(text.splitlines()), 1) for text in found.values())


def _stamp(raw: Mapping[str, Any]) -> int:
    """Nanoseconds since 1970; the API writes them as text."""
    stamp = raw.get("timestamp")
    if isinstance(stamp, int):
        return stamp if 0 <= stamp < 10**_DIGITS else 0
    # A longer one is no time, and may be longer than Python reads.
    if isinstance(stamp, str) and stamp.isdecimal() and len(stamp) <= _DIGITS:
        return int(stamp)
    return 0
