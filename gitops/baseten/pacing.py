"""How often each endpoint may be called: Baseten's documented limits, never reached.

A request reaches Baseten between the moment it is granted here and the moment its answer is back.
So in any stretch of time as long as the limit's own, however Baseten places its windows, no more
requests arrive than were granted in that stretch, plus those in flight when it began. Granting at
most ``limit - in flight - margin`` per stretch therefore never draws a 429, except where
somebody else uses the same key at the same time.
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
    """At most ``requests`` in any ``seconds``, by Baseten's documentation."""

    requests: int
    seconds: float
    in_flight: int

    @property
    def granted(self) -> int:
        """How many are granted per stretch: what is left beside those in flight, less one."""
        return self.requests - self.in_flight - 1


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
            yield


class _Gate:
    def __init__(self, limit: Limit) -> None:
        self.slots = threading.BoundedSemaphore(limit.in_flight)
        self._limit = limit
        self._lock = threading.Lock()
        self._granted: deque[float] = deque()

    def reserve(self, now: float) -> float:
        """Grant now and return 0, or the seconds to wait before asking again."""
        with self._lock:
            while self._granted and self._granted[0] <= now - self._limit.seconds:
                self._granted.popleft()
            if len(self._granted) < self._limit.granted:
                self._granted.append(now)
                return 0.0
            # Rounding must not let the wait end a hair too early and spin.
            return max(self._granted[0] + self._limit.seconds - now, 0.001)
