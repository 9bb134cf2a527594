"""`gitops rollback --now`: production goes back at once, and the next merge leaves it there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {{min_replica: 1, max_replica: {most}}}
    checks: [smoke]
    watch: {{for: 0s}}
"""
GOOD, BAD = PRODUCTION.format(most=2), PRODUCTION.format(most=5)


@contextmanager
def released(tmp_path: Path, *more: str) -> Iterator[Trouble]:
    """Production serves the second version, which also got more replicas."""
    with trouble(tmp_path, truss("one"), release(*more, GOOD)) as found:
        assert found.apply().code == 0
        found.commit(truss("two"), release(*more, BAD), message="Ship two")
        assert found.apply().code == 0
        yield found


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Trouble]:
    """Production alone."""
    with released(tmp_path) as found:
        yield found


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Trouble]:
    """Staging has the version too, so production serves a copy of what was promoted."""
    with released(tmp_path, STAGING) as found:
        yield found


def note(made: Trouble) -> str:
    """Which version of the truss serves production."""
    current = made.emulator.world.deployments[made.serving() or ""]
    found: str = current.artifact.config["model_metadata"]["note"]
    return found


def test_another_machine_rolls_back_and_the_next_merge_does_not_bring_it_back(
    made: Trouble,
) -> None:
    colleague = made.clone("colleague")
    bad = made.serving()
    done = made.gitops("rollback", "triage", "production", "--now", cwd=colleague.path)
    assert done.code == 0, done.err
    assert note(made) == "one"
    assert made.environment().autoscaling.max_replica == 2, "settings go back too"
    assert bad in made.emulator.world.deployments, "nothing is deleted"
    assert not [each for each in done.writes if "upload" in each or each.endswith("/deployments")]
    assert [each.split()[0] for each in made.entries()][-2:] == ["Held", "Held"]

    made.commit({"README.md": "work goes on\n"}, message="Words")
    later = made.apply()
    assert later.code == 0, later.err
    assert later.writes == []
    assert note(made) == "one"
    assert "held" in made.gitops("plan").out

    assert f"Rollback: deployment {made.serving()} serves triage/production again" in done.out
    branch = done.out.split("Branch ")[1].split(",")[0]
    assert branch in done.err.split("What to do:")[1], "the third sentence names it"
    again = made.gitops("rollback", "triage", "production", "--now", cwd=colleague.path)
    assert (again.code, again.writes) == (4, [])
    assert f"Merge {branch}" in again.err
    assert colleague.git("branch", "--list", "gitops/*").split() == [branch]

    colleague.git("push", "-q", "origin", f"{branch}:{branch}")
    made.work.git("fetch", "-q", "origin")
    once_more = ("rollback", "triage", "production", "--now", "--branch", "another")
    found = made.gitops(*once_more)
    assert (found.code, found.writes) == (4, [])
    assert f"The remote has {branch} already, with this change" in " ".join(found.err.split())
    assert f"Merge {branch}, which the remote has already" in " ".join(found.err.split())
    assert made.work.refs("refs/heads/another") == {}
    made.work.merge(f"origin/{branch}")
    made.work.git("push", "-q", "origin", "HEAD:main")
    merged = made.apply()
    assert merged.code == 0, merged.err
    assert merged.writes == [], "it serves already"
    assert made.gitops("plan", "--detailed-exitcode").code == 0


def test_killed_between_the_hold_and_the_promotion_the_next_apply_completes_it(
    staged: Trouble,
) -> None:
    made = staged
    made.emulator.fault(kind="latency", method="POST", path="/promote$", seconds=60)
    [fault] = made.emulator.emulator.faults.requests
    process = made.start("rollback", "triage", "production", "--now")
    made.until(lambda: fault.happened == 1, process)
    assert made.entries()[-1].startswith("Held")
    process.kill()
    process.communicate()
    assert note(made) == "two"
    # The killed run's lock counts for this clone alone as long as that run lives.
    assert made.apply().code == 0
    assert note(made) == "one"
    assert made.environment().autoscaling.max_replica == 2, "settings go back too"
    assert [each.split()[0] for each in made.entries()][-2:] == ["Held", "Held"]
    made.lift()


def test_while_the_git_host_is_down(made: Trouble) -> None:
    (made.folder / "remote.git").rename(made.folder / "away.git")
    locked = made.gitops("rollback", "triage", "production", "--now")
    assert locked.code == 1
    assert locked.writes == []
    assert "`gitops rollback triage production --now --no-lock`" in locked.err
    assert locked.err.count("The Git remote origin cannot be") == 1, locked.err
    assert "Please make sure" not in locked.err, "the first line says what is wrong"
    assert note(made) == "two"
    done = made.gitops("rollback", "triage", "production", "--now", "--no-lock")
    assert done.code == 0, done.err
    assert note(made) == "one"
    assert "kept in this clone" in done.err
    planned = made.gitops("plan", "--format", "json")
    assert planned.document["summary"]["held"] == 1, "what this clone keeps counts"
    [model] = planned.document["models"]
    assert not model["environments"][0]["history_known"]
    assert "judged by what this clone knows" in model["notices"][-1]
    assert "history unknown since " in planned.err
    shown = made.gitops("status").out
    assert "it was rolled back by hand" in " ".join(shown.split())
    (made.folder / "away.git").rename(made.folder / "remote.git")
    later = made.apply()
    assert (later.code, later.writes) == (0, []), later.err
    assert later.err.count("2 entries of triage that this clone kept have reached") == 1
    assert [each.split()[0] for each in made.entries()][-2:] == ["Held", "Held"]


def test_what_comes_back_can_be_checked_first(made: Trouble) -> None:
    [(name, text)] = release(BAD).items()
    made.commit({name: text.replace("equals: {text: hello}", "equals: {text: bye}")})
    done = made.gitops("rollback", "triage", "production", "--now", "--check")
    assert (done.code, done.writes) == (5, []), done.err
    assert "does not pass the checks of triage/production" in done.err
    assert note(made) == "two"
    alone = made.gitops("rollback", "triage", "production", "--check")
    assert (alone.code, alone.requests) == (1, [])

    made.commit(truss("three"), message="Ship three, but not yet")
    asked = ("triage", "production", "--now", "--to", made.work.id("HEAD~3"))
    done = made.gitops("rollback", *asked)
    assert done.code == 0, done.err
    assert note(made) == "one", "and nothing else is released"
    assert not [each for each in done.writes if each.endswith("/deployments")]
    assert "triage/production: left for the next apply: " in done.err


def test_nothing_is_changed_where_there_is_nothing_to_go_back_to(made: Trouble) -> None:
    [model] = made.emulator.world.models.values()
    gone = next(each for each in model.deployments.values() if each.id != made.serving())
    assert gone.environment is None
    httpx.delete(
        f"{made.emulator.api_url}/v1/models/{model.id}/deployments/{gone.id}",
        headers={"Authorization": f"Bearer {made.emulator.api_key}"},
        timeout=HANGS,
    ).raise_for_status()
    done = made.gitops("rollback", "triage", "production", "--now")
    assert (done.code, done.writes) == (4, [])
    assert "is not on Baseten any more" in done.err
    assert "the next apply builds it again" in done.err
    assert made.work.git("branch", "--list", "gitops/*") == "", "nothing is left of it"


def test_no_hold_is_recorded_that_nothing_would_be_done_about(made: Trouble) -> None:
    older = made.clone("older")
    made.commit(truss("three"), message="Ship three")
    assert made.apply().code == 0
    entries = made.entries()

    behind = made.gitops("rollback", "triage", "production", "--now", cwd=older.path)
    assert (behind.code, behind.writes) == (4, []), behind.err
    assert "git pull" in behind.err

    older.git("commit", "-q", "--allow-empty", "-m", "Work on something else")
    aside = made.gitops("rollback", "triage", "production", "--now", cwd=older.path)
    assert (aside.code, aside.writes) == (4, []), aside.err
    assert "is not on main of origin, where others release from" in aside.err

    made.commit(release(BAD.replace("commit: HEAD", "commit: HEAD\n    mode: observe")))
    observed = made.gitops("rollback", "triage", "production", "--now")
    assert (observed.code, observed.writes) == (4, []), observed.err
    assert "triage/production is left alone" in observed.err
    assert "nothing is held" in observed.err

    made.commit(release(BAD), truss("four"), message="Ship four, but not yet")
    [model] = made.emulator.world.models.values()
    other = next(each for each in model.deployments if each != made.serving())
    made.emulator.fault(kind="no_capacity")
    httpx.post(
        f"{made.emulator.api_url}/v1/models/{model.id}/environments/production/promote",
        json={"deployment_id": other},
        headers={"Authorization": "Bearer somebody.else-entirely"},
        timeout=HANGS,
    ).raise_for_status()
    moving = made.gitops("rollback", "triage", "production", "--now")
    assert (moving.code, moving.writes) == (4, []), moving.err
    assert "still, while a promotion moves it to deployment " in moving.err
    assert "`gitops cancel triage production` ends that" in moving.err

    assert made.entries() == entries
    assert note(made) == "three"
    assert made.work.git("branch", "--list", "gitops/*") == ""
    assert older.git("branch", "--list", "gitops/*") == ""
