"""Taking all of a run's locks at once: waiting for whoever has one, or saying who it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gitops.apply.leases import Leases
from gitops.apply.ports import Clock, LockStore
from gitops.errors import GitopsError, Locked
from gitops.record.lock import (
    LEASE,
    Applied,
    Holder,
    Lock,
    LockSwap,
    SeenLock,
    Standing,
    claimed,
    standing,
)
from gitops.state.names import ModelKey

SHORTEST: Final = 0.5
LONGEST: Final = 5.0
"""Seconds between two looks at a lock that somebody holds."""

Say: TypeAlias = Callable[[str], None]
Applies: TypeAlias = Callable[[Lock | None], Applied | None]
"""What a lock is to name as applied last, given what it is now."""


@dataclass(slots=True, kw_only=True)
class Claim:
    """A run that wants the locks of ``keys``, which it is to hold as ``holder``.

    ``applies`` says what each is to name as applied. ``timeout`` is how many seconds to wait for
    runs that hold one; 0: not at all. ``say`` is told, in sentences, whom we wait for and whose
    lock was taken.
    """

    store: LockStore
    clock: Clock
    holder: Holder
    keys: Sequence[ModelKey]
    applies: Applies
    timeout: float = 0.0
    say: Say
    _since: dict[ModelKey, tuple[str | None, float]] = field(default_factory=dict)
    _told: tuple[str, ...] = ()

    @contextmanager
    def held(self) -> Iterator[Leases]:
        """All of the locks, renewed while the block works and given back after it.

        Raises as ``take`` does.
        """
        leases = self.take()
        with leases.renewed_meanwhile():
            try:
                yield leases
            finally:
                self._release(leases)

    def take(self) -> Leases:
        """All of the locks; whoever does not give them back has them until their leases end.

        Raises ``Locked`` where somebody held one of them for too long, ``RemoteUnreachable`` where
        the remote cannot be asked; nothing is locked then.
        """
        leases = Leases(store=self.store, clock=self.clock, holder=self.holder)
        self.store.begin(self.holder.run)
        try:
            self._take(leases)
        except BaseException:
            self.store.end(self.holder.run)
            raise
        return leases

    def _take(self, leases: Leases) -> None:
        begun = self.clock.monotonic()
        fresh, pause = False, SHORTEST
        while True:
            seen = self.store.seen(self.keys)
            found = {key: self._standing(key, each) for key, each in seen.items()}
            waits = {Standing.HELD, Standing.FADING}
            rivals = {key: seen[key] for key, each in found.items() if each in waits}
            if not rivals and self._swap(leases, seen, found):
                return
            if rivals and fresh:
                # A lock that fades is gone or renewed soon: to see which is no waiting for a run.
                fading = Standing.HELD not in found.values()
                patience = max(self.timeout, LEASE + LONGEST) if fading else self.timeout
                left = patience - (self.clock.monotonic() - begun)
                if left <= 0:
                    raise self._locked(rivals)
                self._wait_for(rivals)
                self.clock.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST)
            self.store.fetch()
            fresh = True

    def _standing(self, key: ModelKey, seen: SeenLock) -> Standing:
        now = self.clock.monotonic()
        known, since = self._since.get(key, (None, now))
        if known != seen.id:
            since = now
        self._since[key] = (seen.id, since)
        return standing(
            seen.lock,
            self.holder,
            now=self.clock.now(),
            unchanged=now - since,
            alive=seen.alive,
        )

    def _swap(
        self,
        leases: Leases,
        seen: Mapping[ModelKey, SeenLock],
        found: Mapping[ModelKey, Standing],
    ) -> bool:
        """Take all of them, or none: False."""
        since, now = self.clock.monotonic(), self.clock.now()
        swaps = {
            key: LockSwap(
                seen=each.id,
                lock=claimed(
                    each.lock, self.holder, found[key], now=now, applied=self.applies(each.lock)
                ),
            )
            for key, each in seen.items()
        }
        swapped = self.store.swap(swaps)
        if swapped.moved:
            return False
        leases.hold(
            {key: SeenLock(id=swapped.ids[key], lock=each.lock) for key, each in swaps.items()},
            since=since,
        )
        for key, each in swaps.items():
            if each.lock.ended is not None:
                self.say(f"{key}: its lock was {each.lock.ended.named}")
                if seen[key].alive is False:
                    self.store.end(each.lock.ended.holder.run)
        return True

    def _wait_for(self, rivals: Mapping[ModelKey, SeenLock]) -> None:
        told = _holders(rivals)
        if told != self._told:
            self._told = told
            self.say(f"waiting for the lock: {_some(told)}")

    def _locked(self, rivals: Mapping[ModelKey, SeenLock]) -> Locked:
        waited = f", still after {self.timeout:.0f} s" if self.timeout else ""
        key = next(iter(rivals))
        return Locked(
            f"another run holds the lock{waited}: {_some(_holders(rivals))}",
            hint="wait for it with --lock-timeout 10m; where that takes too long, stop that run,"
            " which gives its lock back; if it is dead, its lock ends a minute after its last sign"
            f" of life, or at once with `gitops unlock {key}`",
        )

    def _release(self, leases: Leases) -> None:
        try:
            leases.release()
        except GitopsError as error:
            self.say(
                "the locks could not be given back; they end by themselves in a minute:"
                f" {error.message}"
            )


def _holders(rivals: Mapping[ModelKey, SeenLock]) -> tuple[str, ...]:
    return tuple(
        f"{key} by {seen.lock.holder.named}"
        for key, seen in rivals.items()
        if seen.lock is not None and seen.lock.holder is not None
    )


def _some(sentences: Sequence[str]) -> str:
    shown = "; ".join(sentences[:3])
    more = len(sentences) - 3
    return f"{shown}; and {more} more" if more > 0 else shown
