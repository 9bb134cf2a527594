"""Requests of the last minutes, from the samples that the metrics endpoints read too.

Unlike those endpoints it shows them at once: who watches wants to see what happens, not what
Baseten would already know. Times are the machine's, whatever the speed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from gitops.emulator.page.values import Bar, Rates
from gitops.emulator.world.metrics import Part
from gitops.emulator.world.samples import RESOLUTION

BAR_SECONDS = 10
BARS = 30
RECENT_SECONDS = 60.0
FAILED = "5xx"


def rates(parts: Sequence[Part], now: float) -> Rates:
    """What some deployments answered, each in its own time."""
    # Whole multiples of a bar: bars stand still while time passes, and only the last one grows.
    end = (math.floor(now / BAR_SECONDS) + 1) * BAR_SECONDS
    bars = tuple(
        count(parts, end - (left + 1) * BAR_SECONDS, end - left * BAR_SECONDS)
        for left in reversed(range(BARS))
    )
    lately = recent(parts, now)
    return Rates(
        per_second=lately.requests / RECENT_SECONDS,
        failed=share(lately),
        bars=bars,
    )


def recent(parts: Iterable[Part], now: float) -> Bar:
    """The requests of the last minute, this very moment included."""
    return count(parts, now - RECENT_SECONDS, now + RESOLUTION)


def share(bar: Bar) -> float | None:
    """The share that failed, or None without a request."""
    return bar.failed / bar.requests if bar.requests else None


def count(parts: Iterable[Part], start: float, end: float) -> Bar:
    """Requests answered from `start` to `end`."""
    requests = failed = 0
    for part in parts:
        if not part.deployment.samples.first_seen:
            continue
        begin, until = max(start, part.start), min(end, part.end)
        if begin >= until:
            continue
        for bucket in part.deployment.samples.between(begin, until):
            requests += sum(bucket.counts.values())
            failed += bucket.counts.get(FAILED, 0)
    return Bar(requests=requests, failed=failed)
