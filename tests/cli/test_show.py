"""`gitops show`: saved plans and streams of events, without network."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.cli.main import run
from gitops.plan import document
from gitops.plan.events import ApplyFinished, ApplyStarted
from gitops.render import plan_markdown, plan_text
from gitops.render.events import json_line
from tests.render.plans import fleet

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
EVENTS = "".join(
    map(
        json_line,
        (
            ApplyStarted(time=START, commit="4be1c02f" * 5, api_url="http://x", workspace="acme"),
            ApplyFinished(time=START, exit_code=7, running=("qwen/production",)),
        ),
    )
)


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "plan.json"
    path.write_text(document.to_text(fleet()))
    return path


def test_a_saved_plan_in_every_format(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "plan.json"]) == 0
    assert capsys.readouterr().out == plan_text.render(fleet())
    assert run(["show", "plan.json", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == plan_markdown.render(fleet())
    assert run(["show", "plan.json", "--format", "json"]) == 0
    assert capsys.readouterr().out == saved.read_text()


def test_a_file_is_looked_for_in_the_folder_that_was_asked_for(
    saved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert run(["-C", str(saved.parent), "show", "plan.json"]) == 0
    assert capsys.readouterr().out == plan_text.render(fleet())


def test_events_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "apply.jsonl"
    path.write_text(EVENTS)
    assert run(["show", str(path)]) == 0
    assert "still running: qwen/production" in capsys.readouterr().out
    assert run(["show", str(path), "--format", "json"]) == 0
    assert capsys.readouterr().out == EVENTS
    assert run(["show", str(path), "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("```\n2026-11-20T12:00:00Z")


def test_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EVENTS.encode())))
    assert run(["show", "-"]) == 0
    assert "still running" in capsys.readouterr().out


def test_a_plan_that_was_edited_is_refused(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = json.loads(saved.read_text())
    body["models"] = []
    saved.write_text(json.dumps(body))
    assert run(["show", "plan.json"]) == 4
    out, err = capsys.readouterr()
    assert out == ""
    assert "plan.json was edited" in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not text"),
        (b'{"format_version": "9"}', "format_version is '9'"),
        (b'{"type": "nap"}\n', "what.json:1: no apply event"),
        (b"[1, 2]", "not a JSON object"),
    ],
)
def test_what_is_neither_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    (tmp_path / "what.json").write_bytes(content)
    assert run(["-C", str(tmp_path), "show", "what.json"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err


def test_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "show", "nothing.json"]) == 1
    assert "there is no file nothing.json" in capsys.readouterr().err
