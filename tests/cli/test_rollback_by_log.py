"""`gitops rollback` by what the deploy log knows: nothing bad, and nothing that never served."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from gitops.cli.main import run
from gitops.pipeline.compile import compile_commit
from gitops.record.entry import Entry, Event, Side
from gitops.state.live import Workspace
from gitops.state.names import ModelKey
from gitops.wiring import open_project
from tests.git.logs import log
from tests.repositories import Repository

FILE = "releases/triage.yaml"
TRUSS = "trusses/triage/config.yaml"
PINNED = "version: 1\nmodel: triage\ntruss: trusses/triage\nenvironments:\n  production:\n"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HERE = Workspace(name="acme", host="api.baseten.co", api_url="https://api.baseten.co")


@dataclass
class Life:
    """What was merged, and what became of it in production."""

    repository: Repository
    capsys: pytest.CaptureFixture[str]
    versions: dict[str, tuple[str, str]] = field(default_factory=dict)
    minute: int = 0

    def merge(self, name: str, *, pin: str = "HEAD") -> None:
        """A version of the truss, and the release file with it."""
        files = {
            TRUSS: f"model_name: m\ndescription: {name}\n",
            FILE: f"{PINNED}    commit: {pin}\n",
        }
        commit = self.repository.commit(files, f"Answer in {name}")
        project = open_project(self.repository.path, dict(os.environ))
        [model] = compile_commit(project.repository, commit).models
        artifact = model.environments[0].artifact
        assert artifact is not None
        self.versions.setdefault(name, (artifact.digest, commit))

    def said(self, event: Event, name: str, before: str | None = None) -> None:
        """An entry about a version in production, a minute after the last."""
        self.minute += 1
        entry = Entry(
            at=START + timedelta(minutes=self.minute),
            event=event,
            environment="production",
            from_=self.side(before),
            to=self.side(name),
            model="triage",
        )
        log(self.repository.path, None, workspace=HERE).append(ModelKey(None, "triage"), entry)

    def side(self, name: str | None) -> Side | None:
        if name is None:
            return None
        digest, commit = self.versions[name]
        return Side(deployment_id=f"id-{name}", digest=digest, commit=commit)

    def rollback(self, *arguments: str) -> tuple[int, str, str]:
        code = run(
            ["-C", str(self.repository.path), "rollback", "triage", "production", *arguments]
        )
        out, err = self.capsys.readouterr()
        return code, out, err

    def made(self, out: str) -> str:
        return out.splitlines()[-1].removesuffix(".").rpartition(" ")[2]

    def pin(self, out: str) -> str:
        """What the made branch pins."""
        return (
            self.repository.read(FILE, self.made(out)).decode().partition("commit: ")[2].split()[0]
        )


@pytest.fixture
def life(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Life:
    """v4 was superseded and never built, v6 was rolled back by its run and then reverted."""
    found = Life(repository, capsys)
    found.merge("v3")
    found.said(Event.RELEASED, "v3")
    found.merge("v4")
    found.merge("v5")
    found.said(Event.RELEASED, "v5", "v3")
    found.merge("v6")
    found.said(Event.ROLLED_BACK, "v6", "v5")
    return found


def test_while_its_hold_stands_what_was_rolled_back_is_reverted(life: Life) -> None:
    code, out, err = life.rollback()
    assert code == 0, err
    assert "Reverts" in out
    assert "Passed over" not in out
    assert "deploy log" not in err
    assert life.repository.read(TRUSS, life.made(out)).endswith(b"v5\n")


def test_what_is_bad_and_what_never_served_is_passed_over(life: Life) -> None:
    life.merge("v5")
    code, out, err = life.rollback()
    assert code == 0, err
    assert life.pin(out) == life.versions["v3"][1]
    # It is called by the commit it was built from, and the one of the same files is told once.
    built, again = life.versions["v5"][1][:12], life.repository.git("rev-parse", "HEAD")[:12]
    assert f"goes from commit {built} (the same files as commit {again}) to commit" in out
    message = life.repository.git("log", "-1", "--format=%B", life.made(out))
    for text in (out, message):
        assert "was rolled back there at 2026-11-20 12:03 UTC" in text
        assert f"commit {life.versions['v4'][1][:12]} never served there" in text
    assert "That pins production, which followed the branch" in out
    assert "Reverting this lets production follow the branch again." in message
    assert message.startswith(
        f"Roll triage/production back to commit {life.versions['v3'][1][:12]}"
    )
    assert life.repository.git("diff", "--name-only", "HEAD", life.made(out)) == FILE


def test_after_a_rollback_the_fixed_version_is_one_revert_away(life: Life) -> None:
    life.merge("v5")
    made = life.made(life.rollback()[1])
    life.repository.merge(made)
    life.repository.commit({TRUSS: "model_name: m\ndescription: v7\n"}, "Fix it")
    life.repository.git("revert", "--no-edit", made)
    assert life.repository.read(FILE) == f"{PINNED}    commit: HEAD\n".encode()


def test_a_rollback_is_rolled_back_unless_somebody_held_what_it_left(life: Life) -> None:
    life.merge("v5")
    life.repository.merge(life.made(life.rollback()[1]))
    life.said(Event.RELEASED, "v3", "v5")
    code, out, err = life.rollback()
    assert code == 0, err
    assert "Reverts" in out
    assert life.repository.read(FILE, life.made(out)) == f"{PINNED}    commit: HEAD\n".encode()
    life.said(Event.HELD, "v3", "v5")
    code, out, err = life.rollback()
    assert (code, out) == (4, "")
    assert "nothing that was asked for in triage/production before is known to be good" in err
    assert "was rolled back there" in err
    assert "never served there" in err


def test_what_is_held_is_gone_back_to_where_somebody_names_it(life: Life) -> None:
    life.merge("v5")
    code, out, err = life.rollback("--to", life.versions["v6"][1])
    assert code == 0, err
    assert life.pin(out) == life.versions["v6"][1]
    assert "was rolled back there at 2026-11-20 12:03 UTC: it is gone back to because --to" in err


MOVED = "trusses/teams/triage/config.yaml"


def moved(life: Life, note: str = "v6") -> str:
    """The truss has moved, and with it the pin: what the commit of the move holds."""
    files = {TRUSS: None, MOVED: f"model_name: m\ndescription: {note}\n"}
    pin = life.repository.commit(files, f"Move the truss, with {note}")
    text = f"{PINNED}    commit: {pin}\n  staging:\n    commit: HEAD\n"
    life.repository.commit({FILE: text.replace("trusses/triage", "trusses/teams/triage")}, "Pin it")
    return life.repository.head


@pytest.mark.parametrize("arguments", [(), ("--to", "v3")], ids=["passed over", "named"])
def test_a_version_from_before_its_truss_moved_comes_back_with_its_files(
    life: Life, arguments: tuple[str, ...]
) -> None:
    life.merge("v5")
    head = moved(life)
    digest, commit = life.versions["v3"]
    life.said(Event.HELD, "v3", "v5")
    code, out, err = life.rollback(*(commit if each == "v3" else each for each in arguments))
    assert code == 0, err
    made, pin = life.made(out), life.pin(out)
    assert f"to commit {commit[:12]}" in out
    assert f"not at trusses/teams/triage: {pin[:12]} brings them back there" in out
    assert "Merge the branch with a merge commit" in out
    assert life.repository.id(f"{made}^") == pin
    assert life.repository.id(f"{pin}^") == head
    assert life.repository.read(MOVED, pin).endswith(b"v3\n")
    assert life.repository.git("diff", "--name-only", "HEAD", made) == FILE

    life.repository.merge(made)
    with open_project(life.repository.path, dict(os.environ)).repository as objects:
        [model] = compile_commit(objects, life.repository.head).models
    assert model.environments[0].artifact is not None
    assert model.environments[0].artifact.digest == digest


def test_the_move_itself_is_pinned_where_it_has_the_same_files(life: Life) -> None:
    life.merge("v3")
    files = {TRUSS: None, MOVED: "model_name: m\ndescription: v3\n"}
    same = life.repository.commit(files, "Move the truss")
    text = f"{PINNED}    commit: HEAD\n".replace("trusses/triage", "trusses/teams/triage")
    life.repository.commit({FILE: text, MOVED: "model_name: m\ndescription: v8\n"}, "Answer in v8")
    code, out, err = life.rollback("--to", life.versions["v3"][1])
    assert code == 0, err
    assert life.pin(out) == same
    assert f"Pins commit {same[:12]}, which has the same files at trusses/teams/triage" in out


def test_a_branch_of_an_earlier_try_is_taken_again(life: Life) -> None:
    code, out, _ = life.rollback()
    again, same, err = life.rollback()
    assert (code, again) == (0, 0)
    assert same == out
    assert "is there already, with this change" in err
    life.repository.commit({"README": "work goes on"}, "Words")
    name = out.splitlines()[-1].split(",")[0]
    assert life.rollback()[1].splitlines()[-1].startswith(f"{name}-2, ")


def test_a_log_of_another_environment_says_nothing(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Life(repository, capsys)
    found.merge("v1")
    found.merge("v2")
    code, out, err = found.rollback()
    assert code == 0
    assert "Reverts" in out
    assert "no entry of triage/production" in err


def test_a_broken_log_of_another_model_is_in_nobodys_way(life: Life) -> None:
    life.repository.git("update-ref", "refs/gitops/log/acme%40api%2Ebaseten%2Eco/ml/other", "HEAD")
    life.repository.git("update-ref", "refs/gitops/log/elsewhere/ml/other", "HEAD")
    life.repository.git("update-ref", "refs/gitops/log/no-name", "HEAD")
    code, out, err = life.rollback()
    assert code == 0, err
    assert "Reverts" in out
