"""The life of pull requests, with the workflows that `gitops init --ci github` writes.

Real Git remotes, real processes that run the steps as they are written (tests/e2e/actions.py), the
emulator as Baseten, and a stand-in for GitHub's API (tests/forge/hub.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gitops.cli.main import run as gitops
from gitops.render.plan_markdown import MARKER
from tests.e2e.actions import Event, Job, Runner
from tests.e2e.test_exit_codes import person
from tests.e2e.trouble import Trouble, trouble
from tests.echo import release, truss
from tests.forge import hub as stand_in
from tests.forge.hub import REPOSITORY, Hub
from tests.repositories import Content, Repository

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2, concurrency_target: 4}
    checks: [smoke]
    watch: {for: 2s, error_rate: 0.05, min_requests: 5}
"""
MERGED_AT = "2026-11-22T00:00:00Z"


@dataclass
class Team:
    """People who open, push to and merge pull requests, and the workflows that follow."""

    made: Trouble
    hub: Hub
    runner: Runner
    numbers: dict[int, str] = field(default_factory=dict)

    @property
    def work(self) -> Repository:
        return self.made.work

    def open(self, message: str, *files: dict[str, Content]) -> int:
        """Push a branch with one commit and open a pull request: its number."""
        number = len(self.numbers) + 1
        self.numbers[number] = ""
        self.work.git("switch", "-q", "-C", f"topic-{number}", "main")
        self.hub.pulls.append({"number": number, "merged_at": None, "brought": []})
        self.push(number, message, *files)
        return number

    def push(self, number: int, message: str, *files: dict[str, Content]) -> None:
        """Another commit on the branch; the result of the merge is what the workflow sees."""
        self.work.git("switch", "-q", f"topic-{number}")
        head = self.work.commit({k: v for each in files for k, v in each.items()}, message)
        self.numbers[number] = head
        self.work.git("switch", "-q", "--detach", "main")
        self.work.merge(f"topic-{number}")
        self.work.git(
            "push",
            "-q",
            "origin",
            f"+HEAD:refs/pull/{number}/merge",
            f"{head}:refs/heads/topic-{number}",
        )
        self.hub.pulls[number - 1]["head"] = {"sha": head}

    def review(self, number: int, *, of: str = REPOSITORY) -> dict[str, Job]:
        """The workflow of the pull request."""
        event = Event(
            name="pull_request",
            sha=self.remote.id(f"refs/pull/{number}/merge"),
            ref=f"refs/pull/{number}/merge",
            values={
                "github.event.pull_request.number": str(number),
                "github.event.pull_request.head.sha": self.numbers[number],
                "github.event.pull_request.head.repo.full_name": of,
            },
        )
        return self.runner.run("gitops-plan", event)

    def merge(self, number: int) -> str:
        """Squash and merge: the commit on main."""
        self.work.git("switch", "-q", "main")
        self.work.git("merge", "-q", "--squash", f"topic-{number}")
        self.work.git("commit", "-q", "--allow-empty", "-m", f"Squashed (#{number})")
        self.work.git("push", "-q", "origin", "main")
        self.hub.pulls[number - 1] |= {"merged_at": MERGED_AT, "brought": [self.work.head]}
        return self.work.head

    def apply(self, commit: str, *, by_hand: bool = False) -> dict[str, Job]:
        """The workflow that follows a merge, or that somebody runs by hand."""
        name = "workflow_dispatch" if by_hand else "push"
        return self.runner.run("gitops-apply", Event(name=name, sha=commit, ref="refs/heads/main"))

    def hand(self, workflow: str, inputs: Mapping[str, str] | None = None) -> dict[str, Job]:
        """A workflow that somebody runs on main from the Actions page."""
        event = Event(
            name="workflow_dispatch",
            sha=self.remote.id("main"),
            ref="refs/heads/main",
            values=inputs or {},
        )
        return self.runner.run(workflow, event)

    @property
    def remote(self) -> Repository:
        return Repository(self.made.folder / "remote.git")

    def comments(self, number: int) -> list[str]:
        return [each["body"] for each in self.hub.comments.get(number, [])]

    def shown(self) -> dict[str, list[str]]:
        """What GitHub shows of its environments: the last state of each deployment, by name."""
        found: dict[str, list[str]] = {}
        for each in self.hub.deployments:
            found.setdefault(each["environment"], []).append(each["statuses"][-1]["state"])
        return found

    def note(self) -> str:
        """What production answers as its note: which truss serves."""
        serving = self.made.serving()
        assert serving is not None
        [model] = self.made.emulator.world.models.values()
        found: str = model.deployments[serving].artifact.config["model_metadata"]["note"]
        return found


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with (
        stand_in.running() as hub,
        trouble(tmp_path, truss("v1"), release(PRODUCTION), traffic=40.0) as made,
    ):
        assert gitops(["-C", str(made.work.path), "init", "--ci", "github"]) == 0
        made.commit(
            {
                str(path.relative_to(made.work.path)): path.read_bytes()
                for path in (
                    made.work.path / "gitops.yaml",
                    *(made.work.path / ".github").rglob("*.yml"),
                )
            }
        )
        assert made.apply().code == 0
        key = {"BASETEN_API_KEY": made.emulator.api_key}
        runner = Runner(
            hub=hub,
            remote=Repository(tmp_path / "remote.git"),
            folder=tmp_path / "runners",
            environ=made.emulator.environ(),
            secrets={"": {}, "gitops-plan": key, "gitops-production": key},
        )
        runner.folder.mkdir()
        yield Team(made, hub, runner)
        assert hub.refused == []


def a_fork_gets_the_diff_and_no_secret(team: Team) -> None:
    first = team.open("Answer in v2", truss("v2"))
    foreign = team.review(first, of="stranger/models")
    assert {name: job.green for name, job in foreign.items()} == {"diff": True}
    assert team.hub.requests == []


def a_plan_is_one_comment_that_is_kept_up_to_date(team: Team) -> None:
    first = 1
    jobs = team.review(first)
    assert all(job.green for job in jobs.values()), [job.output for job in jobs.values()]
    [comment] = team.comments(first)
    assert comment.startswith(MARKER)
    assert "triage/production gets commit" in comment
    assert "triage" in jobs["diff"].summary
    team.push(first, "Answer in v2, better", truss("v2b"))
    assert team.review(first)["plan"].green
    [again] = team.comments(first)
    assert again != comment


def what_was_approved_is_applied(team: Team) -> None:
    done = team.apply(team.merge(1))["apply"]
    assert done.green, done.output
    assert "Apply of commit" in done.summary
    assert team.note() == "v2b"
    assert team.shown() == {"triage/production": ["success"]}


def a_click_in_between_is_refused_with_the_difference(team: Team) -> None:
    second = team.open("Answer in v3", truss("v3"))
    assert team.review(second)["plan"].green
    body = {"autoscaling_settings": {"concurrency_target": 8}}
    person(team.made, "PATCH", "/environments/production", body)
    merged = team.merge(second)
    refused = team.apply(merged)["apply"]
    assert (refused.green, refused.failed()) == (False, "Apply")
    assert "(exit 4)" in refused.summary
    assert "What serves now: This run changed nothing" in refused.summary
    assert team.note() == "v2b"
    assert team.hand("gitops-drift")["drift"].green
    [issue] = team.hub.issues
    assert "concurrency_target" in issue["body"]
    by_hand = team.apply(merged, by_hand=True)
    assert [job.green for job in by_hand.values()] == [True, True], by_hand["plan-by-hand"].output
    assert "concurrency_target" in by_hand["plan-by-hand"].summary
    assert team.note() == "v3"
    assert team.hand("gitops-drift")["drift"].green
    assert [each["state"] for each in team.hub.issues] == ["closed"]


def the_older_of_two_merges_is_superseded(team: Team) -> None:
    older = team.open("Answer in v4", truss("v4"))
    team.review(older)
    late = team.merge(older)
    newer = team.open("Answer in v5", truss("v5"))
    team.review(newer)
    assert team.apply(team.merge(newer))["apply"].green
    overtaken = team.apply(late)["apply"]
    assert team.note() == "v5"
    assert overtaken.green, overtaken.output
    assert "| superseded | `triage/production` |" in overtaken.summary


def a_bad_release_is_rolled_back_and_red(team: Team) -> None:
    bad = team.open("Answer in v6", truss("v6", "fails_after_requests: 25"))
    team.review(bad)
    job = team.apply(team.merge(bad))["apply"]
    assert (job.green, job.failed()) == (False, "Apply")
    assert "(exit 3)" in job.summary
    assert "What serves now: triage/production serves" in job.summary
    assert team.note() == "v5"
    assert team.shown()["triage/production"][-1] == "failure"


def the_next_unrelated_merge_is_green(team: Team) -> None:
    other = team.open("Describe the repository", {"README.md": "Models.\n"})
    assert team.review(other)["plan"].green
    calm = team.apply(team.merge(other))["apply"]
    assert calm.green, calm.output
    assert team.note() == "v5"


def the_revert_is_green_and_builds_nothing(team: Team) -> None:
    back = team.open("Revert v6", truss("v5"))
    assert team.review(back)["plan"].green
    sent = len(team.made.emulator.requests(writes=True))
    reverted = team.apply(team.merge(back))["apply"]
    assert reverted.green, reverted.output
    assert team.note() == "v5"
    assert team.made.emulator.requests(writes=True)[sent:] == []


def a_rollback_by_hand_passes_over_what_is_bad(team: Team) -> None:
    """v6 was rolled back, and v4 never built: what served before v5 is v3."""
    asked = {"inputs.model": "triage", "inputs.environment": "production"}
    job = team.hand("gitops-rollback", asked)["rollback"]
    assert job.green, job.output
    assert team.note() == "v3"
    [branch] = team.remote.refs("refs/heads/gitops-rollback-*")
    assert f"compare/{branch.removeprefix('refs/heads/')}?expand=1" in job.summary


def test_the_life_of_pull_requests(team: Team) -> None:
    for chapter in (
        a_fork_gets_the_diff_and_no_secret,
        a_plan_is_one_comment_that_is_kept_up_to_date,
        what_was_approved_is_applied,
        a_click_in_between_is_refused_with_the_difference,
        the_older_of_two_merges_is_superseded,
        a_bad_release_is_rolled_back_and_red,
        the_next_unrelated_merge_is_green,
        the_revert_is_green_and_builds_nothing,
        a_rollback_by_hand_passes_over_what_is_bad,
    ):
        chapter(team)
