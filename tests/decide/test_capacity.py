"""What takes capacity away, and which word consents to it."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.decide.capacity import taken
from gitops.state.json import JsonObject
from gitops.state.settings import Change

LIVE: JsonObject = {"autoscaling.min_replica": 2, "autoscaling.max_replica": 8}


def schedule(least: int, most: int, **more: Any) -> JsonObject:
    return {
        "cadence": "DAILY",
        "start_hour": 8,
        "start_minute": 0,
        "end_hour": 18,
        "end_minute": 0,
        "timezone": "UTC",
        "autoscaling": {"min_replica": least, "max_replica": most},
        **more,
    }


def words(path: str, before: Any, after: Any) -> list[str]:
    return [word for word, _ in taken(LIVE, [Change(path=path, before=before, after=after)])]


@pytest.mark.parametrize(
    ("field", "before", "after", "needed"),
    [
        ("min_replica", 2, 0, ["scale_to_zero"]),
        ("min_replica", 2, 1, ["fewer_replicas"]),
        ("min_replica", 3, 2, []),
        ("max_replica", 8, 4, ["fewer_replicas"]),
        ("max_replica", 8, 5, []),
        ("max_replica", 4, 8, []),
        ("max_replica", None, 1, []),
        ("concurrency_target", 8, 1, []),
    ],
)
def test_half_is_much_and_none_at_all_is_more(
    field: str, before: int | None, after: int, needed: list[str]
) -> None:
    assert words(f"autoscaling.{field}", before, after) == needed


def test_a_schedule_is_held_against_what_holds_without_it() -> None:
    path = "schedules.night"
    assert words(path, None, schedule(2, 8)) == []
    assert words(path, None, schedule(0, 8)) == ["scale_to_zero"]
    assert words(path, schedule(4, 16), None) == ["fewer_replicas", "fewer_replicas"]
    assert words(path, schedule(2, 8), schedule(2, 4)) == ["fewer_replicas"]


def test_a_schedule_that_is_not_enabled_takes_nothing_and_gives_nothing() -> None:
    path = "schedules.night"
    assert words(path, None, schedule(0, 1, enabled=False)) == []
    assert words(path, schedule(4, 16, enabled=False), None) == []
