"""How many requests a deployment had at once, on average over the last while."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Step:
    at: float
    count: int
    before: float
    """Request-seconds until then."""

    def until(self, at: float) -> float:
        return self.before + self.count * (at - self.at)


class Load:
    """Requests at once over time. Of this process only: requests do not survive it."""

    def __init__(self, at: float) -> None:
        """None, from `at` (epoch seconds) on."""
        self._steps = deque([_Step(at, 0, 0.0)])

    @property
    def now(self) -> int:
        """How many there are."""
        return self._steps[-1].count

    def change(self, at: float, by: int, window: float) -> None:
        """So many more requests, or fewer, from `at` on; what is older than `window` goes."""
        last = self._steps[-1]
        if last.at == at:
            self._steps.pop()
        self._steps.append(_Step(at, last.count + by, last.until(at)))
        self._forget(at - window)

    def mean(self, at: float, window: float) -> float:
        """The mean over the `window` seconds before `at`; what is older is forgotten."""
        start = at - window
        self._forget(start)
        first, last = self._steps[0], self._steps[-1]
        return (last.until(at) - first.until(max(start, first.at))) / window

    def _forget(self, start: float) -> None:
        while len(self._steps) > 1 and self._steps[1].at <= start:
            self._steps.popleft()
