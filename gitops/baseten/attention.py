"""Waiting for an answer without being deaf: whoever waits is told of it, and may leave."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

from gitops.errors import Interrupted

T = TypeVar("T")

ATTENTION: Final = 0.5
"""Seconds after which one who waits for an answer looks whether to stop, again and again."""

_SLOW: Final = 3
"""So many looks, and an answer is slow: only such a one is left. What is about to be written down
where somebody was told to stop is written down."""


class Attention:
    """Asks in a thread of its own, so that who waits can leave: a socket cannot be told to.

    ``attend`` is called every now and then while an answer is waited for; what it raises, as
    ``Interrupted``, ends the waiting. None: nobody stops us, and all is asked in the caller's
    thread. Thread-safe.
    """

    def __init__(self, attend: Callable[[], None] | None) -> None:
        self._attend = attend
        self._left = threading.Event()

    def leave(self) -> None:
        """Whoever waits, or comes to wait, raises ``Interrupted``."""
        self._left.set()

    def asked(self, ask: Callable[[], T], waits: Callable[[], None] | None = None) -> T:
        """What ``ask`` gives or raises; it must be something that may be left half done.

        ``waits`` is called every now and then as well.
        """
        if self._attend is None:
            return ask()
        found: list[T] = []
        raised: list[BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                found.append(ask())
            except BaseException as error:  # noqa: BLE001 - raised in the thread that asked
                raised.append(error)
            finally:
                done.set()

        # What was left must not keep the process from ending.
        threading.Thread(target=work, name="asking", daemon=True).start()
        looks = 0
        while not done.wait(ATTENTION):
            looks += 1
            if looks >= _SLOW:
                self._attend()
            if self._left.is_set():
                raise Interrupted("interrupted while Baseten was asked")
            if waits is not None:
                waits()
        if raised:
            raise raised.pop()
        return found.pop()
