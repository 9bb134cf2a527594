"""How good what was read of Baseten still is: when it answered, and whether it owes an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from gitops.apply.ports import Clock
from gitops.errors import BasetenError, Unavailable

_LATE: Final = 5.0
"""So many seconds an answer may take before it is one that does not come."""

_OLD: Final = 15.0
"""For so many seconds what was read is told as what is so."""


class Looks:
    """The looks at one model. ``at`` is when the last one was answered, None: none was."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.at: datetime | None = None
        self._seen = 0.0
        self._asked: float | None = None

    def saw(self) -> None:
        """What is known of the model was read just now."""
        self.at = self._clock.now()
        self._seen = self._clock.monotonic()

    @contextmanager
    def asking(self) -> Iterator[None]:
        """A question to Baseten; unanswered until it, or a later one, is answered."""
        if self._asked is None:
            self._asked = self._clock.monotonic()
        try:
            yield
        except BasetenError as error:
            if not isinstance(error, Unavailable):
                self._asked = None
            raise
        self._asked = None

    @property
    def is_unanswered(self) -> bool:
        """Whether Baseten owes us an answer for so long that what was read is no fact any more."""
        return self._asked is not None and self._clock.monotonic() - self._asked >= _LATE

    @property
    def is_old(self) -> bool:
        """Whether what was read may well be no fact any more, for nobody has looked since."""
        return self.at is not None and self._clock.monotonic() - self._seen >= _OLD
