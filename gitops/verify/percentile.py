"""Percentiles of a handful of samples."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest sample that ``percent`` % of them do not exceed.

    It is always one of the samples, so a report can point at a request that really took that long.
    Raises ValueError without samples or outside of 0-100.
    """
    if not samples:
        raise ValueError("a percentile needs at least one sample")
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is not between 0 and 100")
    ordered = sorted(samples)
    return ordered[max(ceil(percent / 100 * len(ordered)), 1) - 1]
