"""`gitops apply --events FILE`: the file has an end, and never stops an apply."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.cli.eventfile import EventFile
from gitops.cli.main import run
from gitops.errors import GitopsError, Refused
from gitops.plan import stream
from gitops.plan.events import ApplyEvent, ApplyFinished, ApplyStarted
from gitops.render.apply_markdown import summary

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STARTED = ApplyStarted(time=NOW, commit="4be1c02f" * 5, api_url="http://x", workspace="acme")


def _ended_by(path: Path, error: BaseException, *events: ApplyEvent) -> None:
    with EventFile(path) as file:
        for each in events:
            file.write(each)
        raise error


def test_what_an_error_ends_has_its_three_sentences(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(Refused), EventFile(path):
        raise Refused("the plan no longer holds: max_replica is 5", hint="Plan again.")
    [finished] = stream.read(path.read_text())
    assert isinstance(finished, ApplyFinished)
    assert finished.exit_code == 4
    [told] = finished.failures
    assert told.failure.happened == "The plan no longer holds: max_replica is 5."
    assert told.failure.serves_now == "This run changed nothing: what served before serves."
    assert told.failure.next == "Plan again."


def test_a_rollback_that_was_refused_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(Refused), EventFile(path, back="triage/production"):
        raise Refused("it serves already", hint="Merge back.")
    text = summary(list(stream.read(path.read_text())))
    assert "### Rollback of `triage/production`: refused or blocked (exit 4)" in text
    assert "- What to do: Merge back." in text


def test_an_interrupt_and_an_end_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(KeyboardInterrupt):
        _ended_by(path, KeyboardInterrupt(), STARTED)
    assert [type(each) for each in stream.read(path.read_text())] == [ApplyStarted, ApplyFinished]
    with pytest.raises(GitopsError):
        _ended_by(path, GitopsError("afterwards"), STARTED, ApplyFinished(time=NOW, exit_code=0))
    assert len(list(stream.read(path.read_text()))) == 2


def test_a_full_disk_is_told_and_stops_nothing() -> None:
    with EventFile(Path("/dev/full")) as events:
        events.write(STARTED)
        events.write(STARTED)
    assert events.problem == "full does not hold all events: No space left on device"


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing" / "events.jsonl")
    assert run(["-C", str(tmp_path), "apply", "--yes", "--events", missing]) == 1
    assert "the events cannot be written to events.jsonl" in capsys.readouterr().err
