"""Runs of the tool, each in a thread of its own, of which one at a time goes on.

Every request, every step of Git and every sleep is a *call* of a run. Between two calls it can be
made to wait for others, to sleep longer than it meant to, or to die: then whatever it calls next
fails, and nothing it would have tidied up reaches anybody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from tests.properties.judge import Violation

if TYPE_CHECKING:
    import random

    from gitops.apply.leases import Leases
    from tests.properties.baseten import Platform

TICK: Final = 5.0
"""Seconds between two looks of the thread that renews a run's locks."""
MOST_CALLS: Final = 4000


class Inline:
    """A pool of threads that has none: what is submitted is done at once."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given))
        except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
            done.set_exception(error)
        return done

    def map(self, work: Callable[..., Any], *given: Iterable[Any]) -> Iterator[Any]:
        return iter([self.submit(work, *each).result() for each in zip(*given, strict=False)])

    def shutdown(self, **_: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class Killed(BaseException):
    """The process is gone."""


@dataclass(eq=False)
class Run:
    """One call of the tool. ``work`` is what it does; ``ended`` is what came of it."""

    turns: Turns
    name: str
    work: Callable[[Run], Any]
    calls: int = 0
    wakes: float = 0.0
    over: bool = False
    dead: bool = False
    ended: Any = None
    broken: BaseException | None = None
    leases: Leases | None = None
    quantum: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _back: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _thread: threading.Thread | None = None

    def point(self) -> None:
        """Between two calls. Raises: Killed."""
        if self.dead:
            raise Killed
        if self.turns.acting is not self:
            return
        self.calls += 1
        if self.calls > MOST_CALLS:
            raise Violation("converges", f"{self.name} goes on and on")
        self.quantum -= 1
        if self.quantum <= 0:
            self._hand_back()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds of the one clock. Raises: Killed."""
        self.point()
        turns = self.turns
        until = turns.platform.now + max(seconds, 0.0)
        if turns.alone:
            turns.pass_until(until, [self])
        else:
            self.wakes = until
            while turns.platform.now < until:
                self._hand_back()

    def _hand_back(self) -> None:
        self._back.release()
        self._go.acquire()
        if self.dead:
            raise Killed

    # From outside of it

    def resume(self, quantum: int) -> None:
        """Let it make at most so many calls; returns when it waits, sleeps, or is over."""
        self.quantum, self.turns.acting = quantum, self
        if self._thread is None:
            self._thread = threading.Thread(target=self._do, name=self.name, daemon=True)
            self._thread.start()
        else:
            self._go.release()
        self._back.acquire()
        self.turns.acting = None
        if self.broken is not None:
            raise self.broken

    def kill(self) -> None:
        """End it where it stands."""
        self.dead, self.leases = True, None
        if self._thread is None:
            self.over = True
        elif not self.over:
            self.resume(1)

    def _do(self) -> None:
        try:
            self.ended = self.work(self)
        except Killed:
            self.ended = None
        except BaseException as broken:  # noqa: BLE001 - raised again where somebody waits for it
            self.broken = broken
        finally:
            self.over, self.leases = True, None
            self._back.release()


@dataclass
class Turns:
    """Whose turn it is."""

    platform: Platform
    acting: Run | None = None
    alone: bool = True

    def go_on(self, runs: Sequence[Run], calls: int, chance: random.Random) -> None:
        """Let these runs make so many calls together, in the order of their clocks."""
        while calls > 0:
            awake = [each for each in runs if not each.over]
            if not awake:
                return
            ready = [each for each in awake if each.wakes <= self.platform.now]
            if not ready:
                self.pass_until(min(each.wakes for each in awake), awake)
                continue
            self.alone = len(awake) == 1
            run = ready[0] if len(ready) == 1 else chance.choice(ready)
            before = run.calls
            run.resume(calls if self.alone else min(calls, chance.choice((1, 1, 2, 3, 8))))
            calls -= max(run.calls - before, 1)

    def pass_until(self, moment: float, awake: Sequence[Run]) -> None:
        """Let time go by; runs that are awake renew their locks meanwhile, as a thread would."""
        acting, self.acting = self.acting, None
        try:
            while (left := moment - self.platform.now) > 0:
                holding = [each.leases for each in awake if each.leases is not None]
                self.platform.pass_time(min(left, TICK) if holding else left)
                for leases in holding:
                    leases.tick()
        finally:
            self.acting = acting
