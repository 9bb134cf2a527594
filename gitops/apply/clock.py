"""The machine's clock, with sleeps that end when we are asked to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from gitops.errors import Interrupted

if TYPE_CHECKING:
    from gitops.apply.ports import Clock


_TOLERATED: Final = timedelta(seconds=1)
"""Below it, a difference is no jump but the time that asking takes, or a clock that is slewed."""


class Jumps:
    """Notices when wall-clock time moves against the time that really passed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall, self._steady, self._doubt = self._read()

    def taken(self) -> timedelta:
        """By how much it was set forward (or back, below zero) since this was asked last."""
        wall, steady, doubt = self._read()
        jump = (wall - self._wall) - timedelta(seconds=steady - self._steady)
        if abs(jump) < _TOLERATED + doubt + self._doubt:
            return timedelta(0)
        self._wall, self._steady, self._doubt = wall, steady, doubt
        return jump

    def _read(self) -> tuple[datetime, float, timedelta]:
        """Both clocks, and how much time passed between the looks at them."""
        before = self._clock.monotonic()
        wall = self._clock.now()
        return wall, before, timedelta(seconds=self._clock.monotonic() - before)


class StopFlag:
    """Set once, by a signal handler or a test; everybody who sleeps on it wakes.

    ``reason`` is what asked for it ("SIGTERM"), for people.
    """

    def __init__(self) -> None:
        self._set = False
        # Taken until we are asked to stop. No `threading.Event`: whoever sets one holds its lock,
        # and a second signal that is handled meanwhile would wait for that lock without end.
        self._gate = threading.Lock()
        self._gate.acquire()
        self.reason = ""

    def set(self, reason: str) -> None:
        """Ask every model's run to stop. The first reason stays. Also from a signal handler."""
        self.reason = self.reason or reason
        self._set = True
        self._open()

    def _open(self) -> None:
        with suppress(RuntimeError):  # it is open already
            self._gate.release()

    @property
    def is_set(self) -> bool:
        """Whether we were asked to stop."""
        return self._set

    def check(self) -> None:
        """Raise ``Interrupted`` if we were asked to stop."""
        if self._set:
            raise Interrupted(f"interrupted by {self.reason or 'the caller'}")

    def wait(self, seconds: float) -> None:
        """Wait, at most until we are asked to stop."""
        # Whoever comes through lets the next one through.
        if self._gate.acquire(timeout=max(seconds, 0.0)):
            self._open()

    @contextmanager
    def set_by_ctrl_c(self) -> Iterator[None]:
        """Within the block, Ctrl-C that nobody handles stops what other threads do for it, too."""
        try:
            yield
        except KeyboardInterrupt:
            self.set("Ctrl-C")
            raise


class SystemClock:
    """Real time. ``sleep`` raises ``Interrupted`` as soon as ``stop`` is set."""

    def __init__(self, stop: StopFlag | None = None) -> None:
        self._stop = stop or StopFlag()

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(tz=UTC)

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds`` of real time."""
        self._stop.check()
        self._stop.wait(max(seconds, 0.0))
        self._stop.check()
