"""A check's answers, judged: pass, fail, or inconclusive where they tell nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from gitops.state.desired import Check, Expect
from gitops.verify.expectations import error_rate, latency, measured, than_current
from gitops.verify.expectations.than_current import NOTHING_SERVES, Sample, Uncompared
from gitops.verify.shot import Finding, Judge, Kind, Shot, judge_all
from gitops.verify.verdict import Measurement, Outcome, Verdict, worst

SHOWN: Final = 3
"""Ways in which requests failed that a verdict tells of."""

Bound = TypeVar("Bound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What the deployment that serves now answered to the same requests, sent in turns.

    ``scale`` and ``candidates_scale`` say in words what each of the two ran on.
    """

    shots: Sequence[Shot]
    scale: str = ""
    candidates_scale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict, and the requests that did not go as expected, in the order they were sent."""

    verdict: Verdict
    failing: tuple[Finding, ...] = ()


def asked_for(check: Check) -> int:
    """How many requests the check wants counted: ``runs``, but each of its requests once."""
    return max(check.runs, len(check.probes)) if check.probes else 0


def planned_runs(check: Check, *, sides: int = 1) -> tuple[int, ...]:
    """Which probe each counted request sends: every probe in turn, until ``runs`` are sent.

    A file with more requests than ``runs`` is sent once through; ``max_requests`` caps the whole,
    warm-up included. ``sides`` deployments are asked the same, where one is compared with another.
    """
    budget = max(check.max_requests // sides - warm_ups(check, sides=sides), 0)
    return tuple(index % len(check.probes) for index in range(min(asked_for(check), budget)))


def warm_ups(check: Check, *, sides: int = 1) -> int:
    """How many uncounted requests each side gets first, within ``max_requests``."""
    return min(check.warmup, check.max_requests // sides) if check.probes else 0


def judged(
    check: Check,
    shots: Sequence[Shot],
    other: Serving | Uncompared = NOTHING_SERVES,
    *,
    judge: Judge = judge_all,
) -> Judged:
    """Judge the counted answers of one check; ``other`` is what serves now, where it was asked.

    A request that had the whole time limit counts as failed as long as the deployment answered
    another; where it answered none, the verdict is inconclusive: that may be anybody's fault, and
    a fail would hold the artifact. What never reached the deployment counts for neither side.
    Where a line of a request file has bounds of its own, its runs are held against those alone.
    """
    here = _sorted(check, shots, judge)
    there = _sorted(check, other.shots, judge) if isinstance(other, Serving) else ()
    measurements: list[Measurement] = []
    for line, allowed in _groups(check, shots, lambda expect: expect.error_rate):
        part = _of_line(here, line, check, lambda expect: expect.error_rate)
        measurements.append(_named(line, _error_rate(allowed, part)))
    for line, bounds in _groups(check, shots, lambda expect: tuple(expect.latency.items())):
        part = _of_line(here, line, check, lambda expect: tuple(expect.latency.items()))
        sample = _sample(part)
        found = latency.measure(dict(bounds), sample.seconds, sample.first_tokens)
        measurements += [_named(line, each) for each in found]
    good = [each.finding.shot.answer for each in here if each.finding.kind is Kind.GOOD]
    measurements += measured.beside(
        {each.what for each in measurements}, _sample(here).seconds, good, stream=check.stream
    )
    for line, ratios in _groups(check, shots, lambda expect: expect.than_current):
        mine = _sample(_of_line(here, line, check, lambda expect: expect.than_current))
        against: Sample | Uncompared
        if isinstance(other, Serving):
            theirs = _of_line(there, line, check, lambda expect: expect.than_current)
            against = replace(_sample(theirs), scale=other.scale)
            mine = replace(mine, scale=other.candidates_scale)
        else:
            against = other
        found = than_current.measure(ratios or {}, mine, against)
        measurements += [_named(line, each) for each in found]
    outcome = worst(each.outcome for each in measurements)
    return Judged(
        verdict=Verdict(
            outcome=outcome,
            reason=_reason(check, outcome, measurements, here),
            measurements=tuple(measurements),
        ),
        failing=tuple(each.finding for each in here if each.finding.kind is not Kind.GOOD),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    """One run; ``failed`` None: it says nothing about the deployment."""

    finding: Finding
    failed: bool | None


def _sorted(check: Check, shots: Sequence[Shot], judge: Judge) -> tuple[_Counted, ...]:
    findings = judge(shots, timeout=check.timeout, stream=check.stream)
    heard = any(each.kind in {Kind.GOOD, Kind.BAD} for each in findings)
    failed = {
        Kind.GOOD: False,
        Kind.BAD: True,
        Kind.SLOW: True if heard else None,
        Kind.UNKNOWN: None,
    }
    return tuple(_Counted(finding=each, failed=failed[each.kind]) for each in findings)


def _groups(
    check: Check, shots: Sequence[Shot], bound: Callable[[Expect], Bound]
) -> list[tuple[int, Bound]]:
    """The check's own bound (line 0), and those of the lines that bring another."""
    own = bound(check.expect)
    lines = {each.line: bound(each.expect) for each in shots if bound(each.expect) != own}
    covered = bool(shots) and all(each.line in lines for each in shots)
    return [*([] if covered else [(0, own)]), *sorted(lines.items(), key=lambda item: item[0])]


def _of_line(
    counted: Sequence[_Counted], line: int, check: Check, bound: Callable[[Expect], object]
) -> list[_Counted]:
    own = bound(check.expect)

    def belongs(shot: Shot) -> bool:
        if line:
            return shot.line == line
        return bound(shot.expect) == own

    return [each for each in counted if belongs(each.finding.shot)]


def _error_rate(allowed: float, counted: Sequence[_Counted]) -> Measurement:
    failed = [each.finding for each in counted if each.failed]
    unknown = [each.finding for each in counted if each.failed is None]
    return error_rate.measure(
        allowed,
        failed=len(failed),
        unknown=len(unknown),
        runs=len(counted),
        detail="\n".join(_stories((*failed, *unknown))),
    )


def _stories(findings: Iterable[Finding]) -> list[str]:
    """A line for each way in which requests failed; of what happened alike, how many times."""
    times = Counter(each.story for each in findings)
    return [
        story if number == 1 else f"{number} times: {story}"
        for story, number in list(times.items())[:SHOWN]
    ]


def _sample(counted: Iterable[_Counted]) -> Sample:
    each = list(counted)
    good = [one.finding for one in each if one.finding.kind is Kind.GOOD]
    timed = [
        one.finding
        for one in each
        if one.finding.kind is Kind.GOOD or (one.finding.kind is Kind.SLOW and one.failed)
    ]
    tokens = [one.shot.answer.first_token for one in good]
    return Sample(
        seconds=[one.shot.answer.seconds for one in timed],
        first_tokens=[one for one in tokens if one is not None],
        failed=sum(one.failed is True for one in each),
        runs=sum(one.failed is not None for one in each),
    )


def _named(line: int, found: Measurement) -> Measurement:
    return replace(found, what=f"line {line}.{found.what}") if line else found


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
            replace(one, what=f"{name}.{one.what}")
            for name, each in verdicts
            for one in each.measurements
        ),
    )


def _reason(
    check: Check,
    outcome: Outcome,
    measurements: Sequence[Measurement],
    counted: Sequence[_Counted],
) -> str:
    """One short sentence: what the requests and answers were, the measurements' details say."""
    runs = len(counted)
    failed = sum(each.failed is True for each in counted)
    wanted = asked_for(check)
    cut = (
        f"; {runs} of {wanted} runs, because max_requests is {check.max_requests}"
        if runs < wanted
        else ""
    )
    if outcome is Outcome.PASS:
        told = (
            f"{runs} of {runs} requests as expected"
            if not failed
            else f"{failed} of {runs} requests failed, as many as may"
        )
        return f"{check.name}: {told}{cut}"
    parts = []
    rates = {each.outcome for each in measurements if each.what.endswith("error_rate")}
    if Outcome.FAIL in rates and outcome is Outcome.FAIL and failed:
        parts.append(f"{failed} of {runs} requests failed")
    elif outcome is Outcome.INCONCLUSIVE and rates - {Outcome.PASS}:
        unknown = sum(each.failed is None for each in counted)
        parts.append(f"{unknown} of {runs} requests say nothing about the deployment")
    parts += [
        _missed(each)
        for each in measurements
        if each.outcome is outcome and not _is_rate(each) and (each.detail or each.value)
    ]
    return f"{check.name}: {'; '.join(parts) or 'nothing could be measured'}{cut}"


def _is_rate(each: Measurement) -> bool:
    return each.what.endswith("error_rate") and "than_current" not in each.what


def _missed(each: Measurement) -> str:
    if each.outcome is Outcome.INCONCLUSIVE:
        return f"{each.what}: {each.detail}"
    if "than_current." in each.what:
        return f"{each.what} is above {each.bound:g} ({each.detail})"
    return f"{each.what} is {each.value:.3g} s, above {each.bound:.3g} s"
