"""Whatever happens in whatever order, the properties of ``judge.py`` hold; and they can fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from gitops.apply.executor import Outcome
from gitops.apply.leases import Lease
from tests.properties.appliers import WRONG
from tests.properties.asked import Content
from tests.properties.disk import OnDisk
from tests.properties.machine import BATCH, TO_THE_END, Broken, Ground, run
from tests.properties.stage import on_stage

if TYPE_CHECKING:
    from pathlib import Path

PARTS = 5
ON_DISK = 6
FINDS = 8
"""A number whose sequences soon lose the answer to a push; with others it takes longer."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    made = Ground(tmp_path_factory.mktemp("sequences"))
    yield made
    made.close()


@pytest.fixture
def ground(shared: Ground) -> Ground:
    """Nothing was seen on it yet."""
    shared.wrap, shared.git, shared.sequences, shared.most = None, None, 0, 1 << 62
    shared.counts.clear()
    shared.rests.clear()
    return shared


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_happens_it_converges_or_says_why_not(ground: Ground, part: int) -> None:
    ground.most = BATCH
    run(ground, part, sequences=BATCH)
    assert ground.sequences == BATCH
    for seen in ("kills", "clicks", "faults", "Locked", "rolled_back", "held", "blocked"):
        assert ground.counts[seen], seen


def test_it_does_so_with_real_repositories(ground: Ground) -> None:
    ground.git, ground.most = OnDisk, ON_DISK
    run(ground, 1, sequences=ON_DISK)
    assert ground.sequences == ON_DISK


def test_the_same_number_makes_the_same_sequences(ground: Ground) -> None:
    seen = []
    ground.most = 6
    for _ in range(2):
        ground.sequences = 0
        ground.counts.clear()
        run(ground, 7, sequences=6)
        seen.append((dict(ground.counts), dict(ground.rests)))
        ground.rests.clear()
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_applier_is_found(ground: Ground, name: str) -> None:
    ground.wrap, broken = WRONG[name]
    found = None
    for number in range(FINDS, FINDS + 12):
        try:
            run(ground, number, sequences=30, shorten=False)
        except Broken as caught:
            found = caught.name
            break
    assert found == broken


def asleep_for_long(ground: Ground, folder: Path, calls: int) -> tuple[bool, int, object]:
    """A release whose machine sleeps after so many calls; meanwhile it is taken back in Git.

    Whether the run wrote into the log afterwards, how many writes it sent, and how it ended.
    """
    with on_stage(ground.stage(folder, settled=True)) as stage:
        stage.edit(Content("D", "D"))
        run = stage.begin("one")
        stage.go_on("one", calls=calls)
        stage.edit(Content())
        stage.turns.pass_until(stage.platform.now + 130.0, [])
        stage.begin("two")
        stage.go_on("two", calls=TO_THE_END)
        writes, log = stage.writes, stage.git.state()
        stage.go_on("one", calls=TO_THE_END)
        return stage.git.state() != log, stage.writes - writes, run.ended


@pytest.fixture
def announces_at(ground: Ground, tmp_path: Path) -> int:
    """The call with which such a release looks for the last time before it writes its intent."""
    with on_stage(ground.stage(tmp_path / "first", settled=True)) as stage:
        stage.edit(Content("D", "D"))
        run = stage.begin("one")
        while not stage.counts["intent"]:
            stage.go_on("one", calls=1)
        return run.calls - 2


@pytest.mark.parametrize("earlier", [0, 1, 4, 20])
def test_a_run_that_slept_longer_than_its_lease_leaves_the_log_alone(
    ground: Ground, tmp_path: Path, announces_at: int, earlier: int
) -> None:
    wrote, writes, ended = asleep_for_long(ground, tmp_path / "sleeps", announces_at - earlier)
    assert not wrote
    assert not writes
    assert isinstance(ended, Outcome)
    assert ended.exit_code == 6
    assert "lost the lock" in ended.finished.failures[0].failure.happened


def test_without_a_look_at_its_lease_it_would_announce_what_nobody_wants_any_more(
    ground: Ground, tmp_path: Path, announces_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lease, "check", lambda lease: lease.leases.left(lease.key))
    wrote, _, _ = asleep_for_long(ground, tmp_path / "sleeps", announces_at)
    assert wrote
