"""Whatever way Baseten counts, by fixed windows, sliding ones or a bucket, no limit is reached."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from operator import itemgetter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitops.baseten.pacing import EVERYTHING_ELSE, Limit, Pacing, limit_of
from tests.baseten.fakes import FakeClock
from tests.patience import HANGS

PER_MINUTE = [
    "POST /v1/models/{}/deployments/{}/activate",
    "POST /v1/models/{}/deployments/{}/deactivate",
    "POST /v1/models/{}/environments/{}/activate",
    "POST /v1/models/{}/environments/{}/deactivate",
]


@pytest.mark.parametrize("endpoint", PER_MINUTE)
def test_starting_and_stopping_is_limited_by_the_minute(endpoint: str) -> None:
    assert (limit_of(endpoint).requests, limit_of(endpoint).seconds) == (20, 60.0)


def test_the_other_documented_limits() -> None:
    retry = limit_of("POST /v1/models/{}/deployments/{}/retry")
    logs = limit_of("POST /v1/models/{}/deployments/{}/logs")
    assert (retry.requests, retry.seconds) == (10, 60.0)
    assert (logs.requests, logs.seconds) == (30, 1.0)
    assert limit_of("GET /v1/models/{}/deployments/{}/logs") == EVERYTHING_ELSE
    assert (EVERYTHING_ELSE.requests, EVERYTHING_ELSE.seconds) == (100, 1.0)


def grants(endpoint: str, pauses: list[float]) -> list[float]:
    clock = FakeClock()
    pacing = Pacing(clock)
    times = []
    for pause in pauses:
        clock.seconds += pause
        with pacing.turn(endpoint):
            times.append(clock.monotonic())
    return times


def busiest(times: list[float], seconds: float) -> int:
    return max(sum(start <= each < start + seconds for each in times) for start in times)


def bucket_never_empty(times: list[float], limit: Limit) -> bool:
    tokens, last = float(limit.requests), times[0]
    for each in times:
        tokens = min(limit.requests, tokens + (each - last) * limit.requests / limit.seconds)
        if tokens < 1:
            return False
        tokens, last = tokens - 1, each
    return True


@given(
    endpoint=st.sampled_from(
        [*PER_MINUTE, "GET /v1/models", "POST /v1/models/{}/deployments/{}/retry"]
    ),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=250),
)
def test_no_way_of_counting_ever_finds_too_many(endpoint: str, pauses: list[float]) -> None:
    limit = limit_of(endpoint)
    times = grants(endpoint, pauses)
    assert busiest(times, limit.seconds) <= limit.requests
    assert bucket_never_empty(times, limit)


@given(
    endpoint=st.sampled_from([*PER_MINUTE[:1], "GET /v1/models"]),
    # Seconds since the last one began, seconds under way, and when in these it arrives.
    requests=st.lists(
        st.tuples(st.floats(0, 0.1), st.floats(0, 2), st.floats(0, 1)), min_size=1, max_size=250
    ),
)
@example(endpoint="GET /v1/models", requests=[(0, 0.9, 1)] * 11 + [(0, 0, 0)] * 189)
@example(endpoint=PER_MINUTE[0], requests=[(0, 50, 1)] + [(0, 0, 0)] * 39)
def test_no_more_arrive_than_are_allowed_however_long_they_are_under_way(
    endpoint: str, requests: list[tuple[float, float, float]]
) -> None:
    limit = limit_of(endpoint)
    clock = FakeClock()
    pacing = Pacing(clock)
    under_way: list[tuple[float, ExitStack]] = []
    arrivals = []

    def finish_first() -> None:
        under_way.sort(key=itemgetter(0))
        end, turn = under_way.pop(0)
        clock.seconds = max(clock.seconds, end)
        turn.close()

    for pause, seconds, share in requests:
        clock.seconds += pause
        while len(under_way) == limit.in_flight:
            finish_first()
        turn = ExitStack()
        turn.enter_context(pacing.turn(endpoint))
        arrivals.append(clock.monotonic() + share * seconds)
        under_way.append((clock.monotonic() + seconds, turn))
    while under_way:
        finish_first()
    assert busiest(arrivals, limit.seconds) <= limit.requests
    assert bucket_never_empty(sorted(arrivals), limit)


def test_the_whole_rate_is_used() -> None:
    clock = FakeClock()
    pacing = Pacing(clock)
    for _ in range(2 * EVERYTHING_ELSE.requests):
        with pacing.turn("GET /v1/models"):
            pass
    assert sum(clock.slept) == pytest.approx(EVERYTHING_ELSE.seconds, rel=0.02)


def test_a_burst_is_not_held_back_needlessly() -> None:
    clock = FakeClock()
    pacing = Pacing(clock)
    for _ in range(EVERYTHING_ELSE.requests):
        with pacing.turn("GET /v1/models"):
            pass
    assert clock.slept == []


def test_endpoints_are_counted_apart() -> None:
    clock = FakeClock()
    pacing = Pacing(clock)
    for endpoint in ("GET /v1/models", "GET /v1/teams"):
        for _ in range(EVERYTHING_ELSE.requests):
            with pacing.turn(endpoint):
                pass
    assert clock.slept == []


def test_no_more_are_under_way_than_the_limit_counts_on() -> None:
    pacing = Pacing(FakeClock())
    under_way, most = 0, 0
    lock, all_in = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal under_way, most
        with pacing.turn("POST /v1/models/{}/deployments/{}/activate"):
            with lock:
                under_way += 1
                most = max(most, under_way)
                if under_way == 2:
                    all_in.set()
            all_in.wait(HANGS)
            with lock:
                under_way -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert most == 2


def test_a_failed_request_gives_its_turn_back() -> None:
    pacing = Pacing(FakeClock())
    for _ in range(5):
        with (
            pytest.raises(RuntimeError),
            pacing.turn("POST /v1/models/{}/deployments/{}/retry"),
        ):
            raise RuntimeError
