"""Clocks.

Every time that the emulator shows is of the machine's own clock (epoch seconds): a higher
speed shortens what Baseten takes, it does not bend the calendar, so that timestamps
in answers, in Git and in metrics windows can be compared.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Gives epoch seconds."""

    def now(self) -> float:
        """The time, in epoch seconds."""
        ...


class WallClock:
    """The machine's clock."""

    def now(self) -> float:
        """The time, in epoch seconds."""
        return time.time()


class ManualClock:
    """A clock that stands still until it is moved, for tests."""

    def __init__(self, start: float = 1_795_305_600.0) -> None:
        """`start` in epoch seconds; the default is 2026-11-22T00:00:00Z."""
        self._now = start

    def now(self) -> float:
        """The time, in epoch seconds."""
        return self._now

    def move_to(self, at: float) -> None:
        """Set the time; never backwards.

        Raises:
            ValueError: `at` is before the present time.
        """
        if at < self._now:
            raise ValueError(f"the clock cannot go back from {self._now} to {at}")
        self._now = at
