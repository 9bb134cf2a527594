"""A release whose lock is broken, or cannot be renewed, while it is under way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.apply.clock import SystemClock
from gitops.apply.executor import Outcome
from gitops.apply.leases import Leases
from gitops.apply.locking import Claim
from gitops.git.identity import Identity
from gitops.git.locks import LockBook, Locks
from gitops.git.repository import Repository
from gitops.plan.events import ActionProgress, ActionStarted, ApplyEvent, RollbackStarted
from gitops.record.lock import Holder
from tests.apply.stage import KEY, MODEL, Stage, stage
from tests.echo import PRODUCTION, release, truss

ROLLING = """\
    promotion:
      rolling_deploy: true
      rolling_deploy_config: {max_surge_percent: 50, stabilization_time_seconds: 0}
"""
WRITER = Identity(name="tester", email="tester@example.invalid")


class Ahead(SystemClock):
    """Real time, some seconds ahead from a moment on."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, truss(), release(PRODUCTION), traffic=60.0, speed=300.0) as made:
        assert made.apply().exit_code == 0
        yield made


def under_lock(made: Stage, clock: SystemClock, held: list[Leases] | None = None) -> Outcome:
    """Apply, under the model's lock on the remote; ``held`` is given the run's locks."""
    with Repository.discover(made.work.path) as repository, made.baseten() as baseten:
        locks = Locks(
            repository,
            baseten.reader.workspace(),
            "origin",
            team_of=lambda key: key.team or baseten.reader.default_team(),
            writer=WRITER,
        )
        claim = Claim(
            store=locks,
            clock=clock,
            holder=Holder(run="run", by="tester", since=clock.now()),
            keys=[KEY],
            applies=lambda _: None,
            say=lambda _: None,
        )
        with claim.held() as leases:
            if held is not None:
                held.append(leases)
            return made.apply(clock=clock, leases=leases)


def begins(kind: str) -> Callable[[ApplyEvent], bool]:
    return lambda event: isinstance(event, ActionStarted) and event.kind == kind


def unlock(made: Stage, held: list[Leases]) -> None:
    """As ``gitops unlock`` does, and the next renewal meets it."""
    with Repository.discover(made.work.path) as repository:
        book = LockBook(repository, "origin", WRITER)
        [lock] = [each for each in book.locks(team=None, model=MODEL) if each.lock]
        assert book.unlock(lock, now=datetime.now(tz=UTC))
    held[0].renew()


def test_after_its_lock_was_broken_a_run_sends_nothing_more(released: Stage) -> None:
    released.commit(truss("two"))
    before = released.serving("production")
    told = released.told()
    held: list[Leases] = []
    released.once(begins("check"), lambda: unlock(released, held))
    ended = under_lock(released, SystemClock(released.stop), held)
    assert ended.exit_code == 6
    [failure] = ended.finished.failures
    assert "lost the lock of triage" in failure.failure.happened
    assert "unlocked by tester" in failure.failure.happened
    assert not released.writes()[-1].endswith("/promote")
    assert released.told() == told
    assert released.serving("production") == before
    pushed = len(released.pushes())
    assert under_lock(released, SystemClock(released.stop)).exit_code == 0
    assert len(released.pushes()) == pushed


def test_the_traffic_that_moved_before_a_lock_was_broken_is_told(released: Stage) -> None:
    released.commit({**truss("two"), **release(PRODUCTION + ROLLING)})
    released.emulator.fault(kind="promotion_sticks", percent=50)
    held: list[Leases] = []
    released.once(
        lambda event: isinstance(event, ActionProgress) and event.percent == 50,
        lambda: unlock(released, held),
    )
    ended = under_lock(released, SystemClock(released.stop), held)
    assert ended.exit_code == 6
    [failure] = ended.finished.failures
    assert "what was begun goes on at Baseten" in failure.failure.happened
    assert "and 50% of its traffic goes to commit" in failure.failure.serves_now


def test_without_a_renewal_nothing_is_begun(released: Stage, tmp_path: Path) -> None:
    released.commit(truss("two"))
    clock = Ahead(released.stop)

    def cut_off() -> None:
        (tmp_path / "remote.git").rename(tmp_path / "away")
        clock.ahead = 50.0

    before = len(released.writes())
    released.once(begins("push"), cut_off)
    ended = under_lock(released, clock)
    assert ended.exit_code == 1
    assert len(released.writes()) == before
    [failure] = ended.finished.failures
    assert "could not be renewed" in failure.failure.happened
    (tmp_path / "away").rename(tmp_path / "remote.git")
    assert under_lock(released, SystemClock(released.stop)).exit_code == 0


def test_a_bad_release_is_rolled_back_also_when_its_lock_cannot_be_renewed(
    released: Stage, tmp_path: Path
) -> None:
    before = released.serving("production")
    released.commit(truss("two", "fails_after_requests: 2"))
    clock = Ahead(released.stop)
    reached: list[str] = []

    def cut_off() -> None:
        reached.append("rollback")
        (tmp_path / "remote.git").rename(tmp_path / "away")
        clock.ahead = 100.0

    released.once(lambda event: isinstance(event, RollbackStarted), cut_off)
    ended = under_lock(released, clock)
    assert reached
    assert ended.exit_code == 3, ended.finished.failures
    assert released.serving("production").partition(".")[0] == before.partition(".")[0]
    (tmp_path / "away").rename(tmp_path / "remote.git")
    assert released.told()[-1] == "production rolled_back"


def test_a_watch_goes_on_when_the_renewal_fails(released: Stage, tmp_path: Path) -> None:
    released.commit(truss("two"))
    clock = Ahead(released.stop)
    reached: list[str] = []

    def cut_off() -> None:
        reached.append("watch")
        (tmp_path / "remote.git").rename(tmp_path / "away")
        clock.ahead = 100.0

    released.once(begins("watch"), cut_off)
    ended = under_lock(released, clock)
    assert reached
    # It only reads, and what it found is kept for the log.
    assert ended.exit_code == 0, ended.finished.failures
    (tmp_path / "away").rename(tmp_path / "remote.git")
    assert released.told()[-1] == "production released"
