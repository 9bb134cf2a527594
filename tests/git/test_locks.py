from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gitops.apply.leases import Lease, LeasedClock
from gitops.errors import LeaseEnded, Locked, RemoteUnreachable, RepositoryError
from gitops.git.cirun import CiRun, ci_run
from gitops.git.locks import LockBook
from gitops.git.repository import Repository
from gitops.git.running import Runs
from gitops.record.lock import Applied
from gitops.state.names import ModelKey
from tests.git.locking import REF, Hand, Said, claim, store
from tests.git.logs import KEY, WRITER
from tests.repositories import Repository as Made

CI = {"ci": "github/1/deploy", "attempt": "1", "runner": "r1"}


@pytest.fixture
def remote(repository: Made, tmp_path: Path) -> Made:
    repository.commit({"n": "1"})
    return repository.publish(tmp_path / "remote.git")


@pytest.fixture
def here(repository: Made, remote: Made) -> Made:
    assert remote.path.exists()
    return repository


@pytest.fixture
def there(remote: Made, tmp_path: Path) -> Made:
    return remote.clone(tmp_path / "there")


def test_who_comes_second_is_told_who_holds_it(here: Made, there: Made) -> None:
    clock = Hand()
    with (
        claim(store(here.path), clock).held(),
        pytest.raises(
            Locked, match=r"qwen-3-8b by Ann on here, since .* \(run run-one\)"
        ) as caught,
        claim(store(there.path), clock, "run-two").held(),
    ):
        pytest.fail("held twice")
    assert caught.value.exit_code == 6
    assert "gitops unlock qwen-3-8b" in (caught.value.hint or "")
    assert "stop that run" in (caught.value.hint or "")
    with claim(store(there.path), clock, "run-two").held():
        pass


def test_what_was_applied_stays_after_the_hold(here: Made, there: Made) -> None:
    clock = Hand()
    applied = Applied(commit="a" * 40, branch="main")
    with claim(store(here.path), clock, applies=lambda _: applied).held():
        pass
    locks = store(there.path)
    locks.fetch()
    seen = locks.seen([KEY])[KEY]
    assert seen.lock is not None
    assert seen.lock.holder is None
    assert seen.lock.applied == applied


def test_it_waits_says_for_whom_once_and_takes_it_when_it_is_free(here: Made, there: Made) -> None:
    clock, said = Hand(), Said()
    first = claim(store(here.path), clock).take()

    def give_back() -> None:
        if clock.time > 7:
            clock.on_sleep = None
            first.release()

    clock.on_sleep = give_back
    with claim(store(there.path), clock, "run-two", timeout=60, say=said).held():
        assert clock.time > 7
    assert len(said.told) == 1
    assert said.told[0].startswith("waiting for the lock: qwen-3-8b by Ann")


def test_it_waits_no_longer_than_it_was_told(here: Made, there: Made) -> None:
    clock = Hand()
    with claim(store(here.path), clock).held() as leases:
        clock.on_sleep = leases.tick
        with (
            pytest.raises(Locked, match="still after 40 s"),
            claim(store(there.path), clock, "run-two", timeout=40).held(),
        ):
            pytest.fail("held twice")
    assert sum(clock.slept) == pytest.approx(40)


def test_a_run_that_died_elsewhere_is_taken_over_when_its_lease_ends(
    here: Made, there: Made
) -> None:
    clock, said = Hand(), Said()
    claim(store(here.path), clock).take()
    died_at = clock.time
    with claim(store(there.path), clock, "run-two", timeout=600, say=said).held():
        assert 60 <= clock.time - died_at <= 66
    [waiting, taken] = said.told
    assert "waiting for the lock" in waiting
    assert "was taken over by Ann" in taken
    assert "run run-one" in taken


def test_a_lease_that_is_over_by_our_clock_is_looked_at_before_it_is_taken_over(
    here: Made, there: Made
) -> None:
    clock = Hand()
    leases = claim(store(here.path), clock).take()
    ahead = Hand(off=timedelta(minutes=5))

    def meanwhile() -> None:
        clock.time = ahead.time
        leases.tick()

    ahead.on_sleep = meanwhile
    with pytest.raises(Locked), claim(store(there.path), ahead, "run-two").held():
        pytest.fail("a clock that is ahead took a lock whose holder lives")
    # The holder dies: what nobody renews is taken over after a lease, also without a timeout.
    ahead.on_sleep = None
    before = ahead.time
    with claim(store(there.path), ahead, "run-two").held():
        assert 60 <= ahead.time - before <= 66


def test_a_lease_that_was_over_long_ago_needs_no_look(here: Made, there: Made) -> None:
    claim(store(here.path), Hand()).take()
    later = Hand(off=timedelta(hours=1))
    with claim(store(there.path), later, "run-two").held():
        assert later.slept == []


def test_a_clock_that_is_behind_waits_a_lease_and_no_longer(here: Made, there: Made) -> None:
    claim(store(here.path), Hand()).take()
    behind = Hand(off=timedelta(days=-2))
    with claim(store(there.path), behind, "run-two", timeout=600).held():
        assert behind.time <= 66


def test_a_run_that_died_in_this_clone_is_over_at_once(here: Made) -> None:
    clock, locks = Hand(), store(here.path)
    claim(locks, clock).take()
    with pytest.raises(Locked), claim(store(here.path), clock, "run-two").held():
        pytest.fail("the process lives")
    dead = here.path / ".git/gitops/locks/run-one"
    assert dead.exists()
    dead.unlink()
    dead.touch()
    said = Said()
    with claim(store(here.path), clock, "run-two", say=said).held():
        assert clock.slept == []
        assert not dead.exists()
    assert "was taken over" in said.told[0]
    assert not list(dead.parent.iterdir())


@pytest.mark.parametrize("again", [{"attempt": "2", "runner": "r9"}, {}])
def test_the_same_ci_run_takes_its_own_lock_back(
    here: Made, there: Made, again: dict[str, str]
) -> None:
    clock, said = Hand(), Said()
    claim(store(here.path), clock, **CI).take()
    with claim(store(there.path), clock, "run-two", say=said, **{**CI, **again}).held():
        assert clock.slept == []
    assert "was taken back by Ann" in said.told[0]


@pytest.mark.parametrize(
    "other", [{"ci": "github/2/deploy"}, {"runner": "another part of the matrix"}, {"ci": ""}]
)
def test_another_ci_run_does_not(here: Made, there: Made, other: dict[str, str]) -> None:
    clock = Hand()
    claim(store(here.path), clock, **CI).take()
    with (
        pytest.raises(Locked),
        claim(store(there.path), clock, "run-two", **{**CI, **other}).held(),
    ):
        pytest.fail("taken from another run")


def test_renewing_keeps_others_out_for_as_long_as_it_takes(here: Made, there: Made) -> None:
    clock = Hand()
    with claim(store(here.path), clock).held() as leases:
        waiting = Lease(leases, KEY)
        for _ in range(30):
            LeasedClock(clock, waiting).sleep(10)
            waiting.permit(40)
        with pytest.raises(Locked), claim(store(there.path), clock, "run-two").held():
            pytest.fail("held twice")


def test_a_write_needs_more_lease_than_its_timeout(
    here: Made, remote: Made, tmp_path: Path
) -> None:
    clock = Hand()
    with claim(store(here.path), clock).held() as leases:
        lease = Lease(leases, KEY)
        remote.path.rename(tmp_path / "away")
        clock.time += 19
        lease.permit(40)
        clock.time += 2
        with pytest.raises(LeaseEnded, match="counts for 39 s more") as caught:
            lease.permit(40)
        assert caught.value.exit_code == 1
        # On the way back to what served, production comes first.
        with lease.even_if_it_ends():
            lease.permit(40)
        (tmp_path / "away").rename(remote.path)
        lease.permit(40)


def test_a_lock_that_was_taken_from_us_is_noticed_by_whoever_asks(here: Made, there: Made) -> None:
    clock, later = Hand(), Hand(off=timedelta(hours=1))
    with claim(store(here.path), clock).held() as leases:
        lease = Lease(leases, KEY)
        with claim(store(there.path), later, "run-two", by="Bea").held():
            clock.time += 20
            with pytest.raises(Locked, match="locked by another run now: Bea"):
                lease.permit(50)
            with pytest.raises(Locked), lease.even_if_it_ends():
                lease.permit(0)
            with pytest.raises(Locked):
                LeasedClock(clock, lease).sleep(1)
    # Giving back what is not ours leaves it alone.
    locks = store(there.path)
    locks.fetch()
    lock = locks.seen([KEY])[KEY].lock
    assert lock is not None
    assert lock.holder is None
    assert lock.ended is not None
    assert lock.ended.holder.run == "run-one"


def test_one_lost_lock_does_not_cost_the_others(here: Made, there: Made) -> None:
    clock = Hand()
    other = ModelKey("research", "llama")
    with claim(store(here.path), clock, keys=[KEY, other]).held() as leases:
        book = LockBook(Repository.discover(there.path), "origin", WRITER)
        [lock] = book.locks(team=None, model=KEY.name)
        assert book.unlock(lock, now=clock.now())
        clock.time += 20
        leases.tick()
        with pytest.raises(Locked, match="was unlocked by Ann Writer"):
            Lease(leases, KEY).check()
        Lease(leases, other).permit(50)


def test_a_model_that_is_done_is_free_with_the_next_renewal(here: Made, there: Made) -> None:
    clock = Hand()
    other = ModelKey("research", "llama")
    with claim(store(here.path), clock, keys=[KEY, other]).held() as leases:
        leases.finish(KEY)
        clock.time += 20
        leases.tick()
        with claim(store(there.path), clock, "run-two").held():
            pass
        with (
            pytest.raises(Locked, match="research/llama"),
            claim(store(there.path), clock, "run-two", keys=[KEY, other]).held(),
        ):
            pytest.fail("held twice")


def test_five_hundred_locks_are_one_push_and_one_object(
    here: Made, there: Made, remote: Made
) -> None:
    hook = remote.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\nwc -l >> "$GIT_DIR/pushes"\n')
    hook.chmod(0o755)
    clock = Hand()
    keys = [ModelKey(None, f"model-{number}") for number in range(500)]
    with claim(store(here.path), clock, keys=keys).held():
        assert (remote.path / "pushes").read_text().split() == ["500"]
        assert len({remote.id(ref) for ref in remote.refs("refs/gitops/lock/")}) == 1
        with (
            pytest.raises(Locked, match=r"model-0 by Ann.*; and 497 more"),
            claim(store(there.path), clock, "run-two", keys=keys).held(),
        ):
            pytest.fail("held twice")
        with (
            pytest.raises(Locked),
            claim(store(there.path), clock, "run-two", keys=[KEY, keys[7]]).held(),
        ):
            pytest.fail("held half")
        with claim(store(there.path), clock, "run-two", keys=[KEY]).held():
            pass
    assert (remote.path / "pushes").read_text().split()[-1] == "500"


def test_of_fifty_that_want_it_at_once_one_has_it(remote: Made, tmp_path: Path) -> None:
    clones = [remote.clone(tmp_path / f"clone-{number}") for number in range(5)]
    start = threading.Barrier(50)
    end = threading.Barrier(50)

    def contend(number: int) -> bool:
        locks = store(clones[number % 5].path)
        start.wait()
        try:
            with claim(locks, Hand(), f"run-{number}").held():
                end.wait()
                return True
        except Locked:
            end.wait()
            return False

    with ThreadPoolExecutor(50) as pool:
        assert sum(pool.map(contend, range(50))) == 1


def test_a_renewal_leaves_nothing_behind(here: Made, remote: Made) -> None:
    clock = Hand()
    with claim(store(here.path), clock).held() as leases:
        for _ in range(3):
            clock.time += 20
            leases.tick()
    assert remote.git("rev-list", "--count", REF) == "1"


def test_a_remote_that_refuses_says_why_and_nothing_is_locked(here: Made, remote: Made) -> None:
    hook = remote.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no locks here >&2\nexit 1\n")
    hook.chmod(0o755)
    keys = [KEY, ModelKey("research", "llama")]
    with (
        pytest.raises(RemoteUnreachable, match="no locks here"),
        claim(store(here.path), Hand(), keys=keys).held(),
    ):
        pytest.fail("held")
    assert remote.refs("refs/gitops/lock/") == {}
    assert not list((here.path / ".git/gitops/locks").iterdir())


def test_an_answer_that_was_lost_is_looked_up(here: Made, remote: Made) -> None:
    # The remote takes the push and breaks off before it says so.
    hook = remote.path / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nkill -9 $(ps -o ppid= -p $PPID) $PPID\n")
    hook.chmod(0o755)
    with claim(store(here.path), Hand()).held() as leases:
        hook.unlink()
        Lease(leases, KEY).permit(59)


@pytest.mark.parametrize("found_there", ["main", "main^{tree}"])
def test_what_is_no_lock_is_said_and_can_be_unlocked(
    here: Made, remote: Made, found_there: str
) -> None:
    remote.git("update-ref", REF, found_there)
    locks = store(here.path, branch="main")
    locks.fetch()
    with pytest.raises(RepositoryError, match="lock of qwen-3-8b cannot be read") as caught:
        claim(locks, Hand()).take()
    assert "gitops unlock" in (caught.value.hint or "")
    book = LockBook(Repository.discover(here.path), "origin", WRITER)
    [found] = book.locks(team="ml", model=KEY.name)
    assert found.problem
    assert book.unlock(found, now=Hand().now())
    with claim(store(here.path), Hand()).held():
        pass


def test_without_a_remote_the_runs_of_a_clone_lock_each_other_out(repository: Made) -> None:
    repository.commit({"n": "1"})
    clock, later = Hand(), Hand(off=timedelta(days=1))
    with (
        claim(store(repository.path, None), clock).held() as leases,
        pytest.raises(Locked),
        claim(store(repository.path, None), later, "run-two").held(),
    ):
        pytest.fail("however old its lease is, the run lives")
    del leases
    with claim(store(repository.path, None), later, "run-two").held():
        pass


def test_without_a_remote_a_dead_run_is_over_at_once(repository: Made) -> None:
    repository.commit({"n": "1"})
    clock, locks = Hand(), store(repository.path, None)
    claim(locks, clock).take()
    locks.end("run-one")
    with claim(store(repository.path, None), clock, "run-two").held():
        assert clock.slept == []


def test_unlocking_what_moved_meanwhile_fails(here: Made, there: Made) -> None:
    clock = Hand()
    book = LockBook(Repository.discover(there.path), "origin", WRITER)
    with claim(store(here.path), clock).held() as leases:
        [lock] = book.locks(team=None, model=KEY.name)
        clock.time += 20
        leases.tick()
        assert not book.unlock(lock, now=clock.now())


@pytest.mark.parametrize("name", ["../../config", "", ".", "a/b", "x" * 65, "run\n"])
def test_a_run_that_another_machine_named_is_never_a_path(tmp_path: Path, name: str) -> None:
    runs = Runs(tmp_path)
    (tmp_path / "config").write_text("")
    runs.forget(name)
    assert runs.is_alive(name) is None
    assert (tmp_path / "config").exists()


GITHUB = {
    "GITHUB_RUN_ID": "7",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "acme/x",
    "GITHUB_JOB": "deploy",
    "GITHUB_RUN_ATTEMPT": "2",
    "RUNNER_NAME": "Hosted 5",
}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, CiRun()),
        ({"CI": "true"}, CiRun()),
        (
            GITHUB,
            CiRun(id="github/7/https://github.com/acme/x/deploy", attempt="2", runner="Hosted 5"),
        ),
        (
            {"CI_PIPELINE_ID": "9", "CI_JOB_NAME": "deploy 1/2", "CI_JOB_ID": "100"},
            CiRun(id="gitlab/9///deploy 1/2", attempt="100"),
        ),
        (
            {"BUILDKITE_BUILD_ID": "b", "BUILDKITE_STEP_ID": "s", "BUILDKITE_RETRY_COUNT": "1"},
            CiRun(id="buildkite/b/s/", attempt="1"),
        ),
    ],
)
def test_ci_runs_are_known_by_their_variables(environ: dict[str, str], expected: Any) -> None:
    assert ci_run(environ) == expected
