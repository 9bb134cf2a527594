"""Signals are heard by who waits for other threads."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from gitops.interruptible import awaited, mapped
from tests.patience import HANGS


@pytest.fixture
def unseen() -> Iterator[Callable[[], bool]]:
    """Sends a signal of which the main thread's waiting is not interrupted, and waits for it.

    As where it comes just before that waiting begins: there it is handled by the main thread, but
    came to another.
    """
    heard = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.set())

    def send() -> bool:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        return heard.wait(HANGS)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    try:
        yield send
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_is_heard_while_one_result_is_waited_for(unseen: Callable[[], bool]) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert awaited(pool.submit(unseen))


def test_a_signal_is_heard_while_several_are_waited_for(unseen: Callable[[], bool]) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert mapped(pool, lambda _: unseen(), range(2)) == [True, True]


def test_results_come_in_order_and_the_first_failure_counts() -> None:
    later_failed = threading.Event()

    def work(item: int) -> int:
        if item == 2:
            later_failed.set()
            raise KeyError(item)
        if item == 1:
            assert later_failed.wait(HANGS)
            raise ValueError(item)
        return item * 10

    with ThreadPoolExecutor(3) as pool:
        assert mapped(pool, work, [3, 0, 4]) == [30, 0, 40]
        with pytest.raises(ValueError, match="1"):
            mapped(pool, work, [0, 1, 2])


def test_what_had_not_begun_when_one_failed_never_does() -> None:
    begun: list[int] = []
    told = threading.Event()

    def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise KeyError(item)
        assert told.wait(HANGS)

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyError):
            mapped(pool, work, range(9))
        told.set()
    assert begun in ([0], [0, 1])
