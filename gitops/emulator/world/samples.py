"""Requests that a deployment answered, in one-second buckets."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field

RETENTION_SECONDS = 7 * 24 * 3600
LATENCIES_PER_BUCKET = 500


@dataclass(slots=True)
class Bucket:
    """One second: requests by status class (`2xx`) and how long they took, in real seconds."""

    counts: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    in_flight: int = 0


class Samples:
    """The requests of one deployment; the oldest leave after seven days."""

    def __init__(self) -> None:
        """Start empty."""
        self._buckets: OrderedDict[int, Bucket] = OrderedDict()

    def add(self, at: float, status: int, seconds: float, in_flight: int) -> None:
        """Count one answered request."""
        second = math.floor(at)
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = Bucket()
            while self._buckets and next(iter(self._buckets)) < second - RETENTION_SECONDS:
                self._buckets.popitem(last=False)
        kind = f"{status // 100}xx"
        bucket.counts[kind] = bucket.counts.get(kind, 0) + 1
        bucket.in_flight = max(bucket.in_flight, in_flight)
        if len(bucket.latencies) < LATENCIES_PER_BUCKET:
            bucket.latencies.append(seconds)

    def between(self, start: float, end: float) -> list[Bucket]:
        """Buckets whose second began at or after `start` and before `end`."""
        first, last = math.floor(start), math.ceil(end)
        if last - first > len(self._buckets):
            return [each for second, each in self._buckets.items() if first <= second < last]
        return [
            self._buckets[second] for second in range(first, last) if second in self._buckets
        ]
