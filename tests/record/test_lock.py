from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gitops.apply.leases import Lease, Leases
from gitops.apply.locking import Claim
from gitops.errors import LeaseEnded, Locked, RemoteUnreachable
from gitops.record.lock import (
    CLOCKS_DIFFER,
    LEASE,
    Applied,
    Ended,
    Ending,
    Holder,
    Lock,
    LockSwap,
    SeenLock,
    Standing,
    Swapped,
    claimed,
    released,
    standing,
    unlocked,
)
from gitops.record.lock_json import from_json, to_json
from gitops.state.names import ModelKey

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ANN = Holder(run="ann", by="Ann", since=START, ci="github/1/deploy", attempt="1", runner="r1")
BEA = Holder(run="bea", by="Bea", since=START)
KEYS = [ModelKey(None, name) for name in ("one", "two", "three")]
WRITE = 40.0

moments = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001 - the zone is given below
    max_value=datetime(2040, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
holders = st.builds(
    Holder,
    run=st.text(min_size=1, max_size=9),
    by=st.text(max_size=9),
    where=st.text(max_size=9),
    commit=st.text(max_size=9),
    since=moments,
    ci=st.text(max_size=9),
    attempt=st.text(max_size=3),
    runner=st.text(max_size=3),
)
names = st.text(min_size=1, max_size=9)
ways: tuple[Ending, ...] = ("taken back", "taken over", "unlocked")
locks = st.builds(
    Lock,
    holder=st.none() | holders,
    at=moments,
    lease=st.floats(min_value=1, max_value=600),
    applied=st.none() | st.builds(Applied, commit=names, branch=names),
    ended=st.none()
    | st.builds(
        Ended, how=st.sampled_from(ways), holder=holders, by=st.text(max_size=9), at=moments
    ),
)


@given(locks)
def test_a_lock_survives_its_commit(lock: Lock) -> None:
    assert from_json(json.loads(json.dumps(to_json(lock)))) == lock


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": "2"},
        {"at": "yesterday"},
        {"at": "2026-11-20T12:00:00"},
        {"at": None},
        {"lease": "long"},
        {"lease": 0},
        {"lease": 1e9},
        {"holder": {}},
        {"holder": "Ann"},
        {"ended": {"how": "forgotten"}},
    ],
)
def test_what_is_no_lock_is_refused(change: Mapping[str, object]) -> None:
    body = to_json(Lock(holder=ANN, at=START))
    with pytest.raises(ValueError, match=r"."):
        from_json({**body, **change})  # type: ignore[dict-item]


HELD = Lock(holder=ANN, at=START)
OVER = START + timedelta(seconds=LEASE)


@pytest.mark.parametrize(
    ("lock", "now", "unchanged", "alive", "expected"),
    [
        (None, START, 0, None, Standing.FREE),
        (released(HELD, now=START), START, 0, None, Standing.FREE),
        (HELD, START, 0, None, Standing.HELD),
        (HELD, START, 59, None, Standing.HELD),
        (HELD, START - timedelta(days=1), 60, None, Standing.EXPIRED),
        (HELD, OVER - timedelta(seconds=1), 0, None, Standing.HELD),
        (HELD, OVER, 59, None, Standing.FADING),
        (HELD, OVER, 60, None, Standing.EXPIRED),
        (HELD, OVER + CLOCKS_DIFFER, 0, None, Standing.EXPIRED),
        # A process that is seen to live, or not to, outweighs every clock.
        (HELD, OVER + CLOCKS_DIFFER, 999, True, Standing.HELD),
        (HELD, START, 0, False, Standing.EXPIRED),
    ],
)
def test_what_a_lock_is_to_somebody_else(
    lock: Lock | None, now: datetime, unchanged: float, alive: bool | None, expected: Standing
) -> None:
    assert standing(lock, BEA, now=now, unchanged=unchanged, alive=alive) is expected


@pytest.mark.parametrize(
    ("change", "alive", "expected"),
    [
        ({}, None, Standing.OWN),
        ({"run": "again", "attempt": "2", "runner": "r2"}, None, Standing.OWN),
        ({"run": "again"}, None, Standing.OWN),
        ({"run": "again"}, True, Standing.HELD),
        ({"run": "again", "runner": "r2"}, None, Standing.HELD),
        ({"run": "again", "ci": "github/2/deploy"}, None, Standing.HELD),
        ({"run": "again", "ci": ""}, None, Standing.HELD),
    ],
)
def test_what_a_lock_is_to_its_own_ci_run(
    change: Mapping[str, str], alive: bool | None, expected: Standing
) -> None:
    claimant = dataclasses.replace(ANN, **change)
    assert standing(HELD, claimant, now=START, unchanged=0, alive=alive) is expected


def test_whom_it_was_taken_from_stands_in_it() -> None:
    applied = Applied(commit="c" * 40, branch="main")
    taken = claimed(HELD, BEA, Standing.EXPIRED, now=OVER, applied=applied)
    assert taken.ended is not None
    assert taken.ended.named == (
        "taken over by Bea at 2026-11-20 12:01:00 UTC from Ann, since 2026-11-20 12:00:00 UTC"
        " (run ann)"
    )
    assert claimed(None, BEA, Standing.FREE, now=OVER, applied=applied).ended is None
    broken = unlocked(taken, by="Cleo", now=OVER)
    assert (broken.holder, broken.applied) == (None, applied)
    assert broken.ended is not None
    assert (broken.ended.how, broken.ended.holder.run) == ("unlocked", "bea")


# Many runs, each with a clock of its own, that die, are cut off from the store, and lose answers


@dataclass
class World:
    """The true time, and what the one store holds."""

    time: float = 0.0
    refs: dict[ModelKey, tuple[str, Lock]] = field(default_factory=dict)
    written: int = 0
    runs: list[Run] = field(default_factory=list)


@dataclass
class Run:
    """One run: its clock, its look at the store, and how badly it is connected.

    Fulfils the clock's and the store's protocol both. Whenever time passes, every run writes what
    it is permitted to.
    """

    world: World
    name: str
    ahead: float
    reaches: bool = True
    loses_answer: bool = False
    shared: bool = True
    leases: Leases | None = None
    known: dict[ModelKey, tuple[str, Lock]] = field(default_factory=dict)
    keys: list[ModelKey] = field(default_factory=list)
    writing: dict[ModelKey, float] = field(default_factory=dict)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.world.time + self.ahead)

    def monotonic(self) -> float:
        return self.world.time + 1000 * self.ahead

    def sleep(self, seconds: float) -> None:
        self.world.time += seconds
        for each in self.world.runs:
            each.write()

    def write(self) -> None:
        """Send writes to all models whose locks permit it; they arrive until they time out."""
        for key in self.keys if self.leases is not None else ():
            assert self.leases is not None
            with contextlib.suppress(Locked, LeaseEnded):
                Lease(self.leases, key).permit(WRITE)
                self.writing[key] = self.world.time + WRITE
                holder = self.world.refs[key][1].holder
                assert holder is not None
                assert holder.run == self.name
                self.alone(key)

    def alone(self, key: ModelKey) -> None:
        """Nobody else's write may be on its way to a model."""
        assert not [
            each.name
            for each in self.world.runs
            if each is not self and each.writing.get(key, 0.0) > self.world.time
        ]

    def begin(self, run: str) -> None:
        assert run == self.name

    def end(self, run: str) -> None:
        assert run

    def fetch(self) -> None:
        if not self.reaches:
            raise RemoteUnreachable("cut off")
        self.known = dict(self.world.refs)

    def seen(self, keys: Iterable[ModelKey]) -> dict[ModelKey, SeenLock]:
        found = {key: self.known.get(key) for key in keys}
        return {
            key: SeenLock(id=each[0] if each else None, lock=each[1] if each else None)
            for key, each in found.items()
        }

    def swap(self, moves: Mapping[ModelKey, LockSwap]) -> Swapped:
        if not self.reaches:
            raise RemoteUnreachable("cut off")
        moved = frozenset(
            key
            for key, each in moves.items()
            if (self.world.refs[key][0] if key in self.world.refs else None) != each.seen
        )
        if moved:
            return Swapped(moved=moved)
        ids = {}
        for key, each in moves.items():
            self.world.written += 1
            ids[key] = str(self.world.written)
            self.world.refs[key] = (ids[key], each.lock)
        if self.loses_answer:
            self.loses_answer = False
            raise RemoteUnreachable("no answer")
        self.known |= {key: self.world.refs[key] for key in moves}
        return Swapped(ids=ids)


class Locking(RuleBasedStateMachine):
    """Whatever happens, two runs never write at once, and a dead one's lock is free in the end."""

    @initialize()
    def begin(self) -> None:
        self.world = World()

    @rule(
        ahead=st.sampled_from([0.0, 280.0, -280.0]),
        keys=st.lists(st.sampled_from(KEYS), min_size=1, unique=True),
        timeout=st.sampled_from([0.0, 30.0, 300.0]),
    )
    def starts(self, ahead: float, keys: list[ModelKey], timeout: float) -> None:
        run = Run(world=self.world, name=f"run-{len(self.world.runs)}", ahead=ahead, keys=keys)
        run.fetch()
        claim = Claim(
            store=run,
            clock=run,
            holder=Holder(run=run.name, since=run.now()),
            keys=keys,
            applies=lambda _: None,
            timeout=timeout,
            say=lambda _: None,
        )
        self.world.runs.append(run)
        with contextlib.suppress(Locked):
            run.leases = claim.take()
            for key in keys:
                run.alone(key)
            run.write()

    @rule(seconds=st.sampled_from([1.0, 16.0, 45.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.time += seconds
        for run in self.world.runs:
            run.write()

    @rule(data=st.data(), fate=st.sampled_from(["tick", "cut off", "back", "lose", "die", "end"]))
    def something_happens(self, data: st.DataObject, fate: str) -> None:
        alive = [each for each in self.world.runs if each.leases is not None]
        if not alive:
            return
        run = data.draw(st.sampled_from(alive))
        assert run.leases is not None
        match fate:
            case "tick":
                run.leases.tick()
            case "cut off":
                run.reaches = False
            case "back":
                run.reaches = True
            case "lose":
                run.loses_answer = True
            case "die":
                # A write that it has sent may still arrive.
                run.leases = None
            case _ if all(until <= self.world.time for until in run.writing.values()):
                with contextlib.suppress(RemoteUnreachable):
                    run.leases.release()
                run.leases = None

    def teardown(self) -> None:
        # Everybody dies; whoever comes next has all locks within a little more than a lease.
        for run in self.world.runs:
            run.leases = None
        late = Run(world=self.world, name="late", ahead=-280)
        begun = self.world.time
        Claim(
            store=late,
            clock=late,
            holder=Holder(run="late", since=late.now()),
            keys=KEYS,
            applies=lambda _: None,
            timeout=120,
            say=lambda _: None,
        ).take()
        assert self.world.time - begun <= LEASE + 6


TestLocking = Locking.TestCase
