"""Answers judged in a process of their own: as at home, and within a limit."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest

from gitops import judging
from gitops.apply.clock import StopFlag
from gitops.errors import Interrupted
from gitops.judging import apart
from gitops.state.desired import Expect
from gitops.verify.observation import Answer
from gitops.verify.shot import Kind, Shot, judge_all


def shot(expect: Expect, body: Any, **more: Any) -> Shot:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Shot(body={}, expect=expect, answer=Answer(status=200, seconds=0.1, body=raw), **more)


def test_it_says_what_would_be_said_at_home() -> None:
    shots = [
        shot(Expect(matches="^o"), b"ok"),
        shot(Expect(matches="^no"), b"ok", line=2),
        shot(Expect(), b"ok"),
        shot(Expect(schema={"type": "object"}), {"a": 1}),
        shot(Expect(schema={"type": "array"}), {"a": 1}),
        shot(Expect(at="$.a", equals=1, equals_given=True), {"a": 1}),
        shot(Expect(at="$.b", contains="\x1b"), {"b": "x"}),
        Shot(body={}, expect=Expect(matches="x"), answer=Answer(status=None, seconds=9.0)),
        shot(Expect(contains="no"), b"ok"),
    ]
    found = apart(shots, timeout=5.0)
    assert found == judge_all(shots, timeout=5.0)
    assert [each.kind for each in found] == [
        *(Kind.GOOD, Kind.BAD, Kind.GOOD, Kind.GOOD, Kind.BAD, Kind.GOOD, Kind.BAD),
        *(Kind.SLOW, Kind.BAD),
    ]


EXPLODING = {
    "$defs": {f"d{each}": {"allOf": [{"$ref": f"#/$defs/d{each + 1}"}] * 10} for each in range(30)}
    | {"d30": {"type": "object"}},
    "$ref": "#/$defs/d0",
}


@pytest.mark.parametrize(
    ("expect", "body"),
    [
        (Expect(matches="(a+)+$"), b"a" * 60 + b"!"),
        (Expect(schema={"items": {"pattern": "(a+)+$"}}), ["a" * 60 + "!"]),
        (Expect(schema=EXPLODING), {}),
        (Expect(at="$" + "..*" * 12, equals=1, equals_given=True), [[[[[[1] * 9] * 9] * 9]] * 9]),
    ],
    ids=["pattern", "pattern in a schema", "references", "path"],
)
def test_what_would_take_for_ever_says_nothing(expect: Expect, body: Any) -> None:
    found = apart([shot(Expect(matches="o"), b"ok"), shot(expect, body)], timeout=5.0, limit=1.0)
    # The first one is judged by then, unless the machine is too busy to begin.
    assert found[0].kind in {Kind.GOOD, Kind.UNKNOWN}
    assert found[1].kind is Kind.UNKNOWN
    assert found[1].reason == (
        "could not be judged: what is expected takes longer than 1 s, or too much memory"
    )


def test_who_is_asked_to_stop_does_not_wait_for_a_judgement() -> None:
    stop, asked = StopFlag(), []

    def attend() -> None:
        asked.append(len(asked))
        stop.set("SIGTERM")
        stop.check()

    with pytest.raises(Interrupted):
        apart([shot(Expect(matches="(a+)+$"), b"a" * 60 + b"!")], timeout=5.0, attend=attend)
    assert asked == [0]


def test_what_takes_all_memory_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "_CHILD", judging._CHILD.replace("child()", "raise MemoryError"))
    (found,) = apart([shot(Expect(matches="o"), b"ok")], timeout=5.0)
    assert found.kind is Kind.UNKNOWN


def test_a_machine_that_can_start_nothing_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    (found,) = apart([shot(Expect(matches="o"), b"ok")], timeout=5.0)
    assert found.kind is Kind.UNKNOWN
    assert "no process can be started to do it in" in found.reason


def test_the_process_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASETEN_API_KEY", "secret")
    monkeypatch.setenv("ELSE", "handed on")
    told = "import json, os; print(json.dumps(['bad', ' '.join(sorted(os.environ))]))"
    monkeypatch.setattr(judging, "_CHILD", told)
    (found,) = apart([shot(Expect(matches="o"), b"ok")], timeout=5.0)
    assert "ELSE" in found.reason.split()
    assert "BASETEN_API_KEY" not in found.reason
    assert os.environ["BASETEN_API_KEY"] == "secret"


def test_what_is_nested_too_deeply_is_wrong_and_no_accident() -> None:
    deep = b"[" * 900 + b"]" * 900
    (found,) = judge_all([shot(Expect(equals=1, equals_given=True), deep)], timeout=5.0)
    assert found.kind is Kind.BAD
    assert found.story
