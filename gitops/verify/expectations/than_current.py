"""``expect.than_current``: bounds as a ratio to the deployment that serves now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gitops.state.json import JsonObject
from gitops.verify.expectations.latency import FIRST_TOKEN, PERCENT
from gitops.verify.percentile import percentile
from gitops.verify.verdict import Measurement, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one side of a comparison answered: times in seconds, and runs that failed.

    ``runs`` leaves out those that never reached the deployment. ``scale`` says in words what the
    side ran on, empty where nobody knows.
    """

    seconds: Sequence[float]
    first_tokens: Sequence[float]
    failed: int
    runs: int
    scale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncompared:
    """Why there is no other side. ``certain``: there is nothing to be worse than, which passes."""

    why: str
    certain: bool


NOTHING_SERVES = Uncompared(why="nothing serves yet that it could be compared with", certain=True)

Other: TypeAlias = Sample | Uncompared


def measure(bounds: JsonObject, here: Sample, there: Other) -> tuple[Measurement, ...]:
    """One measurement a bound."""
    found: list[Measurement] = []
    ratios = bounds.get("latency")
    for name, bound in (ratios if isinstance(ratios, Mapping) else {}).items():
        if isinstance(bound, int | float):
            found.append(
                _judge(
                    f"than_current.latency.{name}",
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


def _latency(name: str, sample: Other) -> float | None:
    if isinstance(sample, Uncompared):
        return None
    times = sample.first_tokens if name == FIRST_TOKEN else sample.seconds
    percent = PERCENT["p95"] if name == FIRST_TOKEN else PERCENT.get(name)
    return percentile(times, percent) if times and percent is not None else None


def _errors(sample: Other) -> float | None:
    if isinstance(sample, Uncompared) or not sample.runs:
        return None
    return sample.failed / sample.runs


def _judge(
    what: str,
    bound: float,
    *,
    mine: float | None,
    theirs: float | None,
    here: Sample,
    there: Other,
) -> Measurement:
    outcome, value = Outcome.PASS, None
    if isinstance(there, Uncompared):
        detail = there.why
        outcome = Outcome.PASS if there.certain else Outcome.INCONCLUSIVE
    elif mine is not None and theirs is not None:
        detail = f"{mine:.3g} here{_on(here)}, {theirs:.3g} where it serves now{_on(there)}"
        # Of nothing, any multiple is nothing: as good as that, or worse than any ratio.
        value = mine / theirs if theirs > 0 else None
        outcome = Outcome.PASS if mine <= theirs * bound else Outcome.FAIL
    elif theirs is None and there.runs and mine is not None:
        # What is broken must not stand in the way of what mends it.
        detail = f"what serves now{_on(there)} answered none of {there.runs} requests as expected"
    else:
        outcome, detail = Outcome.INCONCLUSIVE, "one of the two gave nothing to measure"
    return Measurement(
        what=what, outcome=outcome, value=value, bound=bound, samples=here.runs, detail=detail
    )


def _on(sample: Sample) -> str:
    return f" on {sample.scale}" if sample.scale else ""
