"""The watch as a state machine: what it is fed, and when it is certain."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.state.desired import Watch
from gitops.verify.observation import Window
from gitops.verify.verdict import Outcome, figures
from gitops.verify.watch import Watching, begin, look

START = datetime(2026, 1, 1, tzinfo=UTC)
LAG = 240.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def window(
    requests: float | None, errors: float | None, *, until: float = 0.0, **latency: float
) -> Window:
    return Window(
        start=START,
        end=at(until),
        until=at(until),
        requests=requests,
        errors=errors,
        latency=latency,
    )


def watched(watch: Watch | None, *looks: tuple[Any, ...], baseline: Window | None = None) -> Any:
    state = begin(watch, began=START, lag=LAG, baseline=baseline)
    for seconds, status, seen in looks:
        state = look(state, at=at(seconds), status=status, window=seen)
    return state.verdict


BOUND = Watch(seconds=600, error_rate=0.02)


def test_failed_fails_at_once() -> None:
    found = watched(BOUND, (1, "FAILED", None))
    assert found.outcome is Outcome.FAIL
    assert "FAILED" in found.reason


def test_unhealthy_fails_after_its_time_and_recovery_starts_it_again() -> None:
    looks = [(0, "UNHEALTHY", None), (59, "UNHEALTHY", None)]
    assert watched(BOUND, *looks) is None
    assert watched(BOUND, *looks, (60, "UNHEALTHY", None)).outcome is Outcome.FAIL
    recovered = [*looks, (59.5, "ACTIVE", None), (70, "UNHEALTHY", None), (100, "UNHEALTHY", None)]
    assert watched(BOUND, *recovered) is None


def test_without_a_watch_ready_is_enough() -> None:
    assert watched(None, (0, "ACTIVE", None)).outcome is Outcome.PASS
    assert watched(None, (0, "SCALED_TO_ZERO", None)).outcome is Outcome.PASS
    assert watched(None, (0, "LOADING_MODEL", None)) is None
    assert watched(None, (LAG, "LOADING_MODEL", None)).outcome is Outcome.INCONCLUSIVE


def test_without_bounds_health_alone_is_judged_and_nothing_waits_for_metrics() -> None:
    plain = Watch(seconds=600)
    assert watched(plain, (599, "ACTIVE", None)) is None
    assert watched(plain, (600, "ACTIVE", None)).outcome is Outcome.PASS


def test_it_ends_when_the_figures_are_complete() -> None:
    assert watched(BOUND, (600, "ACTIVE", window(1000, 1, until=540))) is None
    done = watched(BOUND, (660, "ACTIVE", window(1000, 1, until=600)))
    assert done.outcome is Outcome.PASS
    late = watched(BOUND, (600 + LAG, "ACTIVE", window(1000, 1, until=540)))
    assert late.outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("seen", "outcome", "reason"),
    [
        (window(1000, 100, until=600), Outcome.FAIL, "10.0% of 1000 requests failed, above 2.0%"),
        (window(10, 10, until=600), Outcome.INCONCLUSIVE, "10 requests, fewer than 50"),
        (window(0, 0, until=600), Outcome.INCONCLUSIVE, "0 requests, fewer than 50"),
        (window(None, None, until=600), Outcome.INCONCLUSIVE, "no figures came"),
        (window(1000, None, until=600), Outcome.INCONCLUSIVE, "no figure for it"),
    ],
)
def test_the_error_rate(seen: Window, outcome: Outcome, reason: str) -> None:
    found = watched(BOUND, (601, "ACTIVE", seen))
    assert found.outcome is outcome
    assert reason in found.reason


def test_a_rate_beyond_doubt_ends_the_watch_early_and_a_doubtful_one_does_not() -> None:
    assert watched(BOUND, (30, "ACTIVE", window(200, 100))).outcome is Outcome.FAIL
    assert watched(BOUND, (30, "ACTIVE", window(200, 6))) is None
    assert watched(BOUND, (30, "ACTIVE", window(20, 20))) is None


def test_latency_bounds() -> None:
    watch = Watch(seconds=600, latency={"p95": 2.0, "p99": 3.0})
    found = watched(watch, (601, "ACTIVE", window(100, 0, until=600, p95=2.5, p99=2.9)))
    assert found.outcome is Outcome.FAIL
    assert found.reason == "latency.p95 is 2.5 s, above 2 s"
    unknown = watched(watch, (601, "ACTIVE", window(100, 0, until=600, p95=1.0)))
    assert unknown.outcome is Outcome.INCONCLUSIVE


def test_latencies_beyond_doubt_end_the_watch_early_and_doubtful_ones_do_not() -> None:
    watch = Watch(seconds=600, latency={"p95": 2.0})
    slow = {"p50": 2.5, "p90": 3.0, "p95": 4.0}
    found = watched(watch, (30, "ACTIVE", window(50, 0, **slow)))
    assert found.outcome is Outcome.FAIL
    assert found.reason == "latency.p95 is 4 s, above 2 s"
    # A tenth of fifty requests above the bound may be chance; of two thousand it is not.
    tenth = {"p50": 1.0, "p90": 2.5, "p95": 4.0}
    assert watched(watch, (30, "ACTIVE", window(50, 0, **tenth))) is None
    assert watched(watch, (30, "ACTIVE", window(2000, 0, **tenth))).outcome is Outcome.FAIL
    assert watched(watch, (30, "ACTIVE", window(49, 0, **slow))) is None
    known_before = begin(watch, began=START, lag=LAG, baseline=window(500, 0, p95=3.9))
    seen = window(50, 0, **slow)
    assert look(known_before, at=at(30), status="ACTIVE", window=seen).verdict is None


def test_the_time_to_the_first_token_is_its_95th_percentile() -> None:
    watch = Watch(seconds=600, latency={"first_token": 0.3})

    def streaming(*, until: float = 0.0, **quantiles: float) -> Window:
        return replace(window(100, 0, until=until), first_token=quantiles)

    late = watched(watch, (601, "ACTIVE", streaming(until=600, p50=0.1, p95=0.4)))
    assert late.reason == "latency.first_token is 0.4 s, above 0.3 s"
    good = watched(watch, (601, "ACTIVE", streaming(until=600, p50=0.1, p95=0.2, p99=9.0)))
    assert good.outcome is Outcome.PASS
    early = watched(watch, (5, "ACTIVE", streaming(p50=0.5, p95=0.9)))
    assert early.outcome is Outcome.FAIL
    plain = watched(watch, (601, "ACTIVE", window(100, 0, until=600, p95=9.0)))
    assert plain.outcome is Outcome.INCONCLUSIVE


def test_what_was_as_bad_before_is_not_this_release() -> None:
    bad = window(1000, 100, until=600)

    def after(*looks: tuple[float, Window], baseline: Window) -> Watching:
        state = begin(BOUND, began=START, lag=LAG, baseline=baseline)
        for seconds, seen in looks:
            state = look(state, at=at(seconds), status="ACTIVE", window=seen)
        return state

    as_bad = window(1000, 95, until=0)
    assert after((30, bad), baseline=as_bad).verdict is None
    done = after((30, bad), (601, bad), baseline=as_bad)
    assert done.verdict is not None
    assert done.verdict.outcome is Outcome.FAIL
    assert done.as_bad
    assert "before this release it was 0.095" in done.verdict.reason
    for worse in (window(1000, 30, until=0), window(10, 9, until=0), window(1000, 5, until=0)):
        found = after((601, bad), baseline=worse)
        assert found.verdict is not None
        assert found.verdict.outcome is Outcome.FAIL
        assert not found.as_bad


def test_what_is_unhealthy_is_never_excused() -> None:
    state = begin(BOUND, began=START, lag=LAG, baseline=window(1000, 900, until=0))
    assert not look(state, at=at(1), status="FAILED", window=None).as_bad


def test_unhealthy_at_the_end_is_waited_on() -> None:
    plain = Watch(seconds=600)
    looks = [(590, "UNHEALTHY", None), (610, "UNHEALTHY", None)]
    assert watched(plain, *looks) is None
    assert watched(plain, *looks, (620, "ACTIVE", None)).outcome is Outcome.PASS
    assert watched(plain, *looks, (650, "UNHEALTHY", None)).outcome is Outcome.FAIL


def test_figures_say_value_bound_and_samples() -> None:
    found = watched(BOUND, (601, "ACTIVE", window(1000, 100, until=600)))
    measured = figures(found)["measurements"]
    assert measured[-1] == {
        "what": "error_rate",
        "outcome": "fail",
        "value": 0.1,
        "bound": 0.02,
        "samples": 1000,
        "detail": "",
    }


STATUSES = ["ACTIVE", "SCALED_TO_ZERO", "UNHEALTHY", "FAILED", "UPDATING", "WHAT_IS_THIS"]
windows = st.none() | st.builds(
    lambda requests, share, until: window(requests, requests * share, until=until),
    st.integers(0, 500),
    st.floats(0, 1),
    st.floats(0, 900),
)
looks_strategy = st.lists(
    st.tuples(st.floats(0, 120), st.sampled_from(STATUSES), windows), max_size=25
)


def _run(watch: Watch, looks: list[tuple[float, str, Window | None]]) -> list[Watching]:
    state, moment, states = begin(watch, began=START, lag=LAG), 0.0, []
    for seconds, status, seen in looks:
        moment += seconds
        state = look(state, at=at(moment), status=status, window=seen)
        states.append(state)
    return states


@given(looks_strategy)
def test_a_verdict_never_changes_and_silence_never_passes(
    looks: list[tuple[float, str, Window | None]],
) -> None:
    states = _run(BOUND, looks)
    verdicts = [each.verdict for each in states if each.verdict is not None]
    assert all(each is verdicts[0] for each in verdicts)
    for index, state in enumerate(states):
        if state.verdict is None or (index and states[index - 1].verdict is not None):
            continue
        _, status, seen = looks[index]
        if state.verdict.outcome is Outcome.PASS:
            assert status in {"ACTIVE", "SCALED_TO_ZERO"}
            assert seen is not None
            assert seen.requests is not None
            assert seen.requests >= BOUND.min_requests
            assert seen.error_rate is not None
            assert seen.error_rate <= 0.02
        if status == "FAILED":
            assert state.verdict.outcome is Outcome.FAIL


@given(
    st.integers(0, 2000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([1.0, 30.0, 599.0, 601.0, 1000.0]),
)
def test_more_errors_never_make_a_verdict_better(
    requests: int, one: float, other: float, seconds: float
) -> None:
    fewer, more = sorted((one, other))

    def outcome(share: float) -> Outcome | None:
        seen = window(requests, requests * share, until=seconds)
        found = watched(BOUND, (seconds, "ACTIVE", seen))
        return found.outcome if found is not None else None

    if outcome(fewer) is Outcome.FAIL:
        assert outcome(more) is Outcome.FAIL
    if requests < BOUND.min_requests:
        assert outcome(more) in {None, Outcome.INCONCLUSIVE}


@given(looks_strategy)
def test_it_always_ends(looks: list[tuple[float, str, Window | None]]) -> None:
    states = _run(BOUND, [*looks, (700 + LAG, "UNHEALTHY", None), (61, "UNHEALTHY", None)])
    assert states[-1].verdict is not None
