"""How often each endpoint may be called: Baseten's documented limits, never reached.

A request reaches Baseten between the moment it is granted here and the moment its answer is back.
So it counts from the first of these until a whole stretch, as long as the limit's own, after the
second. Whichever moment it arrived at and however Baseten places its windows, a stretch then holds
no more requests than were counted when the last of them was granted, and a 429 is never drawn,
except where somebody else uses the same key at the same time. The whole rate is used but for the
time that requests are under way.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol


class Clock(Protocol):
    """What waiting needs; the drivers' clock fulfils it."""

    def monotonic(self) -> float:
        """Seconds that never jump."""

    def sleep(self, seconds: float) -> None:
        """Wait; may raise ``Interrupted``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most ``requests`` in any ``seconds``, by Baseten's documentation.

    ``in_flight`` is how many are under way at once.
    """

    requests: int
    seconds: float
    in_flight: int

    @property
    def counted_for(self) -> float:
        """Seconds that a request counts after its answer: a little longer, since clocks differ."""
        return self.seconds * 1.01


EVERYTHING_ELSE: Final = Limit(requests=100, seconds=1.0, in_flight=12)
_LIMITS: Final = (
    # Environments are not in Baseten's table; they start and stop the same deployments.
    (
        re.compile(r"^POST /v1/models/\{\}/(deployments|environments)/\{\}/(de)?activate$"),
        Limit(requests=20, seconds=60.0, in_flight=2),
    ),
    (
        re.compile(r"^POST /v1/models/\{\}/deployments/\{\}/retry$"),
        Limit(requests=10, seconds=60.0, in_flight=1),
    ),
    (
        re.compile(r"^POST /v1/models/\{\}/(deployments|environments)/\{\}/logs$"),
        Limit(requests=30, seconds=1.0, in_flight=4),
    ),
)


def limit_of(endpoint: str) -> Limit:
    """The limit of an endpoint, written ``METHOD /path/with/{}/for/ids``."""
    return next((limit for form, limit in _LIMITS if form.match(endpoint)), EVERYTHING_ELSE)


class Pacing:
    """Grants requests, per endpoint; one for all threads that share a key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._gates: dict[str, _Gate] = {}

    @contextmanager
    def turn(self, endpoint: str) -> Iterator[None]:
        """Wait for a turn, and hold it while the request is under way."""
        with self._lock:
            gate = self._gates.setdefault(endpoint, _Gate(limit_of(endpoint)))
        with gate.slots:
            while (wait := gate.reserve(self._clock.monotonic())) > 0:
                self._clock.sleep(wait)
            try:
                yield
            finally:
                gate.answered(self._clock.monotonic())


class _Gate:
    def __init__(self, limit: Limit) -> None:
        self.slots = threading.BoundedSemaphore(limit.in_flight)
        self._limit = limit
        self._lock = threading.Lock()
        self._under_way = 0
        self._answered: deque[float] = deque()

    def reserve(self, now: float) -> float:
        """Grant now and return 0, or the seconds to wait before asking again."""
        with self._lock:
            while self._answered and self._answered[0] <= now - self._limit.counted_for:
                self._answered.popleft()
            if self._under_way + len(self._answered) < self._limit.requests:
                self._under_way += 1
                return 0.0
            # Fewer are under way than may count, so some are answered; rounding must not let the
            # wait end a hair too early and spin.
            return max(self._answered[0] + self._limit.counted_for - now, 0.001)

    def answered(self, now: float) -> None:
        """A request that was granted is over, whatever came of it."""
        with self._lock:
            self._under_way -= 1
            self._answered.append(now)
