"""Verdicts: pass, fail or inconclusive, each with its value, bound and sample count."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from gitops.state.json import Json


class Outcome(StrEnum):
    """How a judgement ended. Inconclusive is never a pass by silence, and never held."""

    PASS = "pass"  # noqa: S105 - not a password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One bound that was judged (``error_rate``, ``latency.p95``), in the bound's own unit.

    ``detail`` tells more, in a line for each request that is told of.
    """

    what: str
    outcome: Outcome
    value: Json = None
    bound: Json = None
    samples: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All measurements of one check or watch; the worst decides (fail beats inconclusive).

    ``reason`` is one short sentence; requests and answers are in the measurements' details.
    """

    outcome: Outcome
    reason: str
    measurements: tuple[Measurement, ...] = field(default_factory=tuple)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Fail beats inconclusive beats pass; nothing to judge passes."""
    found = set(outcomes)
    if Outcome.FAIL in found:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if Outcome.INCONCLUSIVE in found else Outcome.PASS


def figures(verdict: Verdict) -> dict[str, Json]:
    """A verdict as the deploy log and the events keep it."""
    return {
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "measurements": [
            {
                "what": each.what,
                "outcome": each.outcome.value,
                "value": each.value,
                "bound": each.bound,
                "samples": each.samples,
                "detail": each.detail,
            }
            for each in verdict.measurements
        ],
    }
