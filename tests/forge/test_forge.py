"""`gitops forge` against a stand-in for GitHub that knows GitHub's published document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.plan import document
from gitops.render import plan_markdown
from tests.forge import hub as stand_in
from tests.forge import published
from tests.forge.calling import MERGED, Forge, brought_back, calling, events, said
from tests.forge.hub import TOKEN, Hub
from tests.render.plans import fleet

HEAD = "a" * 40


@pytest.fixture
def hub() -> Iterator[Hub]:
    with stand_in.running() as it:
        yield it
        assert it.refused == []


@pytest.fixture
def forge(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Forge:
    """`gitops forge …` in a job for pull request 7; the token is in none of its output."""
    variables = hub.environ(GITHUB_REF="refs/pull/7/merge", GITHUB_SHA=MERGED)
    return calling(variables, TOKEN, tmp_path, monkeypatch, capfd)


def test_one_comment_is_written_once_and_brought_up_to_date_in_place(
    hub: Hub, forge: Forge
) -> None:
    hub.comments[7] = [
        {"id": 1, "user": {"login": "ada"}, "body": f"{plan_markdown.MARKER}\nmine, hands off"},
        {"id": 2, "user": {"login": stand_in.ACTIONS}, "body": "of another workflow"},
    ]
    assert forge("comment", "plan.json") == 0
    assert [each["body"] for each in hub.comments[7]][2:] == [plan_markdown.render(fleet())]
    assert forge("comment", "plan.json") == 0
    assert "unchanged" in said()
    Path("other.md").write_text(f"{plan_markdown.MARKER}\n\nNothing to do.\n")
    assert forge("comment", "other.md") == 0
    Path("diff.md").write_text("<!-- gitops diff -->\n\nA diff.\n")
    assert forge("comment", "diff.md") == 0
    assert [each["body"].strip() for each in hub.comments[7]] == [
        f"{plan_markdown.MARKER}\nmine, hands off",
        "of another workflow",
        f"{plan_markdown.MARKER}\n\nNothing to do.",
        "<!-- gitops diff -->\n\nA diff.",
    ]
    assert [each.partition(" ")[0] for each in hub.writes] == ["POST", "PATCH", "POST"]


def test_a_comment_names_the_commit_that_the_branch_shows(
    hub: Hub, forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = tmp_path / "event.json"
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    plain = plan_markdown.render(fleet())
    told = f"For commit {HEAD[:12]} of this branch, as merged: commit {MERGED[:12]}."
    for written, named in (
        (json.dumps({"pull_request": {"head": {"sha": HEAD}}}), True),
        (json.dumps({"pull_request": {"head": {"sha": f"{HEAD} @everyone"}}}), False),
        (json.dumps({"pull_request": {"head": {"sha": MERGED}}}), False),
        ("[]", False),
        ("{", False),
    ):
        event.write_text(written)
        assert forge("comment", "plan.json") == 0
        [comment] = hub.comments[7]
        assert comment["body"].startswith(f"{plan_markdown.MARKER}\n\n### Plan: ")
        assert (told in comment["body"]) is named
        assert comment["body"].replace(f"{told}\n\n", "") == plain
    event.write_text(json.dumps({"pull_request": {"head": {"sha": HEAD}}}))
    assert forge("comment", "plan.json", "--pull-request", "8") == 0
    assert hub.comments[8][0]["body"] == plain
    full = f"{plan_markdown.MARKER}\n\n{'x' * plan_markdown.LIMIT}"[: plan_markdown.LIMIT - 20]
    Path("full.md").write_text(full)
    assert forge("comment", "full.md") == 0
    assert hub.comments[7][0]["body"].strip() == full


def test_a_commit_without_a_plan_is_said_to_have_none(
    hub: Hub, forge: Forge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert forge("comment") == 1
    assert forge("comment", "plan.json", "--failed") == 1
    assert "either a FILE or --failed" in said()
    assert forge("comment", "plan.json") == 0
    for head in (MERGED, HEAD):
        assert forge("comment", "--failed") == 0
        [comment] = hub.comments[7]
        assert comment["body"].startswith(
            f"{plan_markdown.MARKER}\n\n### There is no plan for commit {head[:12]}\n\n"
            f"[The job that plans]({hub.url}/acme/models/actions/runs/77) has failed"
        )
        (tmp_path / "event").write_text(json.dumps({"pull_request": {"head": {"sha": HEAD}}}))
        monkeypatch.setenv("GITHUB_EVENT_PATH", str(tmp_path / "event"))
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.example/) ![x](https://evil.example")
    assert forge("comment", "--failed") == 0
    assert "](" not in hub.comments[7][0]["body"]
    assert forge("comment", "plan.json") == 0
    *_, below = plan_markdown.render(fleet()).partition("qwen-3-8b/staging gets")
    assert below in hub.comments[7][0]["body"]
    assert len(hub.comments[7]) == 1


def test_two_comments_of_ours_become_one(hub: Hub, forge: Forge) -> None:
    hub.login = "release-bot"
    hub.comments[7] = [
        {"id": number, "user": {"login": "release-bot"}, "body": f"{plan_markdown.MARKER}\nold"}
        for number in range(1, 121)
    ]
    assert forge("comment", "plan.json") == 0
    assert [each["id"] for each in hub.comments[7]] == [1]
    assert hub.comments[7][0]["body"] == plan_markdown.render(fleet())


def test_a_comment_needs_a_pull_request_and_its_mark(
    hub: Hub, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    assert forge("comment", "plan.json") == 1
    assert "--pull-request NUMBER" in said()
    assert forge("comment", "plan.json", "--pull-request", "9") == 0
    assert len(hub.comments[9]) == 1
    Path("plain.md").write_text("no mark")
    assert forge("comment", "plain.md") == 1
    monkeypatch.delenv("GITHUB_TOKEN")
    assert forge("comment", "plan.json") == 1
    assert "GITHUB_TOKEN is not set" in said()


def test_a_forge_in_trouble_is_asked_again_and_a_write_is_sent_once(hub: Hub, forge: Forge) -> None:
    hub.trouble = [(502, {}), (429, {"Retry-After": "3"}), (403, {"Retry-After": "1"})]
    assert forge("comment", "plan.json") == 0
    assert len(hub.comments[7]) == 1
    # Two reads go well, and then the write does not.
    hub.login = "release-bot"
    hub.trouble = []
    assert forge("comment", "plan.json", "--pull-request", "8") == 0
    before = len(hub.requests)
    hub.trouble = [(500, {})] * 5
    assert forge("comment", "plan.json", "--pull-request", "8") == 1
    assert len(hub.requests) == before + 5
    assert "GitHub answers GET /user with 500: trouble" in said()


def test_a_forge_that_is_not_there(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    assert forge("comment", "plan.json") == 1
    assert "GitHub did not answer GET /user" in said()
    monkeypatch.setenv("GITHUB_API_URL", "http://forge.example")
    assert forge("comment", "plan.json") == 1
    assert "GITHUB_API_URL" in said()
    assert "unencrypted" in said()


def test_the_plan_of_the_pull_request_that_brought_the_commit(hub: Hub, forge: Forge) -> None:
    assert forge("approved", "--out", "approved.json") == 4
    assert "nobody has approved a plan" in said()
    hub.pulls = [
        {"number": 6, "head": {"sha": "c" * 40}, "merged_at": None, "brought": [MERGED]},
        {
            "number": 7,
            "head": {"sha": HEAD},
            "merged_at": "2026-11-22T00:00:00Z",
            "brought": [MERGED],
        },
    ]
    assert forge("approved", "--out", "approved.json") == 4
    assert "no plan of pull request 7" in said()
    name, right = f"gitops-plan-{HEAD}", document.to_text(fleet()).encode()
    hub.upload(name, {"gitops-plan.json": b"of a fork"}, HEAD, fork=True)
    hub.upload(name, {"gitops-plan.json": b"of another commit"}, "d" * 40)
    assert forge("approved", "--out", "approved.json") == 4
    hub.upload(name, {"gitops-plan.json": b"an older one"}, HEAD)
    hub.upload(name, {"gitops-plan.json": right}, HEAD)
    assert forge("approved", "--out", "approved.json") == 0
    assert Path("approved.json").read_bytes() == right
    assert hub.strangers == [""], "the token goes to no other host"
    hub.upload(name, {"other.json": b""}, HEAD)
    assert forge("approved", "--out", "approved.json") == 1
    assert "holds no gitops-plan.json" in said()


def test_releases_become_deployments_once(hub: Hub, forge: Forge) -> None:
    ends = {"converged": ("qwen/staging", "qwen/lab"), "rolled_back": ("qwen/production",)}
    Path("apply.jsonl").write_text(events(3, **ends))
    for _ in range(2):
        assert forge("deployments", "apply.jsonl") == 0
    assert "2 releases shown" in said()
    told = [
        (each["environment"], each["ref"], [one["state"] for one in each["statuses"]])
        for each in hub.deployments
    ]
    assert told == [
        ("qwen/staging", MERGED, ["success"] * 2),
        ("qwen/production", MERGED, ["failure"] * 2),
    ]
    assert [each["production_environment"] for each in hub.deployments] == [False, True]
    assert forge("deployments", "plan.json") == 1


def test_after_a_rollback_by_hand_the_bad_release_is_not_the_active_one(
    hub: Hub, forge: Forge
) -> None:
    Path("apply.jsonl").write_text(events(0, converged=("qwen/production",)))
    Path("back.jsonl").write_text(brought_back("6c" * 20))
    assert forge("deployments", "apply.jsonl") == 0
    for _ in range(2):
        assert forge("deployments", "back.jsonl") == 0
        assert "1 release shown" in said()
    told = [
        (each["ref"], {one["state"] for one in each["statuses"]}, each["statuses"][-1]["state"])
        for each in hub.deployments
        if each["environment"] == "qwen/production"
    ]
    assert told == [
        (MERGED, {"success", "inactive"}, "inactive"),
        ("6c" * 20, {"success"}, "success"),
    ]
    Path("back.jsonl").write_text(brought_back(None))
    assert forge("deployments", "back.jsonl") == 0
    assert "0 releases shown" in said()


def test_a_summary_and_outputs_for_later_steps(
    hub: Hub, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("apply.jsonl").write_text(events(3, rolled_back=("qwen/production",)))
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
        monkeypatch.setenv(name, str(Path(name).absolute()))
    assert forge("summary", "plan.json") == 0
    assert forge("summary", "apply.jsonl") == 0
    written = Path("GITHUB_STEP_SUMMARY").read_text()
    assert written.startswith(plan_markdown.render(fleet()))
    assert "What serves now: qwen/production serves commit 6cb20fb0828b again." in written
    assert "`<b>@everyone</b>`" in written
    outputs = dict(line.split("=", 1) for line in Path("GITHUB_OUTPUT").read_text().splitlines())
    assert outputs["changed"] == str(fleet().summary.changed)
    assert outputs["exit_code"] == "3"
    assert json.loads(outputs["rolled_back"]) == ["qwen/production"]
    assert hub.requests == []
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert forge("summary", "plan.json") == 0
    assert Path("out.txt").read_text() == plan_markdown.render(fleet())


def test_outputs_fit_into_a_dotenv_report(hub: Hub, forge: Forge) -> None:
    odd = 'a b/$HOME`x`\n"=é𝄞'
    Path("apply.jsonl").write_text(
        events(3, converged=(odd,), failed=tuple(f"model-{each}/staging" for each in range(300)))
    )
    assert forge("outputs", "apply.jsonl") == 0
    report = Path("out.txt").read_text()
    assert "failed is left out" in said()
    assert len(report) < 5 << 10
    assert report.isascii()
    assert set(report) & set(" $`\t") == set()
    values = dict(line.split("=", 1) for line in report.splitlines())
    assert json.loads(values["converged"]) == [odd]
    assert "failed" not in values
    assert values["exit_code"] == "3"
    assert forge("outputs", "plan.json") == 0
    assert f"changed={fleet().summary.changed}\n" in Path("out.txt").read_text()
    Path("diff.md").write_text("<!-- gitops diff -->\n")
    assert forge("outputs", "diff.md") == 1
    assert hub.requests == []


def test_one_issue_while_it_is_needed(hub: Hub, forge: Forge) -> None:
    Path("drift.md").write_text("<!-- gitops drift -->\n\nSomebody set max_replica.\n")
    Path("more.md").write_text("<!-- gitops drift -->\n\nAnd min_replica.\n")
    hub.issues = [
        {"number": 1, "state": "open", "title": "x", "user": {"login": "ada"}, "body": None},
        {
            "number": 2,
            "state": "open",
            "title": "A pull request",
            "user": {"login": stand_in.ACTIONS},
            "body": "<!-- gitops drift -->",
            "pull_request": {},
        },
    ]
    for file in ("drift.md", "drift.md", "more.md"):
        assert forge("issue", file) == 0
    assert [each["body"] for each in hub.issues[2:]] == [Path("more.md").read_text()]
    assert forge("issue", "more.md", "--close") == 0
    assert forge("issue", "more.md", "--close") == 0
    assert [each["state"] for each in hub.issues] == ["open", "open", "closed"]
    assert forge("issue", "drift.md") == 0
    assert hub.issues[3]["state"] == "open"
    assert len(hub.writes) == 4


def test_outside_of_a_ci_job(forge: Forge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert forge("comment", "plan.json") == 1
    assert "neither a job of GitHub Actions nor one of GitLab CI" in said()


def test_the_published_document_knows_what_github_does_not() -> None:
    path = "/repos/acme/models/issues/7/comments"
    known = published.document() is not None
    assert published.check("POST", path, {}, {"body": "text"}) is None
    for method, asked, query, body in (
        ("PUT", path, {}, {"body": "text"}),
        ("POST", path, {}, {"text": "text"}),
        ("POST", path, {}, {"body": 7}),
        ("POST", path, {}, None),
        ("GET", path, {"sorted": "1"}, None),
        ("GET", "/repos/acme/models/nothing", {}, None),
    ):
        assert (published.check(method, asked, query, body) is not None) == known


def test_a_comment_of_several_texts_stays_within_its_limit(hub: Hub, forge: Forge) -> None:
    Path("diff.md").write_text("<!-- gitops diff -->\n\n- `qwen` moves.\n")
    assert forge("comment", "plan.json", "diff.md") == 0
    [comment] = hub.comments[7]
    assert comment["body"].startswith(plan_markdown.render(fleet()).rstrip("\n"))
    assert "<summary>What changes in Git: commits, files and fields</summary>" in comment["body"]
    assert comment["body"].count("<!--") == 1
    Path("long.md").write_text(f"<!-- gitops diff -->\n\n{'x' * plan_markdown.LIMIT}\n")
    assert forge("comment", "plan.json", "long.md", "diff.md") == 0
    assert len(comment["body"]) < plan_markdown.LIMIT
    assert "too long for a comment" in comment["body"].lower()
    assert "`qwen` moves" in comment["body"]
