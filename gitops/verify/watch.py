"""The watch after a promotion: looks are fed in, and a verdict comes out as soon as it is certain.

A pure state machine: ``begin`` makes a state, ``look`` gives the next one. The caller owns the
clock and the requests, and stops when ``verdict`` is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import sqrt
from typing import Final

from gitops.state.desired import Watch
from gitops.state.health import Health, health_of
from gitops.verify.observation import Window
from gitops.verify.verdict import Measurement, Outcome, Verdict, worst

AS_BAD: Final = 1.1
"""The previous deployment was as bad if ours is at most this many times its figure."""

_Z: Final = 3.29
"""Standard deviations of a two-sided 99.9 % interval."""

_FIRST_TOKEN: Final = "first_token"  # noqa: S105 - a token of text
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
"""What Baseten's metrics know; they know no maximum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """A watch under way. ``began``: the promotion's end; ``lag``: seconds that metrics may trail.

    ``baseline`` are the previous deployment's figures before the promotion, where they are known.
    ``as_bad``: the verdict is a fail, but the previous deployment broke every bound that this one
    broke, just as badly: the release is not what is wrong.
    """

    watch: Watch
    began: datetime
    lag: float
    baseline: Window | None = None
    unhealthy_since: datetime | None = None
    verdict: Verdict | None = None
    as_bad: bool = False

    def shifted(self, by: timedelta) -> Watching:
        """The same, after the clock that gives the times was set forward by so much, or back.

        What has passed has passed: a watch ends neither early nor late because of it.
        """
        since = self.unhealthy_since
        return replace(
            self,
            began=self.began + by,
            unhealthy_since=since + by if since is not None else None,
        )

    @property
    def ends(self) -> datetime:
        """When the data that is judged ends."""
        return self.began + timedelta(seconds=self.watch.seconds)

    @property
    def has_bounds(self) -> bool:
        """Whether metrics are judged at all, or health alone."""
        return self.watch.seconds > 0 and bool(
            self.watch.error_rate is not None or self.watch.latency
        )


def begin(
    watch: Watch | None, *, began: datetime, lag: float, baseline: Window | None = None
) -> Watching:
    """Start a watch; without one of its own, an environment is watched until it is ready."""
    return Watching(watch=watch or Watch(seconds=0), began=began, lag=lag, baseline=baseline)


def look(state: Watching, *, at: datetime, status: str, window: Window | None) -> Watching:
    """One look: the deployment's status at ``at`` and its figures since ``began``.

    ``window`` None: they could not be read. A verdict, once there, is never changed.
    """
    if state.verdict is not None:
        return state
    health = health_of(status)
    since = (state.unhealthy_since or at) if health is Health.UNHEALTHY else None
    state = replace(state, unhealthy_since=since)
    verdict = _of_health(state, at, status, health) or _of_figures(state, at, status, window)
    return replace(
        state, verdict=verdict, as_bad=verdict is not None and _as_bad(state, verdict.measurements)
    )


def _of_health(state: Watching, at: datetime, status: str, health: Health) -> Verdict | None:
    if health is Health.FAILED:
        return _verdict(_health(Outcome.FAIL, status, f"the deployment is {status}"))
    if state.unhealthy_since is None:
        return None
    seconds = (at - state.unhealthy_since).total_seconds()
    if seconds < state.watch.unhealthy_for:
        return None
    detail = f"{status} for {seconds:.0f} s, above {state.watch.unhealthy_for:g} s"
    return _verdict(_health(Outcome.FAIL, status, detail))


def _of_figures(
    state: Watching, at: datetime, status: str, window: Window | None
) -> Verdict | None:
    if state.has_bounds and window is not None and _hopeless(state, window):
        return _verdict(*_bounds(state, window))
    if at < state.ends or state.unhealthy_since is not None:
        return None
    late = at >= state.ends + timedelta(seconds=state.lag)
    ready = health_of(status) is Health.READY
    if not ready and not late:
        return None
    health = _health(
        Outcome.PASS if ready else Outcome.INCONCLUSIVE,
        status,
        "" if ready else f"the deployment is {status}, neither ready nor failed",
    )
    if not state.has_bounds:
        return _verdict(health)
    complete = window is not None and window.until is not None and window.until >= state.ends
    return _verdict(health, *_bounds(state, window)) if complete or late else None


def _hopeless(state: Watching, window: Window) -> bool:
    """Whether a bound is broken beyond doubt, before the watch is over.

    Beyond doubt: over as many requests as a verdict needs, the whole 99.9 % interval (Wilson's) of
    the share that fails, or takes longer than the bound, lies above the share that may; and the
    previous deployment was not as bad.
    """
    requests = window.requests
    if requests is None or requests < max(state.watch.min_requests, 1):
        return False
    bound, rate = state.watch.error_rate, window.error_rate
    if bound is not None and rate is not None and _at_least(rate, requests) > bound:
        found = _error_rate(state, window)
        if not _was_as_bad(state, found):
            return True
    return any(
        found.outcome is Outcome.FAIL
        and _at_least(_share_above(window, name, bound), requests) > 1 - _QUANTILES[_quantile(name)]
        and not _was_as_bad(state, found)
        for name, bound, found in _latencies(state, window)
    )


def _at_least(share: float, requests: float) -> float:
    """The lowest share that fits what was seen: the lower end of Wilson's interval."""
    spread = _Z * sqrt(share * (1 - share) / requests + _Z**2 / (4 * requests**2))
    return (share + _Z**2 / (2 * requests) - spread) / (1 + _Z**2 / requests)


def _share_above(window: Window, name: str, bound: float) -> float:
    """The share of requests that took longer than the bound, as far as quantiles show it."""
    over = [
        quantile
        for each, quantile in _QUANTILES.items()
        if (value := _times(window, name).get(each)) is not None and value > bound
    ]
    return 1 - min(over, default=1.0)


def _times(window: Window, name: str) -> Mapping[str, float]:
    return window.first_token if name == _FIRST_TOKEN else window.latency


def _quantile(name: str) -> str:
    """The quantile that a bound is about; of the time to the first token the 95th percentile."""
    return "p95" if name == _FIRST_TOKEN else name


def _latencies(state: Watching, window: Window | None) -> Iterator[tuple[str, float, Measurement]]:
    for name, bound in state.watch.latency.items():
        if _quantile(name) not in _QUANTILES:
            continue
        value = _times(window, name).get(_quantile(name)) if window else None
        before = _times(state.baseline, name).get(_quantile(name)) if state.baseline else None
        yield (
            name,
            bound,
            _bound(
                state, f"latency.{name}", value=value, bound=bound, before=before, window=window
            ),
        )


def _bounds(state: Watching, window: Window | None) -> tuple[Measurement, ...]:
    found = [] if state.watch.error_rate is None else [_error_rate(state, window)]
    return (*found, *(each for _, _, each in _latencies(state, window)))


def _error_rate(state: Watching, window: Window | None) -> Measurement:
    return _bound(
        state,
        "error_rate",
        value=window.error_rate if window else None,
        bound=state.watch.error_rate or 0.0,
        before=state.baseline.error_rate if state.baseline else None,
        window=window,
    )


def _bound(
    state: Watching,
    what: str,
    *,
    value: float | None,
    bound: float,
    before: float | None,
    window: Window | None,
) -> Measurement:
    requests = window.requests if window is not None else None
    samples = round(requests or 0)
    outcome, detail = Outcome.PASS, ""
    if requests is None:
        outcome, detail = Outcome.INCONCLUSIVE, "no figures came from Baseten"
    elif requests < state.watch.min_requests:
        outcome = Outcome.INCONCLUSIVE
        detail = f"{requests:g} requests, fewer than {state.watch.min_requests}"
    elif value is None:
        outcome, detail = Outcome.INCONCLUSIVE, "Baseten has no figure for it"
    elif value > bound:
        outcome = Outcome.FAIL
        if before is not None and _enough(state) and before > bound:
            detail = f"before this release it was {before:.4g}"
    return Measurement(
        what=what, outcome=outcome, value=value, bound=bound, samples=samples, detail=detail
    )


def _as_bad(state: Watching, measurements: tuple[Measurement, ...]) -> bool:
    failed = [each for each in measurements if each.outcome is Outcome.FAIL]
    return bool(failed) and all(_was_as_bad(state, each) for each in failed)


def _was_as_bad(state: Watching, now: Measurement) -> bool:
    baseline = state.baseline
    if baseline is None or not _enough(state):
        return False
    kind, _, name = now.what.partition(".")
    before = (
        _times(baseline, name).get(_quantile(name)) if kind == "latency" else baseline.error_rate
    )
    if kind not in {"latency", "error_rate"} or before is None:
        return False
    value, bound = now.value, now.bound
    if not isinstance(value, float | int) or not isinstance(bound, float | int):
        return False
    return before > bound and value <= before * AS_BAD


def _enough(state: Watching) -> bool:
    before = state.baseline.requests if state.baseline else None
    return before is not None and before >= max(state.watch.min_requests, 1)


def _health(outcome: Outcome, status: str, detail: str) -> Measurement:
    return Measurement(what="health", outcome=outcome, value=status, samples=1, detail=detail)


def _verdict(*measurements: Measurement) -> Verdict:
    outcome = worst(each.outcome for each in measurements)
    telling = [each for each in measurements if each.outcome is outcome]
    reason = "; ".join(filter(None, (_sentence(each) for each in telling)))
    if outcome is Outcome.PASS:
        reason = "the watch passed"
    return Verdict(outcome=outcome, reason=reason, measurements=measurements)


def _sentence(each: Measurement) -> str:
    if each.what == "health":
        return each.detail
    if each.outcome is Outcome.INCONCLUSIVE:
        return f"{each.what}: {each.detail}"
    if each.what == "error_rate":
        told = f"{each.value:.1%} of {each.samples} requests failed, above {each.bound:.1%}"
    else:
        told = f"{each.what} is {each.value:.3g} s, above {each.bound:.3g} s"
    return f"{told} ({each.detail})" if each.detail else told
