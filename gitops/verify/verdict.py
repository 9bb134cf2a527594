"""Verdicts: pass, fail or inconclusive, each with its value, bound and sample count."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from gitops.state.json import Json


class Outcome(StrEnum):
    """How a judgement ended. Inconclusive is never a pass by silence, and never held."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One bound that was judged: ``what`` ("error_rate", "latency.p95"), in the bound's own unit."""

    what: str
    outcome: Outcome
    value: Json = None
    bound: Json = None
    samples: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All measurements of one check or one watch; the worst of them decides (fail beats inconclusive)."""

    outcome: Outcome
    reason: str
    measurements: tuple[Measurement, ...] = field(default_factory=tuple)
