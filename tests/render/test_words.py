"""Values in words."""

from __future__ import annotations

import pytest

from gitops.plan.actions import KINDS
from gitops.render.words import doing, value
from gitops.state.json import JsonObject

DAY: JsonObject = {
    "enabled": True,
    "cadence": "DAILY",
    "weekdays": ["MONDAY", "SUNDAY"],
    "start_hour": 8,
    "start_minute": 5,
    "end_hour": 18,
    "end_minute": 0,
    "timezone": "Europe/Berlin",
    "autoscaling": {"min_replica": 2, "max_replica": 4, "concurrency_target": None},
}
HOURS: JsonObject = {**DAY, "cadence": "HOURLY", "enabled": False}
ONCE: JsonObject = {
    "cadence": "ONE_TIME",
    "start_at": "2126-12-24T18:00:00Z",
    "end_at": "2126-12-25T18:00:00Z",
    "timezone": "UTC",
    "autoscaling": {"min_replica": 2, "max_replica": 4, "scale_down_delay": 60},
}


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (DAY, "Mon,Sun 08:05-18:00 Europe/Berlin: 2 to 4 replicas"),
        (
            HOURS,
            "Mon,Sun every hour from 08 to 18 :05-:00 Europe/Berlin: 2 to 4 replicas (disabled)",
        ),
        (
            {**HOURS, "start_hour": None, "end_hour": None, "enabled": True},
            "Mon,Sun every hour :05-:00 Europe/Berlin: 2 to 4 replicas",
        ),
        (
            ONCE,
            (
                "once, 2126-12-24T18:00:00Z to 2126-12-25T18:00:00Z: 2 to 4 replicas,"
                " scale_down_delay 60"
            ),
        ),
        # Whatever Baseten may come to say.
        ({"cadence": "LUNAR\n", "weekdays": 3}, ":-:: None to None replicas"),
    ],
)
def test_a_schedule_is_told_in_a_line(schedule: JsonObject, words: str) -> None:
    assert value(schedule) == words


def test_a_run_is_interrupted_during_something_that_a_person_would_name() -> None:
    assert doing("ready") == "the build and start"
    for kind in KINDS:
        article, *words = doing(kind).split()
        assert article == "the"
        assert all(word.isalpha() for word in words)
