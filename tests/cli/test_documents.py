"""Every JSON document that a command prints is what its schema says, field by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from jsonschema.validators import validator_for

from gitops.cli.main import run
from gitops.cli.schema import DOCUMENTS, schema_text
from tests.apply.stage import Stage, stage
from tests.echo import release, truss

STAGING = """\
  staging:
    commit: HEAD
    autoscaling: {min_replica: 1, max_replica: 1}
    checks: [smoke]
    watch: {for: 600ms, error_rate: 0.05}
  production:
    commit: HEAD
    requires: staging
  resting:
    commit: HEAD
    mode: pause
"""
RETENTION = "retention: {keep: 0, older_than: 0s}\n"
Printed = Callable[..., str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One version serves, another failed its checks, and somebody has changed a setting."""
    files = {path: text + RETENTION for path, text in release(STAGING).items()}
    with stage(tmp_path_factory.mktemp("documents"), truss(), files) as made:
        assert made.apply().exit_code == 0
        made.commit(truss("two", "reply: {text: goodbye}"))
        assert made.apply().exit_code == 5
        headers = {"Authorization": f"Bearer {made.emulator.api_key}"}
        with httpx.Client(base_url=made.emulator.api_url, headers=headers) as http:
            path = f"/v1/models/{made.model_id()}/environments/staging"
            http.patch(path, json={"autoscaling_settings": {"max_replica": 3}}).raise_for_status()
        yield made


@pytest.fixture
def printed(
    made: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Printed:
    for name, value in made.emulator.environ().items():
        monkeypatch.setenv(name, value)

    def printed(*arguments: str, code: int = 0) -> str:
        try:
            ended = run(["-C", str(made.work.path), *arguments])
        except SystemExit as end:
            ended = int(end.code or 0)
        assert ended == code
        return capsys.readouterr().out

    return printed


def closed(node: Any) -> Any:
    """The schema with no field allowed that it does not name."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: closed(each) for key, each in node.items()}
    if isinstance(found.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return found


def hold(name: str, document: Any) -> None:
    schema = closed(json.loads(schema_text(name)))
    problems = validator_for(schema)(schema).iter_errors(document)
    assert [f"{each.json_path}: {each.message}" for each in problems] == []


COMMANDS = {
    "plan": ("plan", "--format", "json"),
    "status": ("status", "--format", "json"),
    "diff": ("diff", "HEAD~1", "--format", "json"),
    "drift": ("drift", "--format", "json"),
    "compile": ("compile", "--explain"),
    "validate": ("validate", "--format", "json"),
    "import": ("import", "--dry-run", "--format", "json"),
    "prune": ("prune", "--format", "json"),
    "standing": ("log", "--at", "2100-01-01", "--format", "json"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_command_prints(printed: Printed, name: str) -> None:
    document = json.loads(printed(*COMMANDS[name]))
    hold(name, document)
    # An empty list would prove little.
    [content] = [
        document[key]
        for key in ("models", "environments", "problems", "logs", "files")
        if key in document
    ][:1]
    assert content or name in {"validate", "import"}


def test_what_a_check_prints(printed: Printed) -> None:
    document = json.loads(printed("check", "triage", "staging", "--format", "json", code=5))
    assert document["checks"][0]["failing"]
    hold("check", document)


def test_what_validate_finds(made: Stage, printed: Printed) -> None:
    broken = made.work.path / "releases" / "broken.yaml"
    broken.write_text("version: 2\n")
    try:
        document = json.loads(printed("validate", "--format", "json", code=1))
    finally:
        broken.unlink()
    assert document["problems"]
    hold("validate", document)


def test_the_entries_of_the_log(printed: Printed) -> None:
    document = json.loads(printed("log", "--format", "json"))
    entries = [entry for log in document["logs"] for entry in log["entries"]]
    assert len(entries) >= 2
    plain = deepcopy(document)
    for log in plain["logs"]:
        log["entries"] = [
            {key: entry[key] for key in ("id", "kept", "event", "at", "environment")}
            for entry in log["entries"]
        ]
    hold("logs", plain)
    for entry in entries:
        hold("log", {key: each for key, each in entry.items() if key not in {"id", "kept"}})


def test_the_events_of_an_apply(made: Stage, printed: Printed) -> None:
    lines = printed("apply", "--env", "resting", "--yes", "--format", "json").splitlines()
    assert {json.loads(each)["type"] for each in lines} >= {"apply_started", "apply_finished"}
    for line in lines:
        hold("event", json.loads(line))
    saved = made.work.path / "saved.jsonl"
    saved.write_text("\n".join(lines) + "\n")
    shown = printed("show", "saved.jsonl", "--format", "json").splitlines()
    saved.unlink()
    assert shown == lines


def test_every_document_is_held() -> None:
    here = {*COMMANDS, "check", "logs", "log", "event"}
    assert here == set(DOCUMENTS) - {"release", "config"}
