"""Repositories, pins, trusses and names with which nothing can be done: said, and nothing sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.golden_files import Golden
from tests.repositories import Repository

VALID = {**truss(), **release(STAGING, PRODUCTION)}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    with trouble(tmp_path_factory.mktemp("input"), VALID) as made:
        yield made


def pinned(commit: str) -> dict[str, str]:
    return release(PRODUCTION.replace("HEAD", commit))


def plain(_: Path) -> Path:
    return _


def no_commit(folder: Path) -> Path:
    return Repository.create(folder / "work").path


def no_config(folder: Path) -> Path:
    lacking = {"trusses/triage/README.md": "nothing to serve\n", **release(STAGING)}
    return Repository.create(folder / "work", lacking).path


def config_is_no_yaml(folder: Path) -> Path:
    broken = {**VALID, "trusses/triage/config.yaml": "resources: [cpu\nname: x\n"}
    return Repository.create(folder / "work", broken).path


def config_is_no_map(folder: Path) -> Path:
    return Repository.create(folder / "work", {**VALID, "trusses/triage/config.yaml": "- a\n"}).path


def pin_is_not_there(folder: Path) -> Path:
    return Repository.create(folder / "work", {**truss(), **pinned("f" * 40)}).path


def pin_is_short(folder: Path) -> Path:
    work = Repository.create(folder / "work", VALID)
    work.commit(pinned(work.head[:9]))
    return work.path


def pin_is_no_ancestor(folder: Path) -> Path:
    work = Repository.create(folder / "work", VALID)
    work.switch("side", create=True)
    side = work.commit(truss("never merged"))
    work.switch("main")
    work.commit(pinned(side))
    return work.path


def clone_is_shallow(folder: Path) -> Path:
    work = Repository.create(folder / "whole", VALID)
    work.commit(pinned(work.head))
    return work.clone(folder / "work", depth=1).path


def several_at_once(folder: Path) -> Path:
    files: dict[str, Any] = {
        **truss(),
        **pinned("HEAD~1"),
        "releases/other.yaml": "version: 1\nmodel: other\n",
        "releases/tabs.yaml": "version: 1\n\tmodel: tabs\n",
    }
    return Repository.create(folder / "work", files).path


CASES: dict[str, Callable[[Path], Path]] = {
    "no-repository": plain,
    "no-commit": no_commit,
    "truss-without-config": no_config,
    "config-is-not-yaml": config_is_no_yaml,
    "config-is-not-a-map": config_is_no_map,
    "pin-is-not-there": pin_is_not_there,
    "pin-is-abbreviated": pin_is_short,
    "pin-is-not-an-ancestor": pin_is_no_ancestor,
    "clone-is-shallow": clone_is_shallow,
    "several-problems-at-once": several_at_once,
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_compiled_is_said_and_nothing_is_sent(
    stage: Trouble, tmp_path: Path, golden: Golden, case: str
) -> None:
    cwd = CASES[case](tmp_path)
    planned = stage.gitops("plan", "--format", "json", cwd=cwd)
    assert (planned.code, planned.out, planned.requests) == (1, "", [])
    golden(f"input-{case}.txt", planned.err)
    applied = stage.gitops("apply", "--yes", "--format", "json", cwd=cwd)
    # An apply also says that it changed nothing, where there is something to change.
    unchanged = "Nothing on Baseten was changed."
    assert applied.err.count(unchanged) == (case != "no-repository")
    told = applied.err.replace(f"  {unchanged}\n", "").replace(f"{unchanged} ", "")
    assert (applied.code, told, applied.requests) == (1, planned.err, [])
    [end] = applied.events
    assert (end["type"], end["exit_code"]) == ("apply_finished", 1)


NAMES: tuple[tuple[str, ...], ...] = (
    ("plan", "triaga"),
    ("plan", "--env", "prod"),
    ("plan", "--rev", "nowhere"),
    ("plan", "--changed", "nowhere"),
    ("apply", "--yes", "triaga"),
    ("apply", "--yes", "--exclude", "triaga"),
    ("apply", "--yes", "--retry", "triage/prod"),
    ("apply", "--yes", "--env", "staging", "--retry", "triage/production"),
    ("apply", "--plan", "p", "triage", "--env", "e", "--changed", "--rev", "r"),
    ("apply", "--plan", "p", "--exclude", "triage"),
    ("status", "triaga"),
    ("cancel", "triaga", "production"),
)


def test_a_name_that_is_not_there_is_1_and_sends_nothing(stage: Trouble, golden: Golden) -> None:
    told = []
    for arguments in NAMES:
        ended = stage.gitops(*arguments)
        assert (ended.code, ended.out, ended.requests) == (1, "", []), arguments
        told.append(f"$ gitops {' '.join(arguments)}\n{ended.err}")
    golden("names.txt", "".join(told))


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", "--everything"),
        ("plan", "--format", "xml"),
        ("plam",),
        ("-C", "nowhere", "plan"),
        ("apply", "--parallel", "0"),
        ("resume",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_1_never_2(stage: Trouble, arguments: tuple[str, ...]) -> None:
    ended = stage.gitops(*arguments)
    assert (ended.code, ended.out, ended.requests) == (1, "", [])
    assert ended.err.startswith("Usage: gitops")


def test_a_name_of_several_teams_needs_its_team(stage: Trouble, tmp_path: Path) -> None:
    file = release(STAGING)["releases/triage.yaml"]
    files = {
        f"releases/{team}.yaml": file.replace("truss:", f"team: {team}\ntruss:")
        for team in ("ml", "search")
    }
    work = Repository.create(tmp_path / "work", {**truss(), **files})
    ended = stage.gitops("plan", "triage", cwd=work.path)
    assert (ended.code, ended.requests) == (1, [])
    assert "several models are called 'triage': say which of ml/triage, search/triage" in ended.err


def test_the_default_team_by_its_name_is_the_same_team(stage: Trouble, tmp_path: Path) -> None:
    [(path, text)] = release(STAGING).items()
    named = {"releases/named.yaml": text.replace("truss:", "team: default\ntruss:")}
    work = Repository.create(tmp_path / "work", {**truss(), path: text, **named})
    for command in (("plan",), ("apply", "--yes")):
        ended = stage.gitops(*command, cwd=work.path)
        assert (ended.code, ended.writes) == (1, [])
        assert f"default/triage is the model of {path} too" in ended.err


def test_changes_that_are_not_committed_are_planned_but_neither_saved_nor_applied(
    tmp_path: Path,
) -> None:
    with trouble(tmp_path, VALID) as made:
        made.work.write(release(STAGING.replace("max_replica: 2", "max_replica: 3"), PRODUCTION))
        planned = made.gitops("plan")
        assert planned.code == 0
        assert "uncommitted changes" in planned.out.splitlines()[0] + planned.err
        saved = made.gitops("plan", "--out", "../plan.json", "--format", "json")
        assert saved.code == 4
        assert saved.document["dirty"] is True
        assert "cannot be saved" in saved.err
        assert not (tmp_path / "plan.json").exists()
        refused = made.apply("--format", "json")
        assert refused.code == 4
        assert "--allow-dirty" in refused.err
        assert [each["exit_code"] for each in refused.events] == [4]
        assert planned.writes + saved.writes + refused.writes == []
        assert made.gitops("plan", "--rev", "HEAD", "--out", "../plan.json").code == 0
        allowed = made.apply("--allow-dirty", "--env", "staging")
        assert allowed.code == 0, allowed.err
        assert made.environment("staging").autoscaling.max_replica == 3


def test_a_bare_repository_is_planned_and_applied_by_its_commits(tmp_path: Path) -> None:
    with trouble(tmp_path, {**truss(), **release(STAGING)}) as made:
        bare = tmp_path / "remote.git"
        planned = made.gitops("plan", "--rev", "main", "--detailed-exitcode", cwd=bare)
        assert planned.code == 2, planned.err
        applied = made.gitops("apply", "--yes", "--rev", "main", cwd=bare)
        assert applied.code == 0, applied.err
        assert made.serving("staging")


def test_a_repository_without_release_files_has_nothing_to_do(
    stage: Trouble, tmp_path: Path
) -> None:
    work = Repository.create(tmp_path / "work", {"README.md": "nothing yet\n"})
    planned = stage.gitops("plan", "--detailed-exitcode", cwd=work.path)
    assert planned.code == 0
    assert "holds no release files" in planned.err
    applied = stage.gitops("apply", "--yes", "--format", "json", cwd=work.path)
    assert applied.code == 0
    assert [each["type"] for each in applied.events] == ["apply_started", "apply_finished"]
    assert planned.writes + applied.writes == []
