"""What is going to happen, in time order."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Timeline:
    """Due events; two of the same instant happen in the order in which they were planned."""

    def __init__(self) -> None:
        """Start empty."""
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()

    def plan(self, at: float, event: Callable[[], None]) -> None:
        """Have `event` called when time reaches `at` (epoch seconds)."""
        heapq.heappush(self._heap, (at, next(self._sequence), event))

    def next_at(self) -> float | None:
        """When the next event is due, or None."""
        return self._heap[0][0] if self._heap else None

    def take(self, until: float) -> tuple[float, Callable[[], None]] | None:
        """Remove and give the first event due by `until`, or None."""
        if not self._heap or self._heap[0][0] > until:
            return None
        at, _, event = heapq.heappop(self._heap)
        return at, event
