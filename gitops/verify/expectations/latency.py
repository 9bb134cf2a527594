"""``expect.latency``: bounds on how long answers took, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitops.verify.percentile import percentile
from gitops.verify.verdict import Measurement, Outcome

FIRST_TOKEN: Final = "first_token"  # noqa: S105 - a token of text
PERCENT: Final = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


def measure(
    bounds: Mapping[str, float], seconds: Sequence[float], first_tokens: Sequence[float]
) -> tuple[Measurement, ...]:
    """One measurement a bound. ``first_token`` bounds the 95th percentile too."""
    return tuple(
        _measure(
            name,
            bound,
            first_tokens if name == FIRST_TOKEN else seconds,
            PERCENT["p95"] if name == FIRST_TOKEN else PERCENT.get(name),
        )
        for name, bound in bounds.items()
    )


def _measure(
    name: str, bound: float, samples: Sequence[float], percent: float | None
) -> Measurement:
    what = f"latency.{name}"
    if percent is None or not samples:
        detail = "no answer to measure" if percent is not None else "not a bound that can be judged"
        return Measurement(
            what=what, outcome=Outcome.INCONCLUSIVE, bound=bound, samples=0, detail=detail
        )
    value = percentile(samples, percent)
    return Measurement(
        what=what,
        outcome=Outcome.PASS if value <= bound else Outcome.FAIL,
        value=value,
        bound=bound,
        samples=len(samples),
    )
