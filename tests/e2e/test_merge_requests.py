"""The life of merge requests, with the jobs that `gitops init --ci gitlab` writes.

Real Git remotes, real processes that run the scripts as they are written (tests/e2e/pipelines.py),
the emulator as Baseten, and a stand-in for GitLab's API (tests/forge/lab.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from gitops.cli.main import run as gitops
from tests.e2e import chapters
from tests.e2e.chapters import PRODUCTION
from tests.e2e.jobs import Job, Machine
from tests.e2e.pipelines import Event, Pipeline, Runner, secrets
from tests.e2e.ready import ready
from tests.e2e.team import Team
from tests.e2e.trouble import trouble
from tests.echo import release, truss
from tests.forge import lab as stand_in
from tests.forge.lab import PROJECT, TOKEN, Lab
from tests.repositories import Repository

FORK = 43
INCLUDE = "include:\n  - local: .gitlab/gitops.yml\n"


@dataclass(kw_only=True)
class GitLabTeam(Team):
    """At GitLab."""

    lab: Lab
    runner: Runner
    refs: str = "refs/merge-requests"
    failure: str = "failed"
    merged_results: bool = False
    """Whether pipelines are for the result of the merge, and not for the branch."""
    outputs: dict[str, str] = field(default_factory=dict)
    """What the last plan, or the last apply of a merge, handed to later jobs."""

    def opened(self, number: int) -> None:
        """A merge request is shown once it has a commit."""

    def pushed(self, number: int, head: str) -> None:
        self.remote.git("update-ref", f"refs/merge-requests/{number}/head", head)
        result = self.remote.id(f"refs/merge-requests/{number}/merge")
        self.lab.commits[result] = self.remote.git("rev-parse", f"{result}^@").split()

    def merged(self, number: int, commit: str) -> None:
        self.lab.merged(number, self.heads[number], commit)

    def fork(self, number: int) -> dict[str, Job]:
        """In the fork's own project; and in ours, where a member started it."""
        there = self._reviewed(number, source=FORK, project=FORK)
        here = self._reviewed(number, source=FORK, project=PROJECT)
        assert [*there] == [*here]
        return here

    def review(self, number: int) -> dict[str, Job]:
        return self._reviewed(number, source=PROJECT, project=PROJECT)

    def _reviewed(self, number: int, *, source: int, project: int) -> dict[str, Job]:
        head = self.heads[number]
        kind = "merge" if self.merged_results else "head"
        ref = f"refs/merge-requests/{number}/{kind}"
        event = Event(
            source="merge_request_event",
            sha=self.remote.id(ref),
            variables={
                "CI_MERGE_REQUEST_IID": str(number),
                "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(source),
                # These two are empty where GitLab did not merge for the pipeline.
                "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": head if self.merged_results else "",
                "CI_MERGE_REQUEST_DIFF_BASE_SHA": self.remote.git("merge-base", "main", head),
                "CI_MERGE_REQUEST_TARGET_BRANCH_SHA": (
                    self.remote.id("main") if self.merged_results else ""
                ),
            },
            project=project,
        )
        pipeline = self.runner.run(event)
        kept = pipeline.kept.get("gitops-plan", {}).get("gitops-plan.json")
        self.outputs = pipeline.reported.get("gitops-plan", {})
        if project == PROJECT and source == PROJECT:
            self.lab.ran(number, event.sha, kept, ref=ref)
        return {name.removeprefix("gitops-"): job for name, job in pipeline.done.items()}

    def apply(self, commit: str) -> Job:
        pipeline = self.runner.run(Event(source="push", sha=commit, protected=True))
        self.outputs = pipeline.reported["gitops-apply"]
        return pipeline.done["gitops-apply"]

    def apply_by_hand(self, commit: str, **chosen: str) -> tuple[Job, Job]:
        asked = {f"GITOPS_{name.upper()}": value for name, value in chosen.items()}
        pipeline = self._started("web", {"GITOPS_APPLY": "fresh", **asked})
        [planned] = pipeline.done.values()
        return planned, pipeline.play("gitops-apply-by-hand")

    def drift(self) -> Job:
        return self._started("schedule", {"GITOPS_DRIFT": "1"}).done["gitops-drift"]

    def rollback(self, model: str, environment: str) -> Job:
        asked = {"GITOPS_ROLLBACK": model, "GITOPS_ENV": environment}
        return self._started("web", asked).done["gitops-rollback"]

    def _started(
        self, source: Literal["schedule", "web"], variables: Mapping[str, str]
    ) -> Pipeline:
        """A pipeline of main that a schedule or somebody starts."""
        sha = self.remote.id("main")
        return self.runner.run(Event(source=source, sha=sha, variables=variables, protected=True))

    def requests(self) -> list[str]:
        return self.lab.requests

    def comments(self, number: int) -> list[str]:
        return [each["body"] for each in self.lab.notes.get(number, [])]

    def issues(self) -> list[tuple[Literal["open", "closed"], str]]:
        return [
            ("closed" if each["state"] == "closed" else "open", each["description"])
            for each in self.lab.issues
        ]

    def shown(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for each in self.lab.deployments:
            found.setdefault(each["environment"]["name"], []).append(each["status"])
        return found


@pytest.fixture
def team(tmp_path: Path) -> Iterator[GitLabTeam]:
    with (
        stand_in.running() as lab,
        ready(tmp_path) as command,
        trouble(tmp_path, truss("v1"), release(PRODUCTION), traffic=40.0) as made,
    ):
        assert gitops(["-C", str(made.work.path), "init", "--ci", "gitlab"]) == 0
        written = [made.work.path / name for name in ("gitops.yaml", ".gitlab/gitops.yml")]
        made.commit(
            {".gitlab-ci.yml": INCLUDE},
            {str(each.relative_to(made.work.path)): each.read_bytes() for each in written},
        )
        assert made.apply().code == 0
        environ = made.emulator.environ()
        key = environ.pop("BASETEN_API_KEY")
        remote = Repository(tmp_path / "remote.git")
        # GitLab takes `git push -o`, and lets a job fetch any commit that it is for.
        for option in ("receive.advertisePushOptions", "uploadpack.allowAnySHA1InWant"):
            remote.git("config", option, "true")
        runner = Runner(
            lab=lab,
            remote=remote,
            folder=tmp_path / "runners",
            machine=Machine(environ=environ, command=command, secrets=(TOKEN, key)),
            secrets=secrets(key, key),
        )
        runner.folder.mkdir()
        yield GitLabTeam(made=made, lab=lab, runner=runner)
        assert lab.refused == []


APPLY = "<!-- gitops apply -->"


def a_rollback_by_hand_opens_a_merge_request(team: GitLabTeam) -> None:
    job = team.rollback("triage", "production")
    assert job.green, job.output
    assert team.note() == "v2b"
    [_] = team.remote.refs("refs/heads/gitops-rollback-*")
    for told in ("was taken out of", "What serves now: triage/production serves", "What to do: "):
        assert told in " ".join(job.output.split())
    *_, bad, back = [each for each in team.lab.deployments if each["status"] == "success"]
    assert back is team.lab.deployments[-1]
    assert back["sha"] != bad["sha"]


def test_the_life_of_merge_requests(team: GitLabTeam) -> None:
    chapters.a_fork_gets_the_diff_and_no_secret(team)
    chapters.a_plan_is_one_comment_that_is_kept_up_to_date(team)
    assert (team.outputs["changed"], team.outputs["models"]) == ("1", '["triage"]')
    chapters.what_was_approved_is_applied(team)
    assert (team.outputs["exit_code"], team.outputs["failed"]) == ("0", "[]")
    assert team.outputs["converged"] == '["triage/production"]'
    team.merged_results = True
    chapters.a_click_in_between_is_refused_with_the_difference(team)
    chapters.a_bad_release_is_rolled_back_and_red(team)
    ends = [each for number in team.heads for each in team.comments(number) if APPLY in each]
    assert "### Apply of commit" in ends[0]
    assert ": done" in ends[0]
    assert "- What serves now: triage/production serves" in ends[-1]
    assert "[The job](" in ends[-1]
    chapters.the_revert_is_green_and_builds_nothing(team)
    a_rollback_by_hand_opens_a_merge_request(team)
