"""The last lines of a deployment's log. The API has no cursor: pages go back by time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from gitops.baseten import reading
from gitops.baseten.transport import Transport

PAGE: Final = 1000
DEFAULT_SPAN: Final = timedelta(minutes=30)
LONGEST_SPAN: Final = timedelta(days=7)
MOST_PAGES: Final = 50


def last_lines(
    transport: Transport,
    model_id: str,
    deployment_id: str,
    *,
    since: datetime | None,
    limit: int,
) -> tuple[str, ...]:
    """The last ``limit`` lines, oldest first; ``since`` reaches back a week at the most."""
    now = transport.clock.now()
    start = _millis(max(since or now - DEFAULT_SPAN, now - LONGEST_SPAN + timedelta(minutes=1)))
    end = _millis(now) + 1
    found: dict[tuple[int, str, str], str] = {}
    for _ in range(MOST_PAGES):
        answer = transport.get(
            "/v1/models/{}/deployments/{}/logs",
            model_id,
            deployment_id,
            params={
                "start_epoch_millis": start,
                "end_epoch_millis": end,
                "direction": "desc",
                "limit": min(PAGE, max(limit, 1)),
            },
        )
        page = reading.items(answer, "logs")
        before = len(found)
        for each in page:
            stamp = _stamp(each)
            message = each.get("message")
            text = message if isinstance(message, str) else ""
            found[(stamp, str(each.get("replica") or ""), text)] = text
        oldest = min((_stamp(each) for each in page), default=0) // 1_000_000
        full = len(page) >= min(PAGE, max(limit, 1))
        # Lines of the oldest millisecond come again with the next page and are told apart above.
        if not full or len(found) == before or _lines(found) >= limit or oldest <= start:
            break
        end = oldest + 1
    lines = [line for _, text in sorted(found.items()) for line in text.splitlines() or [""]]
    return tuple(lines[-limit:]) if limit > 0 else ()


def _lines(found: Mapping[tuple[int, str, str], str]) -> int:
    return sum(max(len(text.splitlines()), 1) for text in found.values())


def _stamp(raw: Mapping[str, Any]) -> int:
    """Nanoseconds since 1970; the API writes them as text."""
    stamp = raw.get("timestamp")
    if isinstance(stamp, int):
        return stamp
    return int(stamp) if isinstance(stamp, str) and stamp.isdecimal() else 0


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
