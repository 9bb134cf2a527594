"""The locks of one run: taken together, renewed while it works, given back when it is done.

A lock counts for its lease alone, so whoever acts under it asks first whether enough of it is left.
A run that was killed needs no tidying up: its leases end. Another machine never has to agree with
our clock: from when we renewed, we count by our own; whether somebody else's lock is renewed, we
see (``gitops.record.lock.standing``).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gitops.apply.ports import Clock, LockStore
from gitops.errors import GitopsError, LeaseEnded, Locked, RemoteUnreachable
from gitops.record.lock import (
    RENEWED_EVERY,
    Holder,
    Lock,
    LockSwap,
    SeenLock,
    released,
    renewed,
)
from gitops.state.names import ModelKey

_AGAIN: Final = 5.0
"""Seconds after which a renewal that could not be made is tried again."""

_LATE: Final = 10.0
"""Seconds after which a renewal that is due is made by whoever comes by."""

_ATTEMPTS: Final = 3


@dataclass(slots=True, kw_only=True)
class _Held:
    """One lock in our hands: the value that stands for it, and until when (monotonic) it counts."""

    id: str | None
    lock: Lock
    until: float
    done: bool = False


@dataclass(slots=True)
class Leases:
    """The locks that a run holds. ``holder`` is the run. Thread-safe."""

    store: LockStore
    clock: Clock
    holder: Holder
    _held: dict[ModelKey, _Held] = field(default_factory=dict)
    _lost: dict[ModelKey, str] = field(default_factory=dict)
    _due: float = math.inf
    _trouble: str = ""
    _bug: BaseException | None = None
    _state: threading.Lock = field(default_factory=threading.Lock)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def hold(self, taken: Mapping[ModelKey, SeenLock], *, since: float) -> None:
        """These locks are ours, by values that count from ``since`` (monotonic)."""
        with self._state:
            for key, seen in taken.items():
                assert seen.lock is not None
                until = since + seen.lock.lease
                self._held[key] = _Held(id=seen.id, lock=seen.lock, until=until)
            self._due = since + RENEWED_EVERY

    def left(self, key: ModelKey) -> float:
        """How many seconds the lock of a model still counts. Raises ``Locked`` if it is lost."""
        with self._state:
            if self._bug is not None:
                raise self._bug
            if key in self._lost:
                raise Locked(self._lost[key], hint=_GOES_ON)
            return self._held[key].until - self.clock.monotonic()

    def permit(self, key: ModelKey, seconds: float) -> None:
        """Make sure that the lock counts for longer than that.

        Raises ``Locked`` where it was lost to somebody, ``LeaseEnded`` where it cannot be renewed.
        """
        if self.left(key) > seconds:
            return
        self.renew()
        left = self.left(key)
        if left <= seconds:
            raise LeaseEnded(
                f"the lock of {key} could not be renewed, and counts for {max(left, 0):.0f} s"
                f" more: {self._trouble or 'the renewal took too long'}",
                hint="nothing more is sent; the next apply continues, or one with --no-log while"
                " the Git host is down",
            )

    def finish(self, key: ModelKey) -> None:
        """Nothing more is done to this model: its lock is given back with the next renewal."""
        with self._state:
            if key in self._held:
                self._held[key].done = True

    def tick(self, *, late: float = 0.0) -> None:
        """Renew, if it is time to since ``late`` seconds; never waits for whoever does it."""
        if self.clock.monotonic() < self._due + late or not self._writing.acquire(blocking=False):
            return
        try:
            self._renew(every=False)
        finally:
            self._writing.release()

    def renew(self) -> None:
        """Renew now, in one push; what is lost and what went wrong is told to who asks next."""
        with self._writing:
            self._renew(every=False)

    def release(self) -> None:
        """Give back all that is still ours. Raises ``RemoteUnreachable``: the leases will end."""
        with self._writing:
            self._trouble = ""
            self._renew(every=True)
            with self._state:
                left = bool(self._held)
                self._due = math.inf
        self.store.end(self.holder.run)
        if self._bug is not None:
            raise self._bug
        if left:
            raise RemoteUnreachable(self._trouble)

    @contextmanager
    def renewed_meanwhile(self) -> Iterator[None]:
        """Renew in a thread of its own while the block works; then give everything back."""
        stop = threading.Event()

        def keep() -> None:
            while not stop.wait(_AGAIN):
                try:
                    self.tick()
                except Exception as bug:  # noqa: BLE001 - raised where somebody can say it
                    self._bug = bug
                    return

        thread = threading.Thread(target=keep, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _renew(self, *, every: bool) -> None:
        """One push for all locks: those that go on, and those that are done (``every``: all)."""
        for _ in range(_ATTEMPTS):
            begun, now = self.clock.monotonic(), self.clock.now()
            with self._state:
                swaps = {
                    key: LockSwap(
                        seen=held.id,
                        lock=(released if every or held.done else renewed)(held.lock, now=now),
                    )
                    for key, held in self._held.items()
                }
            try:
                swapped = self.store.swap(swaps)
                if not swapped.moved:
                    self._took(swaps, swapped.ids, begun)
                    return
                self._look(swapped.moved)
            except GitopsError as error:
                with self._state:
                    self._trouble = error.message
                    self._due = self.clock.monotonic() + _AGAIN
                return

    def _took(
        self, swaps: Mapping[ModelKey, LockSwap], ids: Mapping[ModelKey, str], begun: float
    ) -> None:
        with self._state:
            for key, each in swaps.items():
                if each.lock.holder is None:
                    del self._held[key]
                else:
                    held = self._held[key]
                    held.id, held.lock, held.until = ids[key], each.lock, begun + each.lock.lease
            self._due = begun + RENEWED_EVERY
            self._trouble = ""

    def _look(self, keys: Iterable[ModelKey]) -> None:
        """Somebody wrote these locks: those that are another value now are lost."""
        self.store.fetch()
        seen = self.store.seen(keys)
        with self._state:
            for key, each in seen.items():
                held, holder = self._held[key], each.lock.holder if each.lock is not None else None
                if holder is not None and holder.run == self.holder.run:
                    # A renewal of ours was taken, and its answer lost.
                    held.id = each.id
                elif each.id != held.id:
                    del self._held[key]
                    self._lost[key] = _lost(key, each)


_GOES_ON: Final = "what Baseten is doing goes on; whoever has the lock now continues from there"


def _lost(key: ModelKey, seen: SeenLock) -> str:
    lock = seen.lock
    if lock is not None and lock.holder is not None:
        return f"{key} is locked by another run now: {lock.holder.named}"
    if lock is not None and lock.ended is not None:
        return f"our lock of {key} was {lock.ended.how} by {lock.ended.by or 'somebody'}"
    return f"our lock of {key} was removed"


@dataclass(slots=True)
class Lease:
    """One model's lock, as those see it who act on the model; used by one thread.

    ``anyhow`` is set while a release is rolled back: production comes first where the Git host is
    down, and nobody can have taken a lock from a host that nobody reaches.
    """

    leases: Leases
    key: ModelKey
    anyhow: bool = False

    def check(self) -> None:
        """Raise ``Locked`` if the lock was lost, also while this machine was asleep."""
        if self.leases.left(self.key) <= 0:
            self.leases.renew()
            self.leases.left(self.key)

    def permit(self, seconds: float) -> None:
        """Allow a write that may take so long. Raises ``Locked`` or ``LeaseEnded``."""
        try:
            self.leases.permit(self.key, seconds)
        except LeaseEnded:
            if not self.anyhow:
                raise

    @contextmanager
    def even_if_it_ends(self) -> Iterator[None]:
        """Within the block, a lease that could not be renewed is no obstacle; a lost lock is."""
        self.anyhow = True
        try:
            yield
        finally:
            self.anyhow = False


@dataclass(frozen=True, slots=True)
class LeasedClock:
    """A clock on which whoever waits notices that a lock was lost, and comes by to renew it.

    Fulfils ``gitops.apply.ports.Clock``.
    """

    clock: Clock
    lease: Lease

    def now(self) -> datetime:
        """The time in UTC."""
        return self.clock.now()

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds. Raises ``Locked`` where the lock is lost by then."""
        self.clock.sleep(seconds)
        # The thread that renews may have been asleep with the machine.
        self.lease.leases.tick(late=_LATE)
        self.lease.check()
