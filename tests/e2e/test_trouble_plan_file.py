"""Saved plans that no longer hold: another world, another hand, another version."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from gitops.emulator import running
from tests.e2e.trouble import ROOT, Ended, Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS
from tests.repositories import Repository

WIDER = STAGING.replace("max_replica: 2", "max_replica: 3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trouble]:
    """Staging serves; Git asks for another setting since, and a plan of that is saved."""
    with trouble(tmp_path_factory.mktemp("plans"), truss(), release(STAGING)) as made:
        assert made.apply().code == 0
        made.commit(release(WIDER))
        assert made.gitops("plan", "--out", "../plan.json", "--detailed-exitcode").code == 2
        yield made


def applied(made: Trouble, plan: str, cwd: Path | None = None, **environ: str) -> Ended:
    return made.gitops("apply", "--yes", "--format", "json", "--plan", plan, cwd=cwd, **environ)


def refused(ended: Ended, code: int, *said: str) -> None:
    assert (ended.code, ended.writes) == (code, []), ended.err
    assert [(each["type"], each["exit_code"]) for each in ended.events] == [
        ("apply_finished", code)
    ]
    for words in said:
        assert words in ended.err


def altered(made: Trouble, name: str, change: dict[str, Any]) -> str:
    document = json.loads((made.folder / "plan.json").read_text())
    (made.folder / name).write_text(json.dumps({**document, **change}))
    return f"../{name}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        (b"", "is no plan: it is not JSON"),
        (b"\xff\xfe\x00", "cannot be read: it is not text"),
        (b'{"format_version": "1", ', "is no plan: it is not JSON"),
        (b'["a plan"]', "is no plan: it is not a JSON object"),
        (b'{"format_version": "2"}', "format_version is '2', and this version of gitops reads '1'"),
        (b"{}", "format_version is None"),
    ],
    ids=["missing", "empty", "binary", "cut", "array", "other-version", "no-version"],
)
def test_what_is_no_plan_is_1(made: Trouble, content: bytes | None, said: str) -> None:
    path = made.folder / "odd.json"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    ended = applied(made, "../odd.json")
    refused(ended, 1, said)
    assert ended.requests == []


def test_a_plan_that_was_edited_is_4(made: Trouble) -> None:
    ended = applied(made, altered(made, "edited.json", {"commit": "0" * 40}))
    refused(ended, 4, "was edited after it was written")
    assert ended.requests == []


def test_a_plan_of_another_repository_is_4(made: Trouble, tmp_path: Path) -> None:
    other = Repository.create(tmp_path / "other", {"README.md": "elsewhere\n"})
    plan = str(made.folder / "plan.json")
    refused(applied(made, plan, other.path), 4, "it was made in another repository")


def test_a_plan_of_another_api_and_workspace_is_4(made: Trouble) -> None:
    with running(seed=8, rate_limits=False) as elsewhere:
        ended = applied(made, "../plan.json", **elsewhere.environ())
        assert [each["method"] for each in elsewhere.requests(writes=True)] == []
    refused(ended, 4, f"it was made for the API at {made.emulator.api_url}", "for workspace")


def test_a_plan_file_is_looked_for_where_it_was_saved(made: Trouble) -> None:
    arguments = ("-C", "work", "apply", "--plan", "../plan.json")
    ended = made.gitops(*arguments, cwd=made.folder)
    assert ended.code == 4
    assert "there is no terminal to ask on" in ended.err
    assert "autoscaling.max_replica" in ended.err


def test_a_plan_of_a_model_that_git_no_longer_manages_is_4(made: Trouble, tmp_path: Path) -> None:
    copy = Repository(made.folder / "remote.git").clone(tmp_path / "copy")
    copy.commit({"releases/triage.yaml": None})
    ended = applied(made, str(made.folder / "plan.json"), copy.path)
    refused(ended, 4, "triage: Git does not manage it any more")


def test_a_plan_of_nothing_does_nothing(made: Trouble) -> None:
    saved = made.gitops("plan", "--changed", "HEAD", "--out", "../none.json", "--format", "json")
    assert saved.code == 0
    assert saved.document["summary"]["models"] == 0
    ended = applied(made, "../none.json")
    assert (ended.code, ended.writes) == (0, [])
    assert ended.events[0]["models"] == []
    assert [each["type"] for each in ended.events] == ["apply_started", "apply_finished"]
    assert made.environment("staging").autoscaling.max_replica == 2


def test_plans_and_events_fit_their_schemas(made: Trouble) -> None:
    plan = json.loads((ROOT / "schemas" / "plan.schema.json").read_text())
    event = json.loads((ROOT / "schemas" / "event.schema.json").read_text())
    printed = made.gitops("plan", "--format", "json").document
    jsonschema.validate(printed, plan)
    jsonschema.validate(json.loads((made.folder / "plan.json").read_text()), plan)
    for each in applied(made, altered(made, "bad.json", {"dirty": True})).events:
        jsonschema.validate(each, event)


def test_a_click_in_between_is_4_and_an_unrelated_commit_is_not(tmp_path: Path) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        schema = json.loads((ROOT / "schemas" / "event.schema.json").read_text())
        first = made.apply("--format", "json")
        assert first.code == 0
        for each in first.events:
            jsonschema.validate(each, schema)
        made.commit(release(WIDER))
        assert made.gitops("plan", "--out", "../plan.json").code == 0
        click(made, 7)
        ended = applied(made, "../plan.json")
        refused(ended, 4, "triage/staging: Baseten has other values now", "max_replica")
        assert made.environment("staging").autoscaling.max_replica == 7
        assert made.gitops("plan", "--out", "../plan.json").code == 0
        made.commit({"README.md": "another commit, the same releases\n"})
        ended = applied(made, "../plan.json")
        assert ended.code == 0, ended.err
        assert [each.partition(" ")[0] for each in ended.writes] == ["PATCH"]
        assert made.environment("staging").autoscaling.max_replica == 3
        again = applied(made, "../plan.json")
        assert (again.code, again.writes) == (0, []), again.err
        click(made, 9)
        refused(applied(made, "../plan.json"), 4, "does not fit any more", "(9, not 7)")


def click(made: Trouble, max_replica: int) -> None:
    [model] = made.emulator.world.models.values()
    answer = httpx.patch(
        f"{made.emulator.api_url}/v1/models/{model.id}/environments/staging",
        json={"autoscaling_settings": {"max_replica": max_replica}},
        headers={"Authorization": "Bearer some.body", "X-Emulator-Actor": "ui:ada@example.invalid"},
        timeout=HANGS,
    )
    assert answer.status_code == 200, answer.text
    made.until(lambda: made.environment("staging").autoscaling.max_replica == max_replica)
