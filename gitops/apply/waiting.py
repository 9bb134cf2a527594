"""Looking again and again until something is so, with growing pauses and a limit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from gitops.apply.clock import Jumps
from gitops.apply.pace import Pace
from gitops.apply.ports import Clock

if TYPE_CHECKING:
    from gitops.apply.job import Job

Found = TypeVar("Found")

ASKED: Final = 3
"""How often something is asked for in all that may be asked for again, where every answer is lost
and nothing is to be seen of it."""

STILL: Final = 60.0
"""Seconds after which it is told again how far something is that has not moved."""


class Told:
    """What was told last of something that is waited for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[object, ...] | None = None
        self._at = 0.0

    def is_news(self, *now: object) -> bool:
        """Whether to tell it: it has changed, or nothing was told for a minute."""
        moment = self._clock.monotonic()
        if now == self._last and moment - self._at < STILL:
            return False
        self._last, self._at = now, moment
        return True


def jumped(job: Job) -> timedelta:
    """By how much wall-clock time was set since this was asked last; it is told.

    What the run remembers of the promotion moves along.
    """
    if job.jumps is None:
        job.jumps = Jumps(job.ports.clock)
    jump = job.jumps.taken()
    if jump:
        job.promoted = job.promoted + jump if job.promoted is not None else None
        job.moved = job.moved + jump if job.moved is not None else None
        ahead = "ahead" if jump > timedelta(0) else "back"
        seconds = abs(jump.total_seconds())
        job.progress(f"this machine's clock was set {ahead} by {seconds:.0f} s meanwhile")
    return jump


def until(job: Job, look: Callable[[], Found | None], *, limit: float) -> Found | None:
    """``poll`` with a job's own clock and pace."""
    return poll(job.ports.clock, job.run.pace, look, limit=limit)


def poll(
    clock: Clock, pace: Pace, look: Callable[[], Found | None], *, limit: float
) -> Found | None:
    """Call ``look`` until it gives something, at most for ``limit`` seconds; None: it never did.

    It looks at once, and once more when the limit is reached. Raises ``Interrupted`` when we are
    asked to stop.
    """
    begun = clock.monotonic()
    for pause in pace.pauses():
        found = look()
        if found is not None:
            return found
        left = limit - (clock.monotonic() - begun)
        if left <= 0:
            return None
        clock.sleep(min(pause, left))
    raise AssertionError("the pauses never end")
