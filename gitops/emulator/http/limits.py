"""The documented rate limits: per API key, each endpoint counted by itself."""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable

from gitops.emulator.http.call import Limit

LIMITS: dict[Limit, tuple[int, float]] = {
    "activate": (20, 60.0),
    "deactivate": (20, 60.0),
    "retry": (10, 60.0),
    "logs": (30, 1.0),
    "default": (100, 1.0),
}
"""Requests, and the seconds in which so many are allowed."""


class Limiter:
    """Sliding windows in real seconds: whoever is told to wait waits in real time."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds from any start."""
        self._now = now
        self._seen: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)

    def wait(self, key: str, endpoint: str, limit: Limit) -> int | None:
        """Count a request; whole seconds to wait where it is one too many, else None."""
        allowed, window = LIMITS[limit]
        now = self._now()
        seen = self._seen[key, endpoint]
        while seen and seen[0] <= now - window:
            seen.popleft()
        if len(seen) >= allowed:
            return max(1, math.ceil(seen[0] + window - now))
        seen.append(now)
        return None
