"""Measurements in words, also those that somebody else wrote into a file."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.render.measurements import bounded, told
from gitops.verify.verdict import Measurement, Outcome


@pytest.mark.parametrize(
    ("what", "value", "bound", "said"),
    [
        ("error_rate", 0.0123, 0.02, "error_rate is 1.2%, at most 2.0%, 50 samples"),
        ("latency.p95", 1.234, 2.0, "latency.p95 is 1.23 s, at most 2 s, 50 samples"),
        ("latency.p50", 0.0871, None, "latency.p50 is 87.1 ms, 50 samples"),
        ("line 3.latency.max", 0.5, 1.0, "line 3.latency.max is 500 ms, at most 1 s, 50 samples"),
        (
            "than_current.latency.p95",
            1.5,
            1.2,
            "than_current.latency.p95 is 1.5 times, at most 1.2 times, 50 samples",
        ),
        (
            "than_current.error_rate",
            None,
            1.5,
            "than_current.error_rate is unknown, at most 1.5 times, 50 samples",
        ),
        ("tokens_per_second", 45.62, None, "tokens_per_second is 45.6, 50 samples"),
        ("health", "ACTIVE", None, "health is ACTIVE, 50 samples"),
    ],
)
def test_a_measurement(what: str, value: Any, bound: Any, said: str) -> None:
    found = Measurement(what=what, outcome=Outcome.PASS, value=value, bound=bound, samples=50)
    assert told(found) == said


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"measurements": "many"},
        {"measurements": [3, {}, {"what": "x"}, {"what": 3, "value": 1, "bound": 2}]},
        {"measurements": [{"what": "error_rate", "value": 0.0, "bound": 0.0, "samples": 3}]},
        {"measurements": [{"what": "health", "value": "ACTIVE", "bound": None}]},
        {"measurements": [{"what": "latency.p50", "value": 0.5, "bound": None, "samples": 3}]},
        {"measurements": [{"what": "error_rate", "value": True, "bound": False, "samples": 3}]},
    ],
)
def test_what_says_nothing_is_not_told(figures: dict[str, Any]) -> None:
    assert list(bounded(figures)) == []


def test_bounds_are_told() -> None:
    one = {"what": "smoke.latency.p95", "value": 0.5, "bound": 1, "samples": None}
    assert list(bounded({"measurements": (one,)})) == [
        "smoke.latency.p95 is 500 ms, at most 1 s, 0 samples"
    ]
