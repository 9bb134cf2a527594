"""Saying that Baseten does not answer, or not soon, and that it answers again."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

_SOON: Final = 2
"""Attempts after which it is said; what goes well the second time is not worth a line."""

_SLOW: Final = 5.0
"""Seconds after which it is said already of the first one, also while that is under way."""

_AGAIN: Final = 60.0
"""Seconds for which it is not said again, whatever else fails."""


class Silence:
    """One line when Baseten stops to answer, for all requests that meet it, and one at its end.

    ``tell`` hears them. Thread-safe.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._endpoint: str | None = None
        self._since = -math.inf

    def failed(self, endpoint: str, why: str, *, attempt: int, spent: float, now: float) -> None:
        """An attempt failed, and another one follows; ``spent`` seconds so far, at ``now``."""
        if attempt >= _SOON or spent >= _SLOW:
            self._say(endpoint, why, now)

    def waits(self, endpoint: str, why: str, *, spent: float, now: float) -> None:
        """A request is under way for ``spent`` seconds, and not answered at ``now``."""
        if spent >= _SLOW:
            self._say(endpoint, why, now)

    def answered(self, endpoint: str) -> None:
        """A request went well: what fails elsewhere may fail on."""
        if self._endpoint != endpoint:
            return
        with self._lock:
            if self._endpoint != endpoint:
                return
            self._endpoint = None
        self._tell("Baseten answers again")

    def gave_up(self, endpoint: str) -> None:
        """The error is raised: whoever meets it tells what becomes of that."""
        with self._lock:
            if self._endpoint == endpoint:
                self._endpoint = None

    def _say(self, endpoint: str, why: str, now: float) -> None:
        with self._lock:
            if now - self._since < _AGAIN:
                return
            self._endpoint, self._since = endpoint, now
        self._tell(f"waiting for Baseten: {why}")
