"""Figures from metrics: rates become counts, unknown stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from gitops.baseten.metrics import FIRST_BYTE, LATENCY, REPLICAS, REQUESTS, window
from gitops.errors import AccessDenied
from gitops.verify.observation import Window
from tests.baseten.fakes import baseten
from tests.baseten.samples import descriptor, metrics

START = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
END = START + timedelta(seconds=60)
STATUSES = descriptor(REQUESTS, {"status": "2xx"}, {"status": "4xx"}, {"status": "5xx"})
QUANTILES = descriptor(
    LATENCY, {"quantile": "0.5"}, {"quantile": "0.95"}, {"quantile": "0.99"}, {"stat": "avg"}
)
NOTHING = metrics([], [])


def of(summary: dict[str, Any], series: dict[str, Any] = NOTHING) -> Window:
    return window(summary, series, start=START, end=END)


def test_rates_become_counts_over_the_window_baseten_took() -> None:
    read = of(
        metrics(
            [STATUSES, QUANTILES],
            [(0, [[2.0, 0.5, 0.25], [0.1, 0.4, None, 0.2]])],
            end_epoch_millis=120_000,
        )
    )
    assert read.requests == pytest.approx(330)
    assert read.errors == pytest.approx(30)
    assert read.error_rate == pytest.approx(1 / 11)
    assert read.latency == {"p50": 0.1, "p95": 0.4}


def test_all_null_is_unknown() -> None:
    read = of(metrics([STATUSES, QUANTILES], [(0, [[None] * 3, [None] * 4])]))
    assert (read.requests, read.errors, read.error_rate, read.latency) == (None, None, None, {})


@pytest.mark.parametrize(
    "summary",
    [
        NOTHING,
        metrics([STATUSES], []),
        metrics([STATUSES], [(0, [])]),
        {"metric_descriptors": None, "metric_values": 5},
        {"metric_descriptors": [None], "metric_values": [None, {"values": "x"}]},
        {},
    ],
)
def test_nothing_at_all_is_unknown(summary: dict[str, Any]) -> None:
    assert of(summary) == Window(start=START, end=END)


def test_a_missing_series_is_zero_once_another_is_known() -> None:
    read = of(metrics([STATUSES], [(0, [[1.0, None, None]])]))
    assert (read.requests, read.errors) == (60, 0)
    only_good = descriptor(REQUESTS, {"status": "2xx"})
    assert of(metrics([only_good], [(0, [[1.0]])])).errors == 0
    only_bad = descriptor(REQUESTS, {"status": "503"})
    assert of(metrics([only_bad], [(0, [[1.0]])])).error_rate == 1


def test_no_requests_is_known_and_has_no_rate() -> None:
    read = of(metrics([STATUSES], [(0, [[0.0, 0.0, 0.0]])]))
    assert (read.requests, read.errors, read.error_rate) == (0, 0, None)


def test_replicas_are_the_last_that_is_known() -> None:
    series = metrics([descriptor(REPLICAS, {})], [(60, [[3]]), (0, [[1]]), (120, [[None]])])
    assert of(NOTHING, series).replicas == 3


def test_numbers_that_are_none_are_unknown() -> None:
    assert of(metrics([STATUSES], [(0, [[float("nan"), True, "1"]])])).requests is None


def test_what_is_asked() -> None:
    client, server = baseten(lambda _: NOTHING)
    client.reader.window("m1", "d1", START, END)
    first, second = (request.url for request in server.requests)
    assert first.path == "/v1/models/m1/deployments/d1/metrics"
    assert first.params.get_list("metrics") == [REQUESTS, LATENCY, FIRST_BYTE]
    assert first.params["mode"] == "SUMMARY"
    assert first.params["start_epoch_millis"] == str(int(START.timestamp()) * 1000)
    assert first.params["end_epoch_millis"] == str(int(END.timestamp()) * 1000)
    assert second.params["mode"] == "SERIES"
    assert second.params.get_list("metrics") == [REPLICAS]


@pytest.mark.parametrize("status", [403, 404])
def test_without_metrics_all_is_unknown(status: int) -> None:
    client, _ = baseten(lambda _: httpx.Response(status))
    assert client.reader.window("m1", "d1", START, END) == Window(start=START, end=END)


def test_a_wrong_key_is_not_a_lack_of_metrics() -> None:
    client, _ = baseten(lambda _: httpx.Response(401))
    with pytest.raises(AccessDenied):
        client.reader.window("m1", "d1", START, END)


def test_an_empty_window_is_not_asked_for() -> None:
    client, server = baseten(lambda _: NOTHING)
    assert client.reader.window("m1", "d1", START, START).requests is None
    assert server.requests == []


def test_requests_are_counted_although_rates_lose_digits() -> None:
    # 20 requests in 60 s, 7 of them bad, as rates with six digits.
    read = of(metrics([STATUSES], [(0, [[0.216667, None, 0.116667]])], end_epoch_millis=60_000))
    assert (read.requests, read.errors) == (20.0, 7.0)
