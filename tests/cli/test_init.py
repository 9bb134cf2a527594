"""`gitops init`: what it writes is valid, is left alone the next time, and asks for little."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gitops.cli.main import run
from tests.repositories import Repository

if TYPE_CHECKING:
    import pytest

WORKFLOWS = ("gitops-apply", "gitops-drift", "gitops-plan", "gitops-rollback")
TRUSS = {
    "trusses/triage/config.yaml": "model_name: 'yes: a #model'\nresources: {cpu: '1'}\n",
    "trusses/triage/model/model.py": "class Model: ...\n",
    "other/config.yaml": "colour: blue\n",
}


def tree(repository: Repository) -> dict[str, bytes]:
    return {
        str(path.relative_to(repository.path)): path.read_bytes()
        for path in repository.path.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def read(path: Path) -> dict[str, Any]:
    """A workflow as GitHub reads it: `on` is a word there."""
    workflow: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506
    return workflow


def test_a_first_release_file_that_is_valid(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    commit = repository.commit(TRUSS, 'Answer "politely" # now')
    assert run(["-C", str(repository.path), "init"]) == 0
    assert "wrote releases/model.yaml: what each environment of yes: a #model" in (
        capsys.readouterr().out
    )
    [release] = (repository.path / "releases").iterdir()
    written = yaml.safe_load(release.read_text())
    assert (written["model"], written["truss"]) == ("yes: a #model", "trusses/triage")
    assert written["environments"]["production"]["commit"] == commit
    assert run(["-C", str(repository.path), "validate"]) == 0
    assert "Valid: 1 release file" in capsys.readouterr().out


def test_nothing_is_overwritten(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    repository.commit({**TRUSS, "gitops.yaml": "version: 1\nreleases: live\n"}, "Begin")
    for _ in range(2):
        assert run(["-C", str(repository.path), "init", "--ci", "github"]) == 0
        before = tree(repository)
    assert tree(repository) == before
    assert before["gitops.yaml"] == b"version: 1\nreleases: live\n"
    assert "live/model.yaml" in before
    out = capsys.readouterr().out
    assert "kept  gitops.yaml" in out
    assert "The release files in live/ are left as they are." in out


def test_an_empty_repository_and_a_bare_one(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["-C", str(repository.path), "init", "--ci", "gitlab"]) == 0
    assert "no committed truss here yet" in capsys.readouterr().out
    assert sorted(tree(repository)) == [".gitlab/gitops.yml", "gitops.yaml"]
    assert b"@" not in tree(repository)[".gitlab/gitops.yml"]
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare")], check=True)
    assert run(["-C", str(tmp_path / "bare"), "init"]) == 1
    assert "no working tree" in capsys.readouterr().err


def test_the_workflows_ask_for_little_and_are_found_clean(repository: Repository) -> None:
    branch = 'the "release"'
    assert run(["-C", str(repository.path), "init", "--ci", "github", "--branch", branch]) == 0
    folder = repository.path / ".github" / "workflows"
    assert sorted(path.stem for path in folder.iterdir()) == sorted(WORKFLOWS)
    for path in folder.iterdir():
        workflow = read(path)
        assert workflow["permissions"] == {}
        assert "pull_request_target" not in path.read_text()
        for name, job in workflow["jobs"].items():
            writes = {key for key, value in job["permissions"].items() if value == "write"}
            assert writes == ALLOWED.get((path.stem, name), set()), (path.stem, name)
            with_key = [step for step in job["steps"] if "BASETEN_API_KEY" in step.get("env", {})]
            assert not with_key or "environment" in job
    apply = read(folder / "gitops-apply.yml")
    assert apply["on"]["push"]["branches"] == [branch]
    zizmor = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [zizmor, "--offline", "--persona", "pedantic", "--no-progress", str(repository.path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


ALLOWED = {
    ("gitops-plan", "plan"): {"pull-requests"},
    ("gitops-apply", "apply"): {"contents", "deployments"},
    ("gitops-apply", "apply-by-hand"): {"contents", "deployments"},
    ("gitops-drift", "drift"): {"issues"},
    ("gitops-rollback", "rollback"): {"contents"},
}
"""What each job may write; every other one may write nothing."""
