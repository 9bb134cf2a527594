from __future__ import annotations

import json
import os
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
    assert (code, json.loads(out)) == (0, {"format_version": "1", "fetched_at": None, "logs": []})


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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("nope",), "has no model nope; it has qwen-3-8b"),
        (("qwen-3-8c",), "has no model qwen-3-8c; did you mean qwen-3-8b?"),
        (
            ("qwen-3-8b", "produktion"),
            "no environment qwen-3-8b/produktion; did you mean production?",
        ),
        (("nope", "--at", "1h", "--format", "json"), "has no model nope"),
    ],
)
def test_a_name_that_nothing_knows_is_wrong_usage(
    repository: Made,
    gitops: Callable[..., tuple[int, str, str]],
    asked: tuple[str, ...],
    said: str,
) -> None:
    repository.commit({"README": "x"})
    log(repository.path, None).append(KEY, entry())
    code, out, err = gitops(*asked)
    assert (code, out) == (1, "")
    assert said in err


def test_what_was_not_released_yet_is_no_wrong_usage(
    repository: Made, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    repository.commit(
        {
            "trusses/new/config.yaml": "model_name: new\n",
            "releases/new.yaml": "version: 1\nmodel: new\ntruss: trusses/new\n"
            "environments:\n  staging: {commit: HEAD}\n",
        }
    )
    said = "The deploy log is empty: nothing of new was released yet.\n"
    assert gitops("new") == (0, said, "")
    log(repository.path, None).append(KEY, entry())
    assert gitops("new", "staging") == (
        0,
        "The deploy log has no model new; it has qwen-3-8b.\n",
        "",
    )
    code, out, err = gitops("new", "--format", "json")
    assert (code, json.loads(out)["logs"]) == (0, [])
    assert "has no model new" in err
    assert gitops("new", "production")[0] == 1


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


@pytest.mark.parametrize(
    ("moment", "utc"),
    [
        ("2026-11-20 13:00 Europe/Berlin", "2026-11-20T12:00:00Z"),
        ("2026-07-20 14:00 Europe/Berlin", "2026-07-20T12:00:00Z"),
        ("2026-11-20 02:00 America/Los_Angeles", "2026-11-20T10:00:00Z"),
        ("2027-01-01T00:30+02:00", "2026-12-31T22:30:00Z"),
        ("2026-03-29 03:00 Europe/Berlin", "2026-03-29T01:00:00Z"),
        ("2026-10-25 03:00 Europe/Berlin", "2026-10-25T02:00:00Z"),
        ("2024-02-29", "2024-02-29T00:00:00Z"),
    ],
)
def test_a_time_may_be_in_any_zone(
    gitops: Callable[..., tuple[int, str, str]], moment: str, utc: str
) -> None:
    code, out, _ = gitops("--at", moment)
    assert (code, out.splitlines()[0]) == (0, f"At {utc}")


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2026-10-25 02:30 Europe/Berlin", "was there twice in Europe/Berlin"),
        ("2026-03-29 02:30 Europe/Berlin", "was skipped when the clocks changed"),
        ("2026-03-29 02:30 Europe/Nowhere", "is no time zone that this machine knows"),
        ("2026-03-29 02:30 ../../etc/passwd", "is no time zone that this machine knows"),
        ("2026-03-29T02:30+01:00 Europe/Berlin", "is not a time"),
        ("2026-02-29", "is not a time"),
        ("0001-01-01T00:00+14:00", "is not a time"),
        ("9999-12-31 23:00 America/Los_Angeles", "is not a time"),
        ("999999999999d", "is not a time"),
        ("", "is not a time"),
    ],
)
def test_a_time_that_was_none_is_told(
    gitops: Callable[..., tuple[int, str, str]], moment: str, said: str
) -> None:
    code, out, err = gitops("--at", moment)
    assert (code, out) == (1, "")
    assert said in err


def test_a_while_ago(repository: Made, gitops: Callable[..., tuple[int, str, str]]) -> None:
    log(repository.path, None).append(KEY, entry())
    code, _, err = gitops("--at", "1h")
    assert (code, err) == (0, "")
    assert "ml/qwen-3-8b" in gitops("--at", "2999-01-01")[1]
    both = gitops("--at", "1h", "-n", "1")
    assert both[0] == 1
    assert "exclude each other" in both[2]


def test_a_clone_says_how_old_what_it_knows_is(
    repository: Made, tmp_path: Path, gitops: Callable[..., tuple[int, str, str]]
) -> None:
    repository.commit({"README": "x"})
    assert gitops()[2] == "", "no remote could know more"
    remote = repository.publish(tmp_path / "remote.git")
    other = log(remote.clone(tmp_path / "other").path)
    other.append(KEY, entry())
    other.append(ModelKey(team="ml", name="other"), entry(Event.ADOPTED, 1))
    code, out, err = gitops()
    assert (code, out) == (0, "The deploy log is empty.\n")
    assert "has not asked the remote for the deploy log yet" in err

    assert gitops("--fetch")[2] == "Fetched 2 new entries of 2 models.\n"
    other.append(KEY, entry(Event.ADOPTED, 2))
    assert gitops("--fetch")[2] == "Fetched 1 new entry of 1 model.\n"
    assert gitops("--fetch")[2] == "The remote has no new entries.\n"
    assert gitops()[2] == "", "just now"

    stamp = repository.path / ".git" / "gitops" / "fetched" / "origin"
    os.utime(stamp, (1_700_000_000, 1_700_000_000))
    assert "as of 2023-11-14T22:13:20Z, " in gitops()[2]
    assert "before that time" in gitops("--at", "2025-01-01")[2]
    assert "before that time" not in gitops("--at", "2023-01-01")[2]
    known = json.loads(gitops("--format", "json")[1])
    assert known["fetched_at"] == "2023-11-14T22:13:20Z"
    log(repository.path).fetch()
    assert gitops()[2] == "", "a plan or an apply has asked"
    stamp.unlink()
    assert "is not known" in gitops()[2]


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
