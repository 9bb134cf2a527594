"""What one clone has of the deploy log and of the lock, over what the remote has of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from gitops.errors import LeaseEnded, Locked, LogMoved, RemoteUnreachable
from gitops.git.waiting import same_entry, still_wanted, with_waiting
from gitops.record.entry import Entry
from gitops.state.names import ModelKey
from tests.exploration.memory import identified

if TYPE_CHECKING:
    from datetime import datetime

    from tests.exploration.runs import Run

LEASE, RENEWED = 60.0, 15.0


class Waiting(NamedTuple):
    """An entry that this clone keeps, with the newest entry that was known then."""

    entry: Entry
    base: str | None


class Log:
    """One clone's deploy log over the remote's chain, as ``gitops.git.deploylog`` keeps it."""

    notices: tuple[str, ...] = ()
    fetched: datetime | None = None

    def __init__(self, run: Run, *, waiting: Iterable[Waiting] = ()) -> None:
        self.run = run
        self.local: tuple[Entry, ...] = ()
        self.waiting = tuple(waiting)
        self.seen: tuple[Any, tuple[Entry, ...]] | None = None

    def _reach(self) -> None:
        if self.run.host_down:
            raise RemoteUnreachable("the Git host does not answer")

    def _remember(self) -> None:
        self.seen = None
        if self.run.plan.same_clone:
            self.run.world.kept = self.waiting

    def fetch(self) -> None:
        def effect() -> None:
            self._reach()
            self.local = self.run.world.chain
            if self.waiting:
                self._push_chain(None)
            self._remember()

        self.run.call("fetch the log", effect, effects=True)

    def entries(self, key: ModelKey) -> tuple[Entry, ...]:
        token = (self.local, self.waiting)
        if self.seen is None or self.seen[0] != token:
            self.seen = (token, with_waiting(self.local, self.waiting)[0])  # type: ignore[arg-type]
        return self.seen[1]

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        made: Entry = self.run.call(
            f"log {entry.event} of {entry.environment}", lambda: self._push(entry), effects=True
        )
        return made

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        def effect() -> Entry:
            base = self.local[-1].id if self.local else None
            try:
                while True:
                    try:
                        return self._push(entry)
                    except LogMoved:
                        self._reach()
                        self.local = self.run.world.chain
                        there = same_entry(self.local, entry)
                        if there is not None:
                            return there
                        if still_wanted(self.local, entry, base) is not None:
                            raise
            except RemoteUnreachable:
                return self._keep(entry)

        made: Entry = self.run.call(
            f"log {entry.event} of {entry.environment}", effect, effects=True
        )
        return made

    def is_kept(self, key: ModelKey, entry_id: str) -> bool:
        return any(each.entry.id == entry_id for each in self.waiting)

    def _push(self, entry: Entry) -> Entry:
        self._reach()
        self._push_chain(entry)
        return self.local[-1]

    def _push_chain(self, last: Entry | None) -> None:
        world = self.run.world
        if self.local != world.chain:
            raise LogMoved("another run wrote first")
        chain = self.local
        renamed: dict[str, str] = {}
        for each in self.waiting:
            entry = replace(
                each.entry, intent=renamed.get(each.entry.intent or "", each.entry.intent)
            )
            if still_wanted(chain, entry, each.base, renamed.values()) is None:
                made = identified(entry, chain[-1].id if chain else None)
                renamed[each.entry.id] = made.id
                chain = (*chain, made)
        if last is not None:
            chain = (*chain, identified(last, chain[-1].id if chain else None))
        for entry in chain[len(self.local) :]:
            self.run.judge.writes_down(self.run, entry)
        if chain != self.local:
            world.chain = self.local = chain
            world.tick += 1
        self.waiting = ()
        self._remember()

    def _keep(self, entry: Entry) -> Entry:
        base = self.local[-1].id if self.local else None
        parent = self.waiting[-1].entry.id if self.waiting else base
        made = identified(entry, parent)
        self.run.judge.writes_down(self.run, made)
        self.waiting = (*self.waiting, Waiting(made, base))
        self._remember()
        return made


@dataclass(slots=True)
class Leases:
    """The lock of the one model: lost only to somebody who took it after it had ended."""

    run: Run
    until: float = 0.0
    due: float = 0.0
    lost: bool = False

    def take(self) -> None:
        world = self.run.world
        world.lock, self.until = self.run.number, world.now + LEASE
        world.lock_until, self.due = self.until, world.now + RENEWED
        world.applied = max(world.applied, self.run.index)

    def left(self, key: ModelKey) -> float:
        if self.lost:
            raise Locked("another run has the lock")
        return self.until - self.run.world.now

    def permit(self, key: ModelKey, seconds: float) -> None:
        if self.left(key) > seconds:
            return
        self.renew()
        if self.left(key) <= seconds:
            raise LeaseEnded("the lock could not be renewed")

    def tick(self, *, late: float = 0.0) -> None:
        if self.run.world.now >= self.due + late:
            self.renew()

    def renew(self) -> None:
        world = self.run.world
        if self.run.host_down:
            return
        if world.lock == self.run.number:
            self.until = world.lock_until = world.now + LEASE
            self.due = world.now + RENEWED
        else:
            self.lost = self.run.lost_lock = True

    def finish(self, key: ModelKey) -> None:
        if self.run.world.lock == self.run.number and not self.run.dead:
            self.run.world.lock = None
