"""The exit code of an apply from what each environment adds to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

ORDER: Final = (8, 3, 1, 5, 7, 4, 6)
"""Which code wins: a person is needed, rolled back, failed, rejected, running, blocked, locked."""

STILL_RUNS: Final = 7
INTERRUPTED: Final = 130


def combined(codes: Iterable[int], *, interrupted: bool = False) -> int:
    """The first of ``ORDER`` that occurred, 0 where none did; an interruption outranks them all.

    A code that the order does not name counts as a failure.
    """
    if interrupted:
        return INTERRUPTED
    found = {code if code in ORDER else 1 for code in codes if code}
    return next((code for code in ORDER if code in found), 0)
