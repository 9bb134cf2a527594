"""The lock of one model as a value: who holds it, how fresh that is, which commit was applied last.

A lock is what one Git ref says (``gitops.git.locks`` keeps it); every change of it is a
compare-and-swap from the value that was seen. Here is only what a value means and what may follow
it. Times are UTC, spans are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal, TypeAlias

from gitops.state.names import ModelKey

LEASE: Final = 60.0
"""How long a lock counts after it was taken or renewed."""
RENEWED_EVERY: Final = 15.0
"""How often its holder renews it."""
CLOCKS_DIFFER: Final = timedelta(minutes=10)
"""No two machines' clocks are further apart than that."""

Ending: TypeAlias = Literal["taken back", "taken over", "unlocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One run that holds locks, or asks for them.

    ``run`` is its own id, ``by`` and ``where`` say who runs it and on which machine or CI page,
    ``commit`` is what it applies, ``since`` when it began. ``ci`` names the CI run and the job in
    it, empty outside of CI; ``attempt`` and ``runner`` tell two processes of one job apart.
    """

    run: str
    by: str = ""
    where: str = ""
    commit: str = ""
    since: datetime
    ci: str = ""
    attempt: str = ""
    runner: str = ""

    def succeeds(self, other: Holder) -> bool:
        """Whether this is the same CI run as another one, which therefore is over.

        A job is started again only after its last attempt, and a runner does one job at a time.
        What runs elsewhere in the same attempt is another part of a matrix, and may be alive.
        """
        if not self.ci or self.ci != other.ci:
            return False
        return self.attempt != other.attempt or self.runner == other.runner

    @property
    def named(self) -> str:
        """Who it is, in words."""
        who = self.by or "somebody"
        at = f" on {self.where}" if self.where else ""
        what = f" with commit {self.commit[:12]}" if self.commit else ""
        return f"{who}{at}, since {_moment(self.since)}{what} (run {self.run[:8]})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A commit that was applied from the deploy branch ``branch``."""

    commit: str
    branch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an earlier hold ended that its holder did not end itself; ``by`` did it, at ``at``."""

    how: Ending
    holder: Holder
    by: str
    at: datetime

    @property
    def named(self) -> str:
        """What happened, in words."""
        who = self.by or "somebody"
        return f"{self.how} by {who} at {_moment(self.at)} from {self.holder.named}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What a lock's ref says. ``holder`` None: it is free.

    ``at`` is when this was written by the holder's clock, ``lease`` how long it counts from then.
    ``applied`` is what was applied last from the deploy branch; it outlives the hold. ``ended`` is
    how the hold before this one ended, where its holder did not do it.
    """

    holder: Holder | None
    at: datetime
    lease: float = LEASE
    applied: Applied | None = None
    ended: Ended | None = None

    @property
    def ends(self) -> datetime:
        """When the lease is over, by the holder's clock."""
        return self.at + timedelta(seconds=self.lease)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLock:
    """A lock as last seen: ``id`` names that value, None: nobody ever locked the model.

    ``alive`` is whether its holder's process runs in this clone, None where that is not known.
    """

    id: str | None
    lock: Lock | None
    alive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedLock:
    """One lock of any workspace, and which ref it is: on ``remote``, None: in this clone.

    ``lock`` None: ``problem`` says why the commit ``id`` cannot be read as one. ``alive`` is as in
    ``SeenLock``.
    """

    workspace: str
    team: str
    model: str
    remote: str | None
    id: str
    lock: Lock | None
    problem: str | None = None
    alive: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockSwap:
    """A lock that is to become ``lock``, if it still is the value that ``seen`` names."""

    seen: str | None
    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """What became of some swaps: all of them were made, or none, because some were in the way.

    ``ids`` name the new values; ``moved`` are the models whose locks were something else by then.
    """

    ids: Mapping[ModelKey, str] = field(default_factory=dict)
    moved: frozenset[ModelKey] = frozenset()


class Standing(Enum):
    """What a lock is to somebody who asks for it."""

    FREE = "free"
    OWN = "own"
    """The claimant's own, or its CI run's: to be taken back."""
    EXPIRED = "expired"
    """Its holder is gone: to be taken over."""
    FADING = "fading"
    """Its lease is over by our clock; whether its holder renews it is seen within a lease."""
    HELD = "held"


def standing(
    lock: Lock | None,
    claimant: Holder,
    *,
    now: datetime,
    unchanged: float,
    alive: bool | None = None,
) -> Standing:
    """What a lock is to a claimant.

    ``unchanged`` is for how long the claimant has seen this very value: a measure that no clock of
    another machine can spoil. ``alive`` is whether the holder's process runs on this machine, None
    where that cannot be known; it outweighs the lease.
    """
    if lock is None or lock.holder is None:
        return Standing.FREE
    holder = lock.holder
    if holder.run == claimant.run:
        return Standing.OWN
    if alive is not None:
        return Standing.HELD if alive else Standing.EXPIRED
    if claimant.succeeds(holder):
        return Standing.OWN
    if unchanged >= lock.lease or now >= lock.ends + CLOCKS_DIFFER:
        return Standing.EXPIRED
    return Standing.HELD if now < lock.ends else Standing.FADING


def claimed(
    lock: Lock | None,
    claimant: Holder,
    standing: Standing,
    *,
    now: datetime,
    applied: Applied | None,
) -> Lock:
    """The lock in the claimant's hands; whom it was taken from stands in it."""
    ended = None
    if lock is not None and lock.holder is not None and lock.holder.run != claimant.run:
        how: Ending = "taken back" if standing is Standing.OWN else "taken over"
        ended = Ended(how=how, holder=lock.holder, by=claimant.by, at=now)
    return Lock(holder=claimant, at=now, applied=applied, ended=ended)


def renewed(lock: Lock, *, now: datetime) -> Lock:
    """The same hold for another lease."""
    return replace(lock, at=now)


def released(lock: Lock, *, now: datetime) -> Lock:
    """Free; the applied commit stays."""
    return replace(lock, holder=None, at=now)


def unlocked(lock: Lock, *, by: str, now: datetime) -> Lock:
    """Taken out of its holder's hands by a person, whose name stays in it."""
    ended = lock.ended
    if lock.holder is not None:
        ended = Ended(how="unlocked", holder=lock.holder, by=by, at=now)
    return replace(lock, holder=None, at=now, ended=ended)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
