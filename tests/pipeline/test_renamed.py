"""A model that somebody renamed on Baseten, until Git, the deploy log and Baseten agree again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gitops.apply.executor import Outcome
from gitops.cli.main import run
from gitops.errors import Locked
from gitops.pipeline.apply import ApplyRequest, apply
from gitops.pipeline.drift import drift
from gitops.pipeline.plan import PlanRequest, plan
from gitops.pipeline.project import Project, desired_state
from gitops.pipeline.selection import Selection
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan
from gitops.wiring import connect, open_project
from tests.apply.stage import Stage, stage
from tests.echo import STAGING, release, truss
from tests.patience import HANGS

FILE = "releases/triage.yaml"
TWO = STAGING.replace("max_replica: 2", "max_replica: 3")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    """Staging serves the first version; the second failed its checks there, and is held."""
    with stage(tmp_path, truss(), release(STAGING), first_push="none") as found:
        assert found.apply().exit_code == 0
        found.commit(truss("two"), message="Two")
        found.emulator.fault(kind="status", method="POST", path="/predict$", status=500, times=1)
        assert found.apply().exit_code == 5
        yield found


def click(made: Stage, name: str) -> None:
    """Somebody gives the model another name."""
    [model] = made.emulator.world.models.values()
    answer = httpx.patch(
        f"{made.emulator.api_url}/v1/models/{model.id}",
        headers={"Authorization": "Bearer somebody.else-entirely"},
        json={"name": name},
        timeout=HANGS,
    )
    assert answer.is_success, answer.text


def project(made: Stage, path: Path | None = None) -> Project:
    return open_project(path or made.work.path, made.emulator.environ())


def planned(made: Stage, path: Path | None = None) -> Plan:
    return plan(project(made, path), PlanRequest()).plan


def only(document: Plan) -> tuple[ModelPlan, EnvironmentPlan]:
    [model] = document.models
    [environment] = model.environments
    return model, environment


def applied(made: Stage, path: Path | None = None) -> Outcome:
    return apply(
        project(made, path),
        ApplyRequest(),
        emit=lambda _: None,
        approve=lambda _: True,
        stoppable=lambda _: None,
    )


def gitops(made: Stage, *arguments: str) -> int:
    return run(["-C", str(made.work.path), *arguments])


def follow(made: Stage, *environments: str, name: str = "triage-2") -> None:
    """Do what the plan says: write the new name into the release file."""
    [(file, text)] = release(*environments or (STAGING,)).items()
    made.commit({file: text.replace("model: triage\n", f"model: {name}\n")}, message="Rename")


def refs(made: Stage) -> dict[str, str]:
    found = made.work.git("ls-remote", "origin", "refs/gitops/log/*").splitlines()
    return {line.rpartition("/")[2]: line.split()[0] for line in found}


def test_the_remedy_ends_in_a_plan_with_nothing_to_do(made: Stage) -> None:
    click(made, "triage-2")
    _, blocked = only(planned(made))
    assert (blocked.row, blocked.state) == (2, "blocked")
    assert blocked.remedy == "write `model: triage-2` in releases/triage.yaml"
    follow(made)
    before = refs(made)
    document = planned(made)
    model, after = only(document)
    assert (after.row, model.actions, model.notices) == (11, (), ()), "the hold carries over"
    assert document.notices == ()
    sent = len(made.emulator.requests(writes=True))
    assert applied(made).exit_code == 0
    assert len(made.emulator.requests(writes=True)) == sent
    assert refs(made) == before
    assert drift(project(made), Selection()).drift.models[0].drift is None


def test_its_log_goes_on_under_the_new_name(
    made: Stage, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    click(made, "triage-2")
    follow(made)
    old = refs(made)["triage"]
    assert gitops(made, "log", "triage-2") == 0
    out, err = capsys.readouterr()
    assert "release #1" in out
    assert "triage" in err, "says under which name it is"
    follow(made, TWO)
    assert applied(made).exit_code == 0
    now = refs(made)
    assert now["triage"] == old, "the old ref stays"
    chain = made.work.git("rev-list", now["triage-2"]).splitlines()
    assert chain[1] == old, "the new log begins where the old one ends"
    assert only(planned(made))[1].row == 11
    assert gitops(made, "log", "triage-2") == 0
    out = capsys.readouterr().out
    assert "release #1" in out
    assert "renamed" in out
    # Another machine, which has only the remote.
    made.work.git("clone", "-q", str(tmp_path / "remote.git"), str(tmp_path / "there"))
    model, environment = only(planned(made, tmp_path / "there"))
    assert (environment.row, model.actions) == (11, ())
    assert gitops(made, "log", "--at", "0s", "triage-2") == 0
    assert "triage-2" in capsys.readouterr().out
    # Released again after the rename, it is the second release.
    made.commit(truss("three"), message="Three")
    assert applied(made).exit_code == 0
    assert gitops(made, "log", "triage-2") == 0
    assert "release #2" in capsys.readouterr().out


def test_renamed_back_the_log_goes_on_under_the_first_name(made: Stage) -> None:
    click(made, "triage-2")
    follow(made, TWO)
    assert applied(made).exit_code == 0
    tip = refs(made)["triage-2"]
    click(made, "triage")
    assert only(planned(made))[1].remedy == "write `model: triage` in releases/triage.yaml"
    follow(made, TWO, name="triage")
    model, environment = only(planned(made))
    assert (environment.row, model.actions) == (11, ())
    follow(made, STAGING, name="triage")
    assert applied(made).exit_code == 0
    assert made.work.git("rev-parse", f"{refs(made)['triage']}~1") == tip


def test_a_rollback_goes_back_beyond_the_rename(
    made: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    click(made, "triage-2")
    follow(made)
    assert gitops(made, "rollback", "triage-2", "staging") == 0
    out, err = capsys.readouterr()
    assert "goes from" in out
    assert "deploy log" not in err
    commit = out.splitlines()[-1].removesuffix(".").rpartition(" ")[2]
    assert b"note: one" in made.work.read("trusses/triage/config.yaml", commit)


def test_whoever_still_works_under_the_old_name_is_waited_for(made: Stage) -> None:
    opened = project(made)
    desired = desired_state(opened)
    click(made, "triage-2")
    with connect(opened, desired) as outside:
        claim = outside.claim(
            [desired.models[0].key],
            run="another",
            commit=desired.commit,
            timeout=0.0,
            say=lambda _: None,
            applies=lambda _: None,
        )
        with claim.held():
            follow(made, TWO)
            with pytest.raises(Locked):
                applied(made)
    assert applied(made).exit_code == 0
    assert only(planned(made))[0].actions == ()
