"""Chapters of a pull request's life that every forge plays; some give the job that they tell of."""

from __future__ import annotations

from gitops.render.plan_markdown import MARKER
from tests.e2e.jobs import Job
from tests.e2e.team import Team
from tests.e2e.test_exit_codes import person
from tests.echo import release, truss

PRODUCTION = """\
  production:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 2, concurrency_target: 4}
    checks: [smoke]
    watch: {for: 2s, error_rate: 0.05, min_requests: 5}
"""


def code_of(job: Job) -> int:
    """The exit code of the step that failed."""
    assert job.failed is not None, job.output
    return job.failed.code


def a_fork_gets_the_diff_and_no_secret(team: Team) -> None:
    first = team.open("Answer in v2", truss("v2"))
    foreign = team.fork(first)
    assert {name: job.green for name, job in foreign.items()} == {"diff": True}, foreign
    assert "v2" in foreign["diff"].output + foreign["diff"].summary
    assert team.requests() == []


def a_plan_is_one_comment_that_is_kept_up_to_date(team: Team) -> None:
    jobs = team.review(1)
    assert all(job.green for job in jobs.values()), [job.output for job in jobs.values()]
    [comment] = team.comments(1)
    assert comment.startswith(MARKER)
    assert f"ommit {team.heads[1][:12]} " in comment.split("- **release**")[0]
    assert "triage/production gets commit" in comment
    assert "Ships 1 source commit:" in comment
    assert "Answer in v2 (Test Author, 2026-" in comment
    assert "If its build, its start or a check fails, nothing is promoted" in comment
    assert "The way back takes a cold start of what serves now." in comment
    a_commit_without_a_plan_is_said_to_have_none(team)
    team.push(1, "Answer in v2, better @everyone", truss("v2b"), release(PRODUCTION))
    assert team.review(1)["plan"].green
    [again] = team.comments(1)
    assert again.startswith(MARKER)
    assert "no plan" not in again
    assert "Ships 2 source commits:" in again
    assert "Answer in v2, better `@everyone` (Test Author, 2026-" in again


def a_commit_without_a_plan_is_said_to_have_none(team: Team) -> None:
    team.push(1, "Break it", {"releases/triage.yaml": "version: 1\nmodle: triage\n"})
    jobs = team.review(1)
    assert {name: job.green for name, job in jobs.items()} == {"diff": False, "plan": False}
    for told in ("releases/triage.yaml", "modle", "unknown key"):
        assert told in jobs["diff"].output
    [comment] = team.comments(1)
    assert comment.startswith(MARKER)
    assert f"There is no plan for commit {team.heads[1][:12]}" in comment
    assert "gets commit" not in comment


def what_was_approved_is_applied(team: Team) -> Job:
    done = team.apply(team.merge(1))
    assert done.green, done.output
    assert team.note() == "v2b"
    assert team.shown() == {"triage/production": ["success"]}
    return done


def a_click_in_between_is_refused_with_the_difference(team: Team) -> Job:
    second = team.open("Answer in v3", truss("v3"))
    assert team.review(second)["plan"].green
    body = {"autoscaling_settings": {"concurrency_target": 8}}
    person(team.made, "PATCH", "/environments/production", body)
    merged = team.merge(second)
    refused = team.apply(merged)
    assert code_of(refused) == 4
    told = refused.output + refused.summary
    assert "autoscaling.concurrency_target" in told
    assert team.note() == "v2b"
    assert team.drift().green
    [(state, text)] = team.issues()
    assert (state, "concurrency_target" in text) == ("open", True)
    planned, applied = team.apply_by_hand(
        merged,
        model="triage",
        retry="triage/production",
        undo_drift="true",
        allow_many="true",
        allow_cost="true",
    )
    assert planned.green, planned.output
    assert "--allow-cost" in planned.output + planned.summary
    assert "concurrency_target" in planned.output + planned.summary
    assert applied.green, applied.output
    assert team.note() == "v3"
    assert team.drift().green
    assert [state for state, _ in team.issues()] == ["closed"]
    return refused


def a_bad_release_is_rolled_back_and_red(team: Team) -> Job:
    before = team.note()
    bad = team.open("Answer in v6", truss("v6", "fails_after_requests: 25"))
    team.review(bad)
    job = team.apply(team.merge(bad))
    assert code_of(job) == 3
    assert "triage/production serves" in job.output
    assert team.note() == before
    assert team.shown()["triage/production"][-1] == team.failure
    return job


def the_revert_is_green_and_builds_nothing(team: Team) -> None:
    before = team.note()
    back = team.open("Revert v6", truss(before))
    assert team.review(back)["plan"].green
    sent = len(team.made.emulator.requests(writes=True))
    reverted = team.apply(team.merge(back))
    assert reverted.green, reverted.output
    assert team.note() == before
    assert team.made.emulator.requests(writes=True)[sent:] == []
