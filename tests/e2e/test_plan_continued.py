"""An apply of an approved plan whose runner is lost in the watch: the job that is run again."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.trouble import Ended, Trouble, trouble
from tests.echo import release, truss

NOT_WATCHED = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2}
    checks: [smoke]
    watch: {for: 0s}
"""
WATCHED = NOT_WATCHED.replace("for: 0s", "for: 10m, error_rate: 0.05, min_requests: 5")
"""Without traffic it is still watched whenever the runner is lost; with it, bad is soon certain."""
JOB = {"GITHUB_RUN_ID": "7", "GITHUB_JOB": "apply"}
ARGUMENTS = ("apply", "--yes", "--format", "json", "--plan", "../plan.json")


def test_a_run_that_was_killed_in_its_watch_is_judged_by_the_next_of_the_same_plan(
    tmp_path: Path,
) -> None:
    with trouble(tmp_path, truss(), release(NOT_WATCHED)) as made:
        assert made.apply().code == 0
        before = made.serving()
        made.commit(truss("two", "fails_after_requests: 10"), release(WATCHED))
        assert made.gitops("plan", "--out", "../plan.json").code == 0
        made.commit({"README.md": "the merge\n"})
        process = made.start(*ARGUMENTS, **JOB)
        made.until(lambda: made.serving() != before, process)
        process.kill()
        process.communicate()

        elsewhere = made.clone("elsewhere")
        made.commit({"README.md": "another merge\n"})
        elsewhere.git("pull", "-q", "origin", "main")
        other = made.gitops(*ARGUMENTS, cwd=elsewhere.path, **JOB)
        refused(other, "a run began what is not at its end yet")

        made.emulator.emulator.traffic.rate = 40.0
        again = made.gitops(*ARGUMENTS, cwd=made_again(made), **JOB, GITHUB_RUN_ATTEMPT="2")
        assert again.code == 3, again.out + again.err
        assert again.events[-1]["rolled_back"] == ["triage/production"]
        assert made.serving() == before
        assert [each.body["event"] for each in made.log()][-2:] == ["intent", "rolled_back"]
        refused(made.gitops(*ARGUMENTS, cwd=made.folder / "again", **JOB), "held")


def made_again(made: Trouble) -> Path:
    """A fresh checkout of the commit that was applied, as a runner makes it."""
    copy = made.clone("again")
    copy.git("reset", "-q", "--hard", "HEAD~1")
    return copy.path


def refused(ended: Ended, says: str) -> None:
    assert (ended.code, ended.writes) == (4, []), ended.out + ended.err
    assert "the plan does not fit any more" in ended.err
    assert says in ended.err
