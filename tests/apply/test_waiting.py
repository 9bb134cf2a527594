"""What is told of something that is waited for."""

from __future__ import annotations

from gitops.apply.waiting import Told


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds


def test_news_are_what_has_changed_and_what_was_not_told_for_a_minute() -> None:
    clock = Clock()
    told = Told(clock)
    assert told.is_news("BUILDING", 0)
    clock.seconds = 59
    assert not told.is_news("BUILDING", 0)
    assert told.is_news("BUILDING", 1)
    clock.seconds = 118
    assert not told.is_news("BUILDING", 1)
    clock.seconds = 119
    assert told.is_news("BUILDING", 1)
    assert not told.is_news("BUILDING", 1)
