"""The life of pull requests, with the workflows that `gitops init --ci github` writes.

Real Git remotes, real processes that run the steps as they are written (tests/e2e/actions.py), the
emulator as Baseten, and a stand-in for GitHub's API (tests/forge/hub.py). What GitLab plays too is
in tests/e2e/chapters.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from gitops.cli.main import run as gitops
from tests.e2e import chapters
from tests.e2e.actions import Event, Runner
from tests.e2e.chapters import PRODUCTION
from tests.e2e.jobs import Job, Machine
from tests.e2e.ready import ready
from tests.e2e.team import Team
from tests.e2e.trouble import trouble
from tests.echo import release, truss
from tests.forge import hub as stand_in
from tests.forge.hub import REPOSITORY, TOKEN, Hub
from tests.repositories import Repository

MERGED_AT = "2026-11-22T00:00:00Z"


@dataclass(kw_only=True)
class GitHubTeam(Team):
    """At GitHub."""

    hub: Hub
    runner: Runner
    refs: str = "refs/pull"

    def opened(self, number: int) -> None:
        self.hub.pulls.append({"number": number, "merged_at": None, "brought": []})

    def pushed(self, number: int, head: str) -> None:
        self.hub.pulls[number - 1]["head"] = {"sha": head}

    def merged(self, number: int, commit: str) -> None:
        self.hub.pulls[number - 1] |= {"merged_at": MERGED_AT, "brought": [commit]}

    def fork(self, number: int) -> dict[str, Job]:
        return self._reviewed(number, "stranger/models")

    def review(self, number: int) -> dict[str, Job]:
        return self._reviewed(number, REPOSITORY)

    def _reviewed(self, number: int, of: str) -> dict[str, Job]:
        event = Event(
            name="pull_request",
            sha=self.remote.id(f"refs/pull/{number}/merge"),
            ref=f"refs/pull/{number}/merge",
            values={
                "github.event.pull_request.number": str(number),
                "github.event.pull_request.head.sha": self.heads[number],
                "github.event.pull_request.head.repo.full_name": of,
            },
        )
        return self.runner.run("gitops-plan", event)

    def apply(self, commit: str) -> Job:
        event = Event(name="push", sha=commit, ref="refs/heads/main")
        return self.runner.run("gitops-apply", event)["apply"]

    def apply_by_hand(self, commit: str, **chosen: str) -> tuple[Job, Job]:
        inputs = {f"inputs.{name}": value for name, value in chosen.items()}
        jobs = self._on_main("workflow_dispatch", "gitops-apply", inputs)
        assert list(jobs) == ["plan-by-hand", "apply-by-hand"], jobs["plan-by-hand"].output
        return jobs["plan-by-hand"], jobs["apply-by-hand"]

    def drift(self) -> Job:
        return self._on_main("schedule", "gitops-drift")["drift"]

    def rollback(self, model: str, environment: str) -> Job:
        asked = {"inputs.model": model, "inputs.environment": environment}
        return self._on_main("workflow_dispatch", "gitops-rollback", asked)["rollback"]

    def _on_main(
        self,
        name: Literal["schedule", "workflow_dispatch"],
        workflow: str,
        inputs: Mapping[str, str] | None = None,
    ) -> dict[str, Job]:
        """A workflow that the schedule runs on main, or somebody from the Actions page."""
        sha = self.remote.id("main")
        event = Event(name=name, sha=sha, ref="refs/heads/main", values=inputs or {})
        return self.runner.run(workflow, event)

    def requests(self) -> list[str]:
        return self.hub.requests

    def comments(self, number: int) -> list[str]:
        return [each["body"] for each in self.hub.comments.get(number, [])]

    def issues(self) -> list[tuple[Literal["open", "closed"], str]]:
        return [(each["state"], each["body"]) for each in self.hub.issues]

    def shown(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self.hub.deployments:
            found.setdefault(each["environment"], []).append(each["statuses"][-1]["state"])
        return found


@pytest.fixture
def team(tmp_path: Path) -> Iterator[GitHubTeam]:
    with (
        stand_in.running() as hub,
        ready(tmp_path) as command,
        trouble(tmp_path, truss("v1"), release(PRODUCTION), traffic=40.0) as made,
    ):
        assert gitops(["-C", str(made.work.path), "init", "--ci", "github"]) == 0
        written = [made.work.path / "gitops.yaml", *(made.work.path / ".github").rglob("*.yml")]
        made.commit({str(each.relative_to(made.work.path)): each.read_bytes() for each in written})
        assert made.apply().code == 0
        environ = made.emulator.environ()
        key = {"BASETEN_API_KEY": environ.pop("BASETEN_API_KEY")}
        runner = Runner(
            hub=hub,
            remote=Repository(tmp_path / "remote.git"),
            folder=tmp_path / "runners",
            machine=Machine(
                environ=environ, command=command, secrets=(TOKEN, key["BASETEN_API_KEY"])
            ),
            secrets={"": {}, "gitops-plan": key, "gitops-production": key},
        )
        runner.folder.mkdir()
        yield GitHubTeam(made=made, hub=hub, runner=runner)
        assert hub.refused == []


def the_older_of_two_merges_is_superseded(team: GitHubTeam) -> None:
    older = team.open("Answer in v4", truss("v4"))
    team.review(older)
    late = team.merge(older)
    newer = team.open("Answer in v5", truss("v5"))
    team.review(newer)
    assert team.apply(team.merge(newer)).green
    overtaken = team.apply(late)
    assert team.note() == "v5"
    assert overtaken.green, overtaken.output
    assert "| superseded | `triage/production` |" in overtaken.summary


def the_next_unrelated_merge_is_green(team: GitHubTeam) -> None:
    other = team.open("Describe the repository", {"README.md": "Models.\n"})
    assert team.review(other)["plan"].green
    calm = team.apply(team.merge(other))
    assert calm.green, calm.output
    assert team.note() == "v5"


def a_rollback_by_hand_passes_over_what_is_bad(team: GitHubTeam) -> None:
    """v6 was rolled back, and v4 never built: what served before v5 is v3."""
    job = team.rollback("triage", "production")
    assert job.green, job.output
    assert team.note() == "v3"
    [branch] = team.remote.refs("refs/heads/gitops-rollback-*")
    assert f"compare/{branch.removeprefix('refs/heads/')}?expand=1" in job.summary
    assert "### Rollback of `triage/production`: done" in job.summary
    for told in ("was taken out of", "What serves now: triage/production serves", "What to do: "):
        assert told in job.summary
    assert team.shown()["triage/production"][-1] == "success"
    assert team.shown()["triage/production"].count("inactive") == 1
    back = team.hub.deployments[-1]["ref"]
    assert "note: v3\n" in team.remote.git("show", f"{back}:trusses/triage/config.yaml")


def a_rollback_of_what_is_held_already_brings_the_revert(team: GitHubTeam) -> None:
    [first] = team.remote.refs("refs/heads/gitops-rollback-*")
    again = team.rollback("triage", "production")
    assert chapters.code_of(again) == 4
    told = f"Merge {first.removeprefix('refs/heads/')}, which the remote has already"
    assert told in again.summary
    assert [*team.remote.refs("refs/heads/gitops-rollback-*")] == [first]
    team.remote.git("update-ref", "-d", first)
    job = team.rollback("triage", "production")
    assert chapters.code_of(job) == 4
    [branch] = team.remote.refs("refs/heads/gitops-rollback-*")
    branch = branch.removeprefix("refs/heads/")
    assert "### Rollback of `triage/production`: refused or blocked (exit 4)" in job.summary
    assert "What happened: triage/production serves" in job.summary
    assert f"Merge {branch}" in job.summary
    assert f"compare/{branch}?expand=1" in job.summary
    unknown = team.rollback("traige", "production")
    assert not unknown.green
    assert "### Rollback of `traige/production`: failed (exit 1)" in unknown.summary
    assert len(team.remote.refs("refs/heads/gitops-rollback-*")) == 1


def test_the_life_of_pull_requests(team: GitHubTeam) -> None:
    chapters.a_fork_gets_the_diff_and_no_secret(team)
    chapters.a_plan_is_one_comment_that_is_kept_up_to_date(team)
    applied = chapters.what_was_approved_is_applied(team)
    assert "Apply of commit" in applied.summary
    refused = chapters.a_click_in_between_is_refused_with_the_difference(team)
    assert "(exit 4)" in refused.summary
    assert "What serves now: This run changed nothing" in refused.summary
    the_older_of_two_merges_is_superseded(team)
    bad = chapters.a_bad_release_is_rolled_back_and_red(team)
    assert bad.failed is not None
    assert bad.failed.name == "Apply"
    assert "(exit 3)" in bad.summary
    assert "What serves now: triage/production serves" in bad.summary
    the_next_unrelated_merge_is_green(team)
    chapters.the_revert_is_green_and_builds_nothing(team)
    a_rollback_by_hand_passes_over_what_is_bad(team)
    a_rollback_of_what_is_held_already_brings_the_revert(team)
