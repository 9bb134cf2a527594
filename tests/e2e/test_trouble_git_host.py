"""A Git host that is down, refuses us, or must not hear of an emulator; keys for later versions."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.repositories import Repository

WIDER = STAGING.replace("max_replica: 2", "max_replica: 3")
NO_HOOK = """\
#!/bin/sh
while read old new ref; do
  case "$ref" in refs/gitops/log/*) echo "refs/gitops/log is closed" >&2; exit 1;; esac
done
"""


@pytest.fixture
def released(tmp_path: Path) -> Iterator[Trouble]:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        assert made.apply().code == 0
        yield made


def test_without_the_git_host_a_plan_says_so_and_an_apply_sends_nothing(
    released: Trouble, tmp_path: Path
) -> None:
    released.commit(release(WIDER), truss("two"))
    remote, away = tmp_path / "remote.git", tmp_path / "away"
    shutil.move(remote, away)
    planned = released.gitops("plan")
    assert planned.code == 0, planned.err
    assert "history unknown" in planned.err
    assert released.gitops("plan", "--detailed-exitcode").code == 2
    refused = released.apply("--format", "json")
    assert refused.code == 1
    assert "history unknown" in refused.err
    assert "--no-log" in refused.err
    assert [each["exit_code"] for each in refused.events] == [1]
    assert planned.writes + refused.writes == []

    going_on = released.apply("--no-log")
    assert going_on.code == 0, going_on.err
    assert any(each.endswith("/promote") for each in going_on.writes)
    assert released.environment("staging").autoscaling.max_replica == 3
    shutil.move(away, remote)
    before = released.entries()
    again = released.apply()
    assert again.code == 0, again.err
    assert again.writes == []
    now = released.entries()
    assert now[: len(before)] == before
    assert [each.split()[0] for each in now[len(before) :]] == ["Promote", "Released"]


def test_a_hook_that_refuses_the_intent_keeps_the_promotion_from_starting(
    released: Trouble, tmp_path: Path
) -> None:
    before = released.serving("staging")
    hook = tmp_path / "remote.git" / "hooks" / "pre-receive"
    hook.write_text(NO_HOOK)
    hook.chmod(0o755)
    released.commit(truss("two"))
    ended = released.apply("--format", "json")
    assert ended.code == 1, ended.err
    assert not any(each.endswith("/promote") for each in ended.writes)
    [failure] = ended.events[-1]["failures"]
    assert "refs/gitops/log is closed" in failure["happened"]
    assert released.serving("staging") == before
    hook.unlink()
    again = released.apply("--format", "json")
    assert again.code == 0, again.err
    assert not any(each.endswith("/deployments") for each in again.writes)


def test_a_clone_that_would_not_see_what_others_release_releases_nothing(tmp_path: Path) -> None:
    """Its default branch was renamed on the remote, or the remote has another name here."""
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        late = made.clone("late")
        remote = Repository(made.folder / "remote.git")
        remote.git("branch", "-m", "main", "trunk")
        refused = made.gitops("apply", "--yes", cwd=late.path)
        assert (refused.code, refused.writes) == (1, [])
        assert "has no branch main any more" in refused.err
        late.git("fetch", "-q", "origin")
        late.git("remote", "set-head", "origin", "--auto")
        assert made.gitops("plan", cwd=late.path).code == 0

        late.git("remote", "rename", "origin", "theirs")
        apart = made.gitops("apply", "--yes", cwd=late.path)
        assert (apart.code, apart.writes) == (1, [])
        assert "no Git remote origin, where the deploy log and the locks are kept" in apart.err
        assert made.gitops("plan", cwd=late.path).code == 0


def test_an_emulator_never_writes_into_a_history_elsewhere(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        made.work.git("remote", "set-url", "origin", "https://git.example.invalid/models.git")
        planned = made.gitops("plan")
        assert planned.code == 0, planned.err
        ended = made.apply()
        assert ended.code == 0, ended.err
        assert ended.err.count("git.example.invalid") <= 1
        told = [line for line in ended.err.splitlines() if "deploy log" in line]
        assert len(told) == 1, ended.err
        assert made.work.refs("refs/gitops/log")
        assert made.entries() == []
        assert made.apply().writes == []


def test_without_a_remote_the_log_and_its_tags_are_this_clone(tmp_path: Path) -> None:
    tags = {"gitops.yaml": "version: 1\ndeploy_log: {tags: true}\n"}
    with trouble(tmp_path, truss(), release(PRODUCTION), tags, first_push="none") as made:
        made.work.git("remote", "remove", "origin")
        ended = made.apply()
        assert ended.code == 0, ended.err
        assert made.work.refs("refs/gitops/log")
        tag = "refs/tags/released/triage/production/1"
        assert made.work.refs("refs/tags") == {tag: made.work.id("HEAD")}
        assert made.apply().writes == []


def test_a_key_that_is_not_carried_out_yet_blocks(tmp_path: Path) -> None:
    slowest = PRODUCTION.replace("min_requests: 5", "latency: {max: 1s}")
    said = "watch.latency.max: "
    with trouble(tmp_path, truss(), release(slowest)) as made:
        planned = made.gitops("plan")
        assert (planned.code, planned.err) == (4, "")
        assert said in " ".join(planned.out.split())
        ended = made.apply("--format", "json")
        assert ended.code == 4
        assert ended.events[-1]["blocked"] == ["triage/production"]
        assert said in ended.events[-1]["failures"][0]["happened"]
        assert planned.writes + ended.writes == []
