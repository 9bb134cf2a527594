from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitops.cli.main import run
from gitops.record.entry import Event
from gitops.state.live import Workspace
from gitops.state.names import ModelKey
from tests.git.logs import KEY, entry, log
from tests.repositories import Repository as Made

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def gitops(
    repository: Made, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["-C", str(repository.path), "log", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_an_empty_log_ends_well(gitops: Callable[..., tuple[int, str, str]]) -> None:
    assert gitops() == (0, "The deploy log is empty.\n", "")
    code, out, _ = gitops("--format", "json")
    assert (code, json.loads(out)) == (0, {"format_version": "1", "logs": []})


def test_models_and_environments_are_picked(
    repository: Made, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    deploy_log = log(repository.path, None)
    deploy_log.append(KEY, entry())
    deploy_log.append(KEY, entry(Event.ADOPTED, 1, environment="staging"))
    deploy_log.append(ModelKey(team="search", name="qwen-3-8b"), entry(Event.ADOPTED, 2))
    deploy_log.append(ModelKey(team=None, name="other"), entry(Event.ADOPTED, 3))

    def models(*arguments: str) -> list[str]:
        code, out, _ = gitops(*arguments)
        assert code == 0
        return [line for line in out.splitlines() if line and not line.startswith(" ")]

    assert models() == ["ml/other", "ml/qwen-3-8b", "search/qwen-3-8b"]
    assert models("qwen-3-8b") == ["ml/qwen-3-8b", "search/qwen-3-8b"]
    assert models("search/qwen-3-8b") == ["search/qwen-3-8b"]
    assert models("qwen-3-8b", "staging") == ["ml/qwen-3-8b"]
    assert models("nope") == ["The deploy log has no model nope; it has other and qwen-3-8b"]
    assert models("qwen-3-8c") == ["The deploy log has no model qwen-3-8c; did you mean qwen-3-8b?"]
    assert models("qwen-3-8b", "produktion") == [
        "The deploy log has no environment qwen-3-8b/produktion; did you mean production?"
    ]
    code, out, err = gitops("nope", "--format", "json")
    assert (code, json.loads(out)["logs"]) == (0, [])
    assert "has no model nope" in err


def test_workspaces_are_named_where_there_are_several(
    repository: Made, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    emulator = Workspace(name=None, host="127.0.0.1:4000", api_url="http://127.0.0.1:4000")
    log(repository.path, None).append(KEY, entry())
    log(repository.path, None, workspace=emulator).append(KEY, entry())
    _, out, _ = gitops()
    assert "ml/qwen-3-8b in workspace acme@api.baseten.co" in out
    assert "ml/qwen-3-8b in workspace 127.0.0.1:4000" in out


def test_what_served_at_a_time(
    repository: Made, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    log(repository.path, None).append(KEY, entry())
    for moment in ("2026-11-20T12:00Z", "2026-11-20T12:00", "2026-11-20T13:00+01:00"):
        code, out, _ = gitops("--at", moment)
        assert code == 0
        assert "At 2026-11-20T12:00:00Z" in out
        assert "production: commit 222222222222" in out
    code, out, _ = gitops("--at", "2026-11-20", "--format", "json")
    assert json.loads(out)["logs"][0]["environments"] == []
    code, out, err = gitops("--at", "yesterday\x1b[31m")
    assert (code, out) == (1, "")
    assert "is not a time" in err
    assert "\x1b" not in err


def test_nothing_is_asked_of_the_remote_until_told_to(
    repository: Made, tmp_path: Path, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    repository.commit({"README": "x", "gitops.yaml": "version: 1\nremote: upstream\n"})
    remote = repository.publish(tmp_path / "remote.git", remote="upstream")
    other = remote.clone(tmp_path / "other")
    log(other.path).append(KEY, entry())
    assert gitops()[1] == "The deploy log is empty.\n"
    assert "ml/qwen-3-8b" in gitops("--fetch")[1]
    remote.path.rename(tmp_path / "gone.git")
    assert "ml/qwen-3-8b" in gitops()[1]
    code, out, err = gitops("--fetch")
    assert (code, out) == (1, "")
    assert "upstream cannot be fetched from" in err


def test_fetching_without_a_remote_is_refused(gitops: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = gitops("--fetch")
    assert (code, out) == (1, "")
    assert "no Git remote" in err


def test_what_is_kept_is_shown(
    repository: Made, tmp_path: Path, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    repository.commit({"README": "x"})
    repository.publish(tmp_path / "remote.git")
    log(repository.path, reach_remote=False).append(KEY, entry())
    assert "kept in this clone, not on the remote yet" in gitops()[1]


def test_a_foreign_ref_is_named(
    repository: Made, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    repository.commit({"README": "x"})
    repository.git("update-ref", "refs/gitops/log/a/b", "HEAD")
    code, out, err = gitops()
    assert (code, out) == (1, "")
    assert "refs/gitops/log/a/b is no name of a deploy log" in err


def test_outside_of_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none").mkdir()
    assert run(["-C", str(tmp_path / "none"), "log"]) == 1
    assert "no Git repository" in capsys.readouterr().err
