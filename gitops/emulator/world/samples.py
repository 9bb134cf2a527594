"""Requests that a deployment answered, in short buckets of time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from gitops.emulator.world.kept import Rows

RESOLUTION = 0.05
"""Seconds in one bucket."""
RETENTION_SECONDS = 7 * 24 * 3600
LATENCIES_PER_BUCKET = 500


@dataclass(slots=True)
class Bucket:
    """Requests by status class (`2xx`), how long they took and when each answer's first byte came.

    Both in real seconds since the request.
    """

    counts: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    first_bytes: list[float] = field(default_factory=list)
    in_flight: int = 0


@dataclass(slots=True)
class Samples:
    """The requests of one deployment; the oldest leave after seven days."""

    buckets: Rows[int, Bucket] = field(default_factory=Rows)
    first_seen: dict[str, float] = field(default_factory=dict)
    """When a status class was first answered."""

    def add(
        self,
        at: float,
        status: int,
        seconds: float,
        in_flight: int,
        first_byte: float | None = None,
    ) -> None:
        """Count one answered request; its first byte came with the last where none is said."""
        tick = math.floor(at / RESOLUTION)
        bucket = self.buckets.get(tick)
        if bucket is None:
            bucket = self.buckets[tick] = Bucket()
            oldest_kept = tick - math.floor(RETENTION_SECONDS / RESOLUTION)
            while (oldest := next(iter(self.buckets))) < oldest_kept:
                del self.buckets[oldest]
        self.buckets.touch(tick)
        kind = f"{status // 100}xx"
        self.first_seen.setdefault(kind, at)
        bucket.counts[kind] = bucket.counts.get(kind, 0) + 1
        bucket.in_flight = max(bucket.in_flight, in_flight)
        if len(bucket.latencies) < LATENCIES_PER_BUCKET:
            bucket.latencies.append(seconds)
            bucket.first_bytes.append(seconds if first_byte is None else first_byte)

    def between(self, start: float, end: float) -> list[Bucket]:
        """Buckets that began at or after `start`'s own and before `end`."""
        first, last = math.floor(start / RESOLUTION), math.ceil(end / RESOLUTION)
        if last - first > len(self.buckets):
            return [each for tick, each in self.buckets.items() if first <= tick < last]
        return [self.buckets[tick] for tick in range(first, last) if tick in self.buckets]
