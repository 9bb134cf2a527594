"""``expect.than_current``: bounds as a ratio to the deployment that serves now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitops.state.json import JsonObject
from gitops.verify.expectations.latency import FIRST_TOKEN, PERCENT
from gitops.verify.percentile import percentile
from gitops.verify.verdict import Measurement, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one side of a comparison answered: times in seconds, and runs that failed.

    ``runs`` leaves out those that never reached the deployment.
    """

    seconds: Sequence[float]
    first_tokens: Sequence[float]
    failed: int
    runs: int


def measure(bounds: JsonObject, here: Sample, there: Sample | None) -> tuple[Measurement, ...]:
    """One measurement a bound. ``there`` None: nothing serves that it could be compared with."""
    found: list[Measurement] = []
    ratios = bounds.get("latency")
    for name, bound in (ratios if isinstance(ratios, Mapping) else {}).items():
        what = f"than_current.latency.{name}"
        if isinstance(bound, int | float):
            found.append(
                _judge(
                    what,
                    float(bound),
                    mine=_latency(name, here),
                    theirs=_latency(name, there),
                    here=here,
                    there=there,
                )
            )
    rate = bounds.get("error_rate")
    if isinstance(rate, int | float):
        what = "than_current.error_rate"
        found.append(
            _judge(
                what, float(rate), mine=_errors(here), theirs=_errors(there), here=here, there=there
            )
        )
    return tuple(found)


def _latency(name: str, sample: Sample | None) -> float | None:
    if sample is None:
        return None
    times = sample.first_tokens if name == FIRST_TOKEN else sample.seconds
    percent = PERCENT["p95"] if name == FIRST_TOKEN else PERCENT.get(name)
    return percentile(times, percent) if times and percent is not None else None


def _errors(sample: Sample | None) -> float | None:
    return sample.failed / sample.runs if sample is not None and sample.runs else None


def _judge(
    what: str,
    bound: float,
    *,
    mine: float | None,
    theirs: float | None,
    here: Sample,
    there: Sample | None,
) -> Measurement:
    outcome, value = Outcome.PASS, None
    if there is None:
        detail = "nothing serves yet that it could be compared with"
    elif mine is None or theirs is None:
        outcome, detail = Outcome.INCONCLUSIVE, "one of the two gave nothing to measure"
    else:
        detail = f"{mine:.3g} here, {theirs:.3g} where it serves now"
        # Of nothing, any multiple is nothing: as good as that, or worse than any ratio.
        value = mine / theirs if theirs > 0 else None
        outcome = Outcome.PASS if mine <= theirs * bound else Outcome.FAIL
    return Measurement(
        what=what, outcome=outcome, value=value, bound=bound, samples=here.runs, detail=detail
    )
