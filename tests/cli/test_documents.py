"""Every JSON document that a command prints is what its schema says, field by field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema.validators import validator_for

from gitops.cli.main import run
from gitops.cli.schema import DOCUMENTS, schema_text
from tests.apply.stage import Stage, stage
from tests.echo import release, truss
from tests.patience import HANGS

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


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Stage]:
    """One version serves, another failed its checks, and somebody has changed a setting."""
    files = {path: text + RETENTION for path, text in release(STAGING).items()}
    with stage(tmp_path, truss(), files) as made:
        assert made.apply().exit_code == 0
        made.commit(truss("two", "reply: {text: goodbye}"))
        assert made.apply().exit_code == 5
        headers = {"Authorization": f"Bearer {made.emulator.api_key}"}
        with httpx.Client(base_url=made.emulator.api_url, headers=headers, timeout=HANGS) as http:
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


def problems(name: str, document: Any) -> list[str]:
    schema = closed(json.loads(schema_text(name)))
    found = validator_for(schema)(schema).iter_errors(document)
    return [f"{name} {each.json_path}: {each.message}" for each in found]


COMMANDS = {
    "plan": ("plan", "--format", "json"),
    "status": ("status", "--format", "json"),
    "diff": ("diff", "HEAD~1", "--format", "json"),
    "drift": ("drift", "--format", "json"),
    "compile": ("compile", "--explain"),
    "prune": ("prune", "--format", "json"),
    "standing": ("log", "--at", "2100-01-01", "--format", "json"),
}
LISTS = ("models", "environments", "logs")
"""What has to hold something, for the document to prove anything."""


# One test, so that what they are about is made once.
def test_what_commands_print(made: Stage, printed: Printed) -> None:
    found = []
    for name, command in COMMANDS.items():
        document = json.loads(printed(*command))
        assert next(document[key] for key in LISTS if key in document), name
        found += problems(name, document)
    found += [*_check(printed), *_validate(made, printed), *_import(made, printed)]
    found += [*_logs(printed), *_events(made, printed)]
    assert found == []


def _check(printed: Printed) -> list[str]:
    document = json.loads(printed("check", "triage", "staging", "--format", "json", code=5))
    assert document["checks"][0]["failing"]
    return problems("check", document)


def _validate(made: Stage, printed: Printed) -> list[str]:
    assert json.loads(printed("validate", "--format", "json"))["valid"]
    broken = made.work.path / "releases" / "broken.yaml"
    broken.write_text("version: 2\n")
    document = json.loads(printed("validate", "--format", "json", code=1))
    broken.unlink()
    assert document["problems"]
    return problems("validate", document)


def _import(made: Stage, printed: Printed) -> list[str]:
    """As if no release file named the model yet."""
    release, aside = made.work.path / "releases" / "triage.yaml", made.work.path / "aside"
    release.rename(aside)
    document = json.loads(printed("import", "--dry-run", "--format", "json"))
    aside.rename(release)
    [file] = document["files"]
    assert file["environments"]
    return problems("import", document)


def _logs(printed: Printed) -> list[str]:
    """Entries have the fields of the log's own schema, and two more."""
    document = json.loads(printed("log", "--format", "json"))
    found = []
    for log in document["logs"]:
        assert len(log["entries"]) >= 2
        for entry in log["entries"]:
            own = {key: each for key, each in entry.items() if key not in {"id", "kept"}}
            found += problems("log", own)
        told = ("id", "kept", "event", "at", "environment")
        log["entries"] = [{key: entry[key] for key in told} for entry in log["entries"]]
    return [*found, *problems("logs", document)]


def _events(made: Stage, printed: Printed) -> list[str]:
    lines = printed("apply", "--env", "resting", "--yes", "--format", "json").splitlines()
    assert {json.loads(each)["type"] for each in lines} >= {"apply_started", "apply_finished"}
    (made.work.path / "saved.jsonl").write_text("\n".join(lines) + "\n")
    assert printed("show", "saved.jsonl", "--format", "json").splitlines() == lines
    return [each for line in lines for each in problems("event", json.loads(line))]


def test_every_document_is_held() -> None:
    here = {*COMMANDS, "check", "validate", "import", "logs", "log", "event"}
    assert here == set(DOCUMENTS) - {"release", "config"}
