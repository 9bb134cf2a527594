"""Waiting for work in other threads so that a signal is heard meanwhile.

Python runs signal handlers between two steps of the main thread. A signal that comes when the main
thread is about to wait, and waits already in all but name, is not seen before that wait is over. So
nobody who may have to hear one waits without an end: a Ctrl-C would be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, Future, wait
from typing import Any, Final, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

_DEAF: Final = 0.2
"""Seconds for which a signal may go unheard."""


def awaited(future: Future[T]) -> T:
    """What the future gives or raises."""
    while not wait([future], timeout=_DEAF).done:
        pass
    return future.result()


def settled(futures: Collection[Future[Any]]) -> None:
    """Wait until all are done, or one has failed."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=_DEAF, return_when=FIRST_EXCEPTION)
        if any(each.exception() is not None for each in done):
            return


def mapped(pool: Executor, work: Callable[[Item], T], items: Iterable[Item]) -> list[T]:
    """What ``work`` gives for each item, side by side and in their order.

    Raises what the first item of those that fail raised; what has not begun by then never does.
    """
    futures = [pool.submit(work, item) for item in items]
    try:
        return [awaited(each) for each in futures]
    finally:
        for each in futures:
            each.cancel()
