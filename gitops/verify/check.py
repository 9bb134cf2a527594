"""A check's answers, judged: pass, fail, or inconclusive where they tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gitops.state.desired import Check
from gitops.verify.expectations import error_rate, latency, than_current
from gitops.verify.shot import Finding, Kind, Shot, judge
from gitops.verify.verdict import Measurement, Outcome, Verdict, worst

SHOWN: Final = 3
"""Failing requests that a verdict tells of."""


def planned_runs(check: Check, *, sides: int = 1) -> tuple[int, ...]:
    """Which probe each counted request sends: every probe in turn, until ``runs`` are sent.

    A file with more requests than ``runs`` is sent once through; ``max_requests`` caps the whole,
    warm-up included. ``sides`` deployments are asked the same, where one is compared with another.
    """
    if not check.probes:
        return ()
    wanted = max(check.runs, len(check.probes))
    budget = max(check.max_requests // sides - check.warmup, 0)
    return tuple(index % len(check.probes) for index in range(min(wanted, budget)))


def verdict(check: Check, shots: Sequence[Shot], serving: Sequence[Shot] | None = None) -> Verdict:
    """Judge the counted answers of one check; ``serving`` are those of what serves now.

    A request that had the whole time limit counts as failed as long as the deployment answered
    another; where it answered none, the verdict is inconclusive: that may be anybody's fault, and
    a fail would hold the artifact. What never reached the deployment counts for neither side.
    """
    found = _sorted(check, shots)
    failed, unknown = found.failed, found.unknown
    measurements = (
        error_rate.measure(
            check.expect.error_rate,
            failed=len(failed),
            unknown=len(unknown),
            runs=len(shots),
            detail="\n".join(each.story for each in (*failed, *unknown)[:SHOWN]),
        ),
        *latency.measure(check.expect.latency, found.sample.seconds, found.sample.first_tokens),
        *than_current.measure(
            check.expect.than_current or {},
            found.sample,
            _sorted(check, serving).sample if serving is not None else None,
        ),
    )
    outcome = worst(each.outcome for each in measurements)
    return Verdict(
        outcome=outcome,
        reason=_reason(check, outcome, measurements, failed, unknown),
        measurements=measurements,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    failed: Sequence[Finding]
    unknown: Sequence[Finding]
    sample: than_current.Sample


def _sorted(check: Check, shots: Sequence[Shot]) -> _Sorted:
    findings = [judge(shot, timeout=check.timeout, stream=check.stream) for shot in shots]
    heard = any(each.kind in {Kind.GOOD, Kind.BAD} for each in findings)
    failed = [each for each in findings if each.kind is Kind.BAD or (heard and _slow(each))]
    unknown = [
        each for each in findings if each.kind is Kind.UNKNOWN or (not heard and _slow(each))
    ]
    good = [each for each in findings if each.kind is Kind.GOOD]
    timed = [each for each in findings if each.kind is Kind.GOOD or (heard and _slow(each))]
    tokens = [each.shot.answer.first_token for each in good]
    return _Sorted(
        failed=failed,
        unknown=unknown,
        sample=than_current.Sample(
            seconds=[each.shot.answer.seconds for each in timed],
            first_tokens=[each for each in tokens if each is not None],
            failed=len(failed),
            runs=len(findings) - len(unknown),
        ),
    )


def together(verdicts: Sequence[tuple[str, Verdict]]) -> Verdict:
    """The verdict on a deployment from those of its checks by name; no check at all passes."""
    outcome = worst(each.outcome for _, each in verdicts)
    if outcome is Outcome.PASS:
        names = ", ".join(name for name, _ in verdicts)
        reason = f"passed {names}" if names else "no checks are asked for"
    else:
        reason = "; ".join(each.reason for _, each in verdicts if each.outcome is outcome)
    return Verdict(
        outcome=outcome,
        reason=reason,
        measurements=tuple(
            Measurement(
                what=f"{name}.{one.what}",
                outcome=one.outcome,
                value=one.value,
                bound=one.bound,
                samples=one.samples,
                detail=one.detail,
            )
            for name, each in verdicts
            for one in each.measurements
        ),
    )


def _slow(finding: Finding) -> bool:
    return finding.kind is Kind.SLOW


def _reason(
    check: Check,
    outcome: Outcome,
    measurements: Sequence[Measurement],
    failed: Sequence[Finding],
    unknown: Sequence[Finding],
) -> str:
    """One short sentence: what the requests and answers were, the measurements' details say."""
    runs = measurements[0].samples
    if outcome is Outcome.PASS:
        return (
            f"{check.name}: {runs} of {runs} requests as expected"
            if not failed
            else (f"{check.name}: {len(failed)} of {runs} requests failed, as many as may")
        )
    parts = []
    if measurements[0].outcome is not Outcome.PASS:
        count = f"{len(failed)} of {runs} requests failed"
        if outcome is Outcome.INCONCLUSIVE:
            count = f"{len(unknown)} of {runs} requests say nothing about the deployment"
        parts.append(count)
    parts += [_missed(each) for each in measurements[1:] if each.outcome is Outcome.FAIL]
    return f"{check.name}: {'; '.join(parts) or 'nothing could be measured'}"


def _missed(each: Measurement) -> str:
    if each.what.startswith("than_current."):
        return f"{each.what} is above {each.bound:g} ({each.detail})"
    return f"{each.what} is {each.value:.3g} s, above {each.bound:.3g} s"
