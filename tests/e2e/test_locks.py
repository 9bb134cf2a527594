"""Two runs of the command at once, a run that died, and a late one: who has the lock goes first."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.trouble import Process, Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

WIDER = STAGING.replace("max_replica: 2", "max_replica: 3")


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Trouble]:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        assert made.apply().code == 0
        yield made


@dataclass
class Standing:
    """An apply that stands still."""

    made: Trouble
    process: Process

    def ended(self) -> int:
        """Let it go on: its exit code, after all it has to say."""
        self._go_on()
        self.process.communicate(timeout=HANGS)
        return self.process.returncode

    def die(self) -> None:
        """As with `kill -9`."""
        self.process.kill()
        self._go_on()
        self.process.communicate()

    def _go_on(self) -> None:
        self.made.lift()
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def standing_still(made: Trouble, *arguments: str, **environ: str) -> Iterator[Standing]:
    """An apply that has its locks and has not changed anything yet, stopped until the end."""
    # The plan asked for the environments; who does it again has the locks, and is kept waiting
    # until it is stopped.
    made.emulator.fault(kind="latency", method="GET", path="/environments$", skip=1, seconds=60)
    [fault] = made.emulator.emulator.faults.requests
    process = made.start("apply", "--yes", "--format", "json", *arguments, **environ)
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["type"] == "apply_started"
    made.until(lambda: fault.happened == 1, process)
    process.send_signal(signal.SIGSTOP)
    found = Standing(made, process)
    try:
        yield found
    finally:
        if process.poll() is None:
            found.die()


def test_the_second_apply_says_who_has_the_lock_or_waits_its_turn(released: Trouble) -> None:
    released.commit(release(WIDER))
    other = released.clone("other")
    with standing_still(released) as first:
        refused = released.gitops("apply", "--yes", "--format", "json", cwd=other.path)
        assert refused.code == 6, refused.err
        assert refused.writes == []
        assert "another run holds the lock: triage by " in refused.err
        assert [each["exit_code"] for each in refused.events] == [6]
        waiting = released.start("apply", "--yes", cwd=other.path, CI="true")
        assert waiting.stderr is not None
        for line in waiting.stderr:
            if line.startswith("waiting for the lock: triage by "):
                break
        before = len(released.emulator.requests(writes=True))
        assert first.ended() == 0
        _, err = waiting.communicate(timeout=HANGS)
        assert waiting.returncode == 0, err
    # The settings were written once: by the first one.
    written = released.emulator.requests(writes=True)[before:]
    assert [each["method"] for each in written] == ["PATCH"]
    assert released.environment("staging").autoscaling.max_replica == 3


def test_a_person_who_waits_can_give_up(released: Trouble) -> None:
    released.commit(release(WIDER))
    other = released.clone("other")
    with standing_still(released) as first:
        waiting = released.start("apply", "--yes", "--lock-timeout", "10m", cwd=other.path)
        assert waiting.stderr is not None
        for line in waiting.stderr:
            if line.startswith("waiting for the lock"):
                break
        waiting.send_signal(signal.SIGINT)
        waiting.communicate(timeout=HANGS)
        assert waiting.returncode == 130
        assert first.ended() == 0


def test_what_a_killed_run_held_is_taken_by_the_same_ci_run_and_by_its_clone(
    released: Trouble,
) -> None:
    released.commit(release(WIDER))
    job = {"GITHUB_RUN_ID": "7", "GITHUB_JOB": "deploy"}
    with standing_still(released, **job) as first:
        first.die()
    another = released.gitops("apply", "--yes", cwd=released.clone("another").path)
    assert another.code == 6, another.err
    again = released.gitops(
        "apply", "--yes", cwd=released.clone("again").path, **job, GITHUB_RUN_ATTEMPT="2"
    )
    assert again.code == 0, again.err
    assert "triage: its lock was taken back by " in again.err
    with standing_still(released) as second:
        second.die()
    here = released.apply()
    assert here.code == 0, here.err
    assert "triage: its lock was taken over by " in here.err


def test_unlock_names_whom_it_interrupts_and_asks(released: Trouble) -> None:
    nobody = released.gitops("unlock", "triage")
    assert (nobody.code, nobody.out) == (0, "triage is not locked.\n")
    assert nobody.requests == []
    typo = released.gitops("unlock", "tirage")
    assert (typo.code, typo.out) == (1, "")
    assert "no release file has a model 'tirage'; did you mean triage?" in typo.err
    released.commit(release(WIDER))
    other = released.clone("other")
    with standing_still(released) as first:
        asked = released.gitops("unlock", "triage", cwd=other.path)
        assert asked.code == 4
        assert "/triage in " in asked.err
        assert "Test Author" in asked.err
        assert "--yes" in asked.err
        broken = released.gitops("unlock", "triage", "--yes", cwd=other.path)
        assert broken.code == 0, broken.err
        assert broken.out.endswith("/triage.\n")
        # The first run may have a read on its way when it is stopped, and no write.
        assert asked.writes + broken.writes == []
        then = released.gitops("apply", "--yes", cwd=other.path)
        assert then.code == 0, then.err
        first.ended()


def test_a_second_apply_sends_no_write_and_records_nothing(released: Trouble) -> None:
    before = released.entries()
    again = released.apply()
    assert (again.code, again.writes, released.entries()) == (0, [], before)


def test_last_weeks_job_is_late_also_where_nothing_was_to_be_recorded(released: Trouble) -> None:
    last_week = released.work.git("rev-parse", "HEAD")
    newer = released.commit({"notes.md": "nothing that an environment serves\n"})
    assert released.apply().writes == []
    fresh = released.clone("fresh")
    planned = released.gitops("plan", "--rev", last_week, "--format", "json", cwd=fresh.path)
    assert planned.document["models"][0]["environments"][0]["state"] == "superseded"
    late = released.gitops("apply", "--yes", "--rev", last_week, "--format", "json", cwd=fresh.path)
    assert late.code == 0, late.err
    assert late.events[-1]["superseded"] == ["triage/staging"]
    # What a late run saw does not make the newer one late.
    assert released.apply("--rev", newer, "--format", "json").events[-1]["superseded"] == []
    forced = released.apply("--rev", last_week, "--allow-older", "--format", "json")
    assert forced.events[-1]["converged"] == ["triage/staging"]
    again = released.apply("--rev", last_week, "--format", "json")
    assert again.events[-1]["superseded"] == []


def test_without_the_git_host_locks_hold_in_this_clone(released: Trouble, tmp_path: Path) -> None:
    released.commit(release(WIDER))
    (tmp_path / "remote.git").rename(tmp_path / "away")
    with standing_still(released, "--no-log") as first:
        refused = released.apply("--no-log")
        assert refused.code == 6, refused.err
        assert "--no-log: the locks hold in this clone alone" in refused.err
        assert first.ended() == 0
