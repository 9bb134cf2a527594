"""Checks against a served model: streams, numbers near a value, and a model that has to wake."""

from __future__ import annotations

from pathlib import Path

from gitops.plan.events import ActionFinished, ActionProgress, ActionStarted
from tests.apply.stage import Stage, stage
from tests.echo import CHAT, truss

RELEASE = """\
version: 1
model: triage
truss: trusses/triage
environments:
  staging:
    commit: HEAD
    autoscaling: {min_replica: 0, max_replica: 1}
    checks: [check]
checks:
  check:
    path: /v1/chat/completions
%s
"""
STREAM = """\
    request: {messages: [{role: user, content: ping}], max_tokens: 8, stream: true}
    stream: true
    runs: 4
    concurrency: 2
    warmup: 1
    expect:
      contains: ping
      latency: {first_token: %s, p95: 3m}
"""
NUMBER = """\
    request: {messages: [{role: user, content: ping}], max_tokens: 8}
    expect: {at: '$.choices[0].index', close_to: {value: %s, tolerance: 0.5}}
"""
COMPARISON = """\
    request: {messages: [{role: user, content: ping}], max_tokens: 8}
    runs: 6
    expect: {than_current: {latency: {p50: 1.2}}}
"""


def files(check: str, note: str = "one", latency: int = 20) -> dict[str, str]:
    """A model that chats, `latency` in milliseconds."""
    chats = truss(note, f"latency_ms: {latency}", route=CHAT)
    return {**chats, "releases/triage.yaml": RELEASE % check}


def measured(made: Stage) -> dict[str, object]:
    done = next(
        each for each in made.events if isinstance(each, ActionFinished) and each.kind == "check"
    )
    measurements = done.figures["measurements"]
    assert isinstance(measurements, list)
    return {each["what"]: each for each in measurements}


def test_a_stream_is_timed_to_its_first_token(tmp_path: Path) -> None:
    with stage(tmp_path, files(STREAM % "3m")) as made:
        assert made.apply().exit_code == 0, made.events[-1]
        found = measured(made)["check.latency.first_token"]
        assert isinstance(found, dict)
        assert found["samples"] == 4
        assert 0.0 < found["value"] < 180.0


def test_a_stream_that_begins_too_late_fails(tmp_path: Path) -> None:
    with stage(tmp_path, files(STREAM % "1ms")) as made:
        assert made.apply().exit_code == 5, made.events[-1]
        assert made.told() == ["staging rejected"]


def test_a_number_near_a_value(tmp_path: Path) -> None:
    with stage(tmp_path, files(NUMBER % "0.3")) as made:
        assert made.apply().exit_code == 0, made.events[-1]
        made.commit(files(NUMBER % "7", "two"))
        assert made.apply().exit_code == 5
        failure = made.events[-1].failures[0].failure
        assert "1 of 1 requests failed." in failure.happened
        assert any("0 is not within 0.5 of 7" in line for line in failure.details)


def test_what_scaled_to_zero_is_woken_first(tmp_path: Path) -> None:
    with stage(tmp_path, files(NUMBER % "0")) as made:
        made.once(
            lambda event: isinstance(event, ActionStarted) and event.kind == "check",
            lambda: made.emulator.set_status(made.newest(), "SCALED_TO_ZERO"),
        )
        assert made.apply().exit_code == 0, made.events[-1]
        said = [each.message for each in made.events if isinstance(each, ActionProgress)]
        assert any(each.startswith("waking") for each in said)


def test_what_is_much_slower_than_what_serves_is_rejected(tmp_path: Path) -> None:
    with stage(tmp_path, files(COMPARISON)) as made:
        assert made.apply().exit_code == 0, made.events[-1]
        made.commit(files(COMPARISON, latency=300))
        assert made.apply().exit_code == 5, made.events[-1]
        assert made.told()[-1] == "staging rejected"
        found = measured(made)["check.than_current.latency.p50"]
        assert isinstance(found, dict)
        assert found["value"] > 1.2
        said = [each.message for each in made.events if isinstance(each, ActionProgress)]
        assert any(each.startswith("comparing deployment ") for each in said)
