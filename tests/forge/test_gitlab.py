"""`gitops forge` against a stand-in for GitLab that knows what GitLab documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.plan import document
from gitops.render import plan_markdown
from tests.forge import lab as stand_in
from tests.forge.calling import MERGED, Forge, calling, events, nothing_begun, said
from tests.forge.lab import BOT, PROJECT, TOKEN, Lab
from tests.render.plans import fleet

HEAD, RESULT = "a" * 40, "c" * 40
FORK = 43


@pytest.fixture
def lab() -> Iterator[Lab]:
    with stand_in.running() as it:
        yield it
        assert it.refused == []


@pytest.fixture
def forge(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Forge:
    """`gitops forge …` in a job for merge request 7; the token is in none of its output."""
    variables = lab.environ(CI_MERGE_REQUEST_IID="7", CI_COMMIT_SHA=MERGED)
    return calling(variables, TOKEN, tmp_path, monkeypatch, capfd)


def test_one_note_is_written_once_and_brought_up_to_date_in_place(lab: Lab, forge: Forge) -> None:
    lab.note(7, f"{plan_markdown.MARKER}\nmine", author={"username": "ada"})
    lab.note(7, f"{plan_markdown.MARKER}\nby GitLab", system=True)
    assert forge("comment", "plan.json") == 0
    assert forge("comment", "plan.json") == 0
    assert "unchanged" in said()
    Path("other.md").write_text(f"{plan_markdown.MARKER}\n\nNothing to do.\n")
    assert forge("comment", "other.md") == 0
    assert [each["body"].strip() for each in lab.notes[7]] == [
        f"{plan_markdown.MARKER}\nmine",
        f"{plan_markdown.MARKER}\nby GitLab",
        f"{plan_markdown.MARKER}\n\nNothing to do.",
    ]
    assert [each.partition(" ")[0] for each in lab.writes] == ["POST", "PUT"]


def test_a_page_that_hides_notes_is_not_the_last_one(lab: Lab, forge: Forge) -> None:
    for number in range(150):
        lab.note(7, "of somebody", author={"username": "ada"}, hidden=number % 3 == 0)
    lab.note(7, f"{plan_markdown.MARKER}\nold")
    lab.note(7, f"{plan_markdown.MARKER}\nwritten at the same time")
    assert forge("comment", "plan.json") == 0
    ours = [each["body"] for each in lab.notes[7] if each["author"]["username"] == BOT]
    assert ours == [plan_markdown.render(fleet())]


def test_no_line_of_a_note_is_a_command(lab: Lab, forge: Forge) -> None:
    Path("diff.md").write_text(
        "<!-- gitops diff -->\n\n/merge\n  /approve\n```\n/etc/hosts\n```\n```a```\n/close\n- a/b\n"
    )
    assert forge("comment", "diff.md") == 0
    [note] = lab.notes[7]
    assert note["body"].splitlines()[2:] == [
        *("\\/merge", "  \\/approve", "```", "/etc/hosts", "```", "```a```", "\\/close", "- a/b"),
    ]


def test_a_token_that_is_wrong_or_missing(
    lab: Lab, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", f"{TOKEN}-not")
    assert forge("comment", "plan.json") == 1
    assert "GitLab answers GET /user with 401: 401 Unauthorized" in said()
    assert "The token is missing, expired or wrong" in said()
    monkeypatch.delenv("GITLAB_TOKEN")
    assert forge("comment", "plan.json") == 1
    assert "GITLAB_TOKEN is not set" in said()
    assert "project access token" in said()
    assert lab.writes == []


def test_reads_are_repeated_and_a_write_is_sent_once(lab: Lab, forge: Forge) -> None:
    lab.trouble = [502, 429, 500]
    assert forge("comment", "plan.json") == 0
    assert len(lab.notes[7]) == 1
    Path("other.md").write_text(f"{plan_markdown.MARKER}\n\nNothing to do.\n")
    lab.requests.clear()
    lab.broken = True
    assert forge("comment", "other.md") == 1
    assert "GitLab answers PUT /projects/42/merge_requests/7/notes/" in said()
    assert len(lab.writes) == 1


PLAN = document.to_text(fleet()).encode()


def test_the_plan_of_the_merge_request_that_brought_the_commit(lab: Lab, forge: Forge) -> None:
    assert forge("approved", "--out", "approved.json") == 4
    assert "nobody has approved a plan" in said()
    lab.merged(6, "d" * 40, MERGED, state="opened")
    lab.merged(7, HEAD, MERGED)
    assert forge("approved", "--out", "approved.json") == 4
    assert "GitLab keeps no plan of merge request 7" in said()
    lab.ran(7, HEAD, b"of a fork's own project", project_id=FORK)
    lab.ran(7, "d" * 40, b"of another commit")
    lab.ran(7, HEAD, None)
    assert forge("approved", "--out", "approved.json") == 4
    lab.ran(7, HEAD, b"an older one")
    lab.ran(7, HEAD, PLAN)
    lab.ran(7, HEAD, None)
    assert forge("approved", "--out", "approved.json") == 0
    assert Path("approved.json").read_bytes() == PLAN


def test_how_an_apply_ended_is_said_on_the_merge_request_that_brought_the_commit(
    lab: Lab, forge: Forge
) -> None:
    Path("apply.jsonl").write_text(events(3, rolled_back=("qwen/production",)))
    assert forge("comment", "--merged", "apply.jsonl") == 4
    assert "no merge request that was merged brought commit" in said()
    lab.merged(5, HEAD, MERGED)
    for _ in range(2):
        assert forge("comment", "--merged", "apply.jsonl") == 0
    assert "comment on 5: unchanged" in said()
    [note] = lab.notes[5]
    assert note["body"].startswith("<!-- gitops apply -->\n\n### Apply of commit")
    assert "What serves now: qwen/production serves commit 6cb20fb0828b again." in note["body"]
    assert "5xx 41 %" not in note["body"], "details are the job's alone"
    assert "<details>" not in note["body"]
    assert forge("comment", "--merged", "--pull-request", "5", "apply.jsonl") == 1


def test_a_run_that_begins_nothing_leaves_the_account_of_one_that_did(
    lab: Lab, forge: Forge
) -> None:
    lab.merged(5, HEAD, MERGED)

    def told(stream: str) -> str:
        Path("apply.jsonl").write_text(stream)
        assert forge("comment", "--merged", "apply.jsonl") == 0
        [note] = lab.notes[5]
        return str(note["body"])

    assert "The plan does not fit any more" in told(nothing_begun(4))
    assert "The plan does not fit any more" not in told(nothing_begun(0)), "neither began anything"
    account = told(events(3, rolled_back=("qwen/production",)))
    assert "qwen/production serves commit 6cb20fb0828b again" in account
    assert "began nothing" not in account
    refused = told(nothing_begun(4))
    assert refused.startswith(account.rstrip())
    assert "A later run began nothing. Apply of commit `bbbbbbbbbbbb`: refused" in refused
    again = told(nothing_begun(0))
    assert again.startswith(account.rstrip())
    assert again.count("A later run began nothing.") == 1
    assert "refused" not in again.removeprefix(account.rstrip())
    lab.notes[5][0]["body"] = again.replace("\n", "\r\n")
    assert told(nothing_begun(0)) == again
    assert told(events(3, rolled_back=("qwen/production",))) == account


def test_a_plan_that_a_fork_made_in_our_project_does_not_count(lab: Lab, forge: Forge) -> None:
    lab.merged(7, HEAD, MERGED, source_project_id=FORK)
    lab.ran(7, HEAD, PLAN)
    assert forge("approved", "--out", "approved.json") == 4
    lab.merge_requests[0]["source_project_id"] = None
    assert forge("approved", "--out", "approved.json") == 4
    lab.merge_requests[0]["source_project_id"] = PROJECT
    assert forge("approved", "--out", "approved.json") == 0


def test_a_plan_of_the_merged_result(lab: Lab, forge: Forge) -> None:
    lab.merged(7, HEAD, MERGED)
    lab.ran(7, RESULT, PLAN, ref="refs/merge-requests/7/merge")
    assert forge("approved", "--out", "approved.json") == 4, "the commit is gone"
    lab.commits[RESULT] = ["e" * 40, "d" * 40]
    assert forge("approved", "--out", "approved.json") == 4, "it merged an older head"
    lab.commits[RESULT] = ["e" * 40, HEAD]
    assert forge("approved", "--out", "approved.json") == 0
    lab.pipelines[0]["ref"] = "refs/heads/elsewhere"
    assert forge("approved", "--out", "approved.json") == 4


def told(lab: Lab) -> list[tuple[str, str, str]]:
    return [(each["environment"]["name"], each["sha"], each["status"]) for each in lab.deployments]


def test_releases_become_deployments_once(lab: Lab, forge: Forge) -> None:
    ends = {"converged": ("qwen/staging",), "rolled_back": ("qwen/production",)}
    Path("apply.jsonl").write_text(events(3, **ends))
    for _ in range(2):
        assert forge("deployments", "apply.jsonl") == 0
    assert "2 releases shown" in said()
    staging = ("qwen/staging", MERGED, "success")
    assert told(lab) == [staging, ("qwen/production", MERGED, "failed")]
    assert {(each["ref"], each["tag"]) for each in lab.deployments} == {("main", False)}
    assert len(lab.writes) == 2
    # The same commit succeeds after all: a new one, since GitLab keeps what has ended.
    Path("apply.jsonl").write_text(events(0, converged=("qwen/staging", "qwen/production")))
    assert forge("deployments", "apply.jsonl") == 0
    assert told(lab)[2:] == [("qwen/production", MERGED, "success")]


def test_a_release_on_its_way_is_brought_to_its_end(lab: Lab, forge: Forge) -> None:
    Path("apply.jsonl").write_text(events(7, running=("qwen/staging", "qwen/production")))
    for _ in range(2):
        assert forge("deployments", "apply.jsonl") == 0
    Path("apply.jsonl").write_text(events(0, converged=("qwen/staging", "qwen/production")))
    assert forge("deployments", "apply.jsonl") == 0
    assert [each.partition(" ")[0] for each in lab.writes] == ["POST", "POST", "PUT", "PUT"]
    assert {each[2] for each in told(lab)} == {"success"}


def test_a_deployment_of_a_job_is_left_alone(lab: Lab, forge: Forge) -> None:
    theirs = {
        "id": 1,
        "sha": MERGED,
        "status": "running",
        "environment": {"name": "qwen/staging"},
        "deployable": {"id": 5},
    }
    lab.deployments.append(theirs)
    Path("apply.jsonl").write_text(events(0, converged=("qwen/staging", "qwen/production")))
    assert forge("deployments", "apply.jsonl") == 0
    assert [each[2] for each in told(lab)] == ["running", "success", "success"]


@pytest.mark.parametrize("model", ["qwen 3 (8b)", "qwen 3 [8b]", "/modèle/", "q" * 300])
def test_every_model_has_an_environment_of_its_own(lab: Lab, forge: Forge, model: str) -> None:
    text = events(0, converged=(f"{model}/staging", f"{model}/production"))
    Path("apply.jsonl").write_text(text.replace('"qwen"', f'"{model}"'))
    assert forge("deployments", "apply.jsonl") == 0
    names = [each[0] for each in told(lab)]
    assert len(set(names)) == 2
    assert not any("qwen/" in name for name in names)
    assert all(stand_in.ENVIRONMENT.fullmatch(name) and len(name) <= 255 for name in names)


def test_a_project_without_a_branch(lab: Lab, forge: Forge) -> None:
    lab.default_branch = None
    Path("apply.jsonl").write_text(events(0, converged=("qwen/staging",)))
    assert forge("deployments", "apply.jsonl") == 1
    assert "names no default branch" in said()


def test_one_issue_while_it_is_needed(lab: Lab, forge: Forge) -> None:
    Path("drift.md").write_text("<!-- gitops drift -->\n\nSomebody set max_replica.\n")
    Path("more.md").write_text("<!-- gitops drift -->\n\nAnd min_replica.\n")
    theirs = {"iid": 1, "state": "opened", "title": "x", "author": {"username": "ada"}}
    lab.issues = [{**theirs, "description": Path("drift.md").read_text()}]
    for file in ("drift.md", "drift.md", "more.md"):
        assert forge("issue", file) == 0
    assert [each["description"] for each in lab.issues[1:]] == [Path("more.md").read_text()]
    assert forge("issue", "more.md", "--close") == 0
    assert forge("issue", "more.md", "--close") == 0
    assert [each["state"] for each in lab.issues] == ["opened", "closed"]
    assert forge("issue", "drift.md") == 0
    assert lab.issues[2]["state"] == "opened"
    assert len(lab.writes) == 4
