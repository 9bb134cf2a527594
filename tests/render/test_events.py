"""An apply as it is told while it runs, and again from its saved events."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from gitops.errors import GitopsError
from gitops.plan import stream
from gitops.plan.actions import ActionKind
from gitops.plan.events import (
    TYPES,
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    EnvironmentFailure,
    Failure,
    LogEntry,
    RollbackFinished,
    RollbackStarted,
    from_json,
    to_json,
)
from gitops.render.event_schema import schema
from gitops.render.events import Teller, json_line, render
from gitops.render.palette import ansi, plain
from tests.golden_files import Golden

SCHEMA = jsonschema.Draft202012Validator(schema())
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BAD = Failure(
    happened="Commit 4be1c02f0c5d was bad under real traffic in qwen/production.",
    serves_now="qwen/production serves commit 9d1c7a0b0000, ACTIVE.",
    next="Commit 4be1c02f0c5d is held there: correct the model.",
    details=("error_rate 0.12, at most 0.02, of 300 requests",),
)
UNREACHED = Failure(
    happened="Baseten did not answer.",
    serves_now="What bert serves could not be read; nothing was deleted.",
    next="When Baseten answers again, `gitops apply bert` continues.",
)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


PUSH = "qwen/" + "2e" * 32 + "/push"
STORY: tuple[ApplyEvent, ...] = (
    ApplyStarted(
        time=at(0),
        commit="4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4",
        api_url="https://api.baseten.co",
        workspace="acme",
        models=("qwen", "bert"),
        actions=4,
    ),
    ActionStarted(
        time=at(1), model="qwen", environment=None, action=PUSH, kind="push", reason="new pin"
    ),
    ActionProgress(
        time=at(30),
        model="qwen",
        environment=None,
        action=PUSH,
        kind="push",
        message="builds",
        status="BUILDING",
    ),
    ActionFinished(
        time=at(60),
        model="qwen",
        environment=None,
        action=PUSH,
        kind="push",
        result="ok",
        seconds=59.2,
        deployment_id="q93mzk7",
    ),
    ActionFinished(
        time=at(61),
        model="qwen",
        environment="production",
        action="qwen/production/check",
        kind="check",
        result="skipped",
        message="it served here before",
    ),
    LogEntry(
        time=at(62),
        model="qwen",
        environment="production",
        event="intent",
        entry="0f" * 20,
        subject="intent: production takes 4be1c02f0c5d",
    ),
    ActionProgress(
        time=at(70),
        model="qwen",
        environment="production",
        action="qwen/production/promote",
        kind="promote",
        message="traffic moves",
        status="RAMPING_UP",
        percent=25,
    ),
    ActionFinished(
        time=at(600),
        model="qwen",
        environment="production",
        action="qwen/production/watch",
        kind="watch",
        result="failed",
        seconds=500,
        figures={"error_rate": 0.12},
        failure=BAD,
    ),
    RollbackStarted(
        time=at(601),
        model="qwen",
        environment="production",
        reason="its error rate",
        from_deployment="q93mzk7",
        to_deployment="w5d8x2q",
    ),
    RollbackFinished(
        time=at(620),
        model="qwen",
        environment="production",
        confirmed=True,
        serving="w5d8x2q",
        seconds=19,
        failure=BAD,
    ),
    LogEntry(
        time=at(621),
        model="qwen",
        environment="production",
        event="rolled_back",
        entry="1e" * 20,
        kept=True,
    ),
    ApplyFinished(
        time=at(622),
        exit_code=3,
        converged=("qwen/staging",),
        failed=("bert",),
        rolled_back=("qwen/production",),
        failures=(
            EnvironmentFailure(model="qwen", environment="production", failure=BAD),
            EnvironmentFailure(model="bert", environment=None, failure=UNREACHED),
        ),
        seconds=622,
    ),
)


def test_the_story_of_an_apply(golden: Golden) -> None:
    golden("events/story.txt", render(STORY))


def test_the_story_as_json_lines(golden: Golden) -> None:
    golden("events/story.jsonl", "".join(map(json_line, STORY)))


def test_every_type_of_event_is_in_the_story() -> None:
    assert {type(each) for each in STORY} == set(TYPES.values())


@pytest.mark.parametrize("event", STORY, ids=lambda event: str(to_json(event)["type"]))
def test_events_survive_json(event: ApplyEvent) -> None:
    body = json.loads(json_line(event))
    assert from_json(body) == event
    SCHEMA.validate(body)


def test_the_schema_refuses_what_is_no_event() -> None:
    for body in (
        {"time": "2026-11-20T12:00:00Z", "type": "apply_paused"},
        {"type": "apply_finished", "exit_code": 0},
        {**to_json(STORY[7]), "result": "mixed"},
        {**to_json(STORY[-1]), "exit_code": "0"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            SCHEMA.validate(body)


def test_a_failure_carries_its_three_sentences() -> None:
    body = to_json(STORY[7])
    assert (body["happened"], body["serves_now"], body["next"]) == (
        BAD.happened,
        BAD.serves_now,
        BAD.next,
    )
    assert "happened" not in to_json(STORY[3])


def test_only_failures_that_were_not_told_are_told_at_the_end() -> None:
    teller = Teller()
    told = [line for event in STORY for line in teller(event)]
    assert sum(BAD.happened in line for line in told[-10:]) == 0
    assert sum(UNREACHED.happened in line for line in told) == 1


def test_a_reason_is_told_once_for_the_steps_that_share_it() -> None:
    teller = Teller()
    steps = [
        ActionStarted(
            time=START,
            model="qwen",
            environment="production",
            action=f"qwen/production/{kind}",
            kind=kind,
            reason=reason,
        )
        for kind, reason in (("check", "new pin"), ("promote", "new pin"), ("watch", "promoted"))
    ]
    assert [line for step in steps for line in teller(step)] == [
        "qwen/production: checks: new pin",
        "qwen/production: promotes",
        "qwen/production: watches: promoted",
    ]


def test_hostile_words_stay_on_their_line() -> None:
    evil = "\x1b[2J\nqwen/production: promoted\u202e"
    event = ActionFinished(
        time=START,
        model=evil,
        environment=evil,
        action=evil,
        kind="push",
        result="failed",
        message=evil,
        failure=Failure(happened=evil, serves_now=evil, next=evil, details=(evil,)),
    )
    assert all(line.isprintable() for line in Teller()(event))
    assert len(Teller()(event)) == 5
    assert json_line(event).isascii()
    assert json_line(event).count("\n") == 1


def test_a_figure_that_is_no_number_is_null() -> None:
    finished = dataclasses.replace(STORY[7], figures={"p95": math.nan, "all": (math.inf, 1.5)})
    assert json.loads(json_line(finished))["figures"] == {"p95": None, "all": [None, 1.5]}


def test_a_saved_stream_is_read_back() -> None:
    text = "".join(map(json_line, STORY))
    assert tuple(stream.read(text)) == STORY
    assert tuple(stream.read("\n" + text + "\n")) == STORY


def test_a_stream_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    text = "".join(map(json_line, STORY))
    assert tuple(stream.read(text[:-40])) == STORY[:-1]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("nonsense", "Expecting value"),
        ("[]", "not a JSON object"),
        ('{"type": "nap"}', "'nap' is no type"),
        ('{"type": "apply_finished"}', "no time"),
        ('{"type": "apply_finished", "time": "2026-11-20T12:00:00Z"}', "incomplete"),
        ('{"type": "apply_finished", "time": "noon"}', "Invalid isoformat"),
    ],
)
def test_a_line_that_is_no_event_is_named(row: str, says: str) -> None:
    with pytest.raises(GitopsError, match=r"run\.jsonl:1: no apply event") as caught:
        list(stream.read(f"{row}\n{json_line(STORY[0])}", name="run.jsonl"))
    assert says in str(caught.value)


def progress(message: str) -> ActionProgress:
    return ActionProgress(
        time=START,
        model="qwen",
        environment="production",
        action="qwen/production/watch",
        kind="watch",
        message=message,
    )


def step(kind: ActionKind, reason: str = "") -> ActionStarted:
    return ActionStarted(
        time=START,
        model="qwen",
        environment="production",
        action=f"qwen/production/{kind}",
        kind=kind,
        reason=reason,
    )


def entered(event: str, reason: str) -> LogEntry:
    return LogEntry(
        time=START,
        model="qwen",
        environment="production",
        event=event,
        entry="0f" * 20,
        subject=f"{event}: {reason}",
    )


def went_back(why: str, *, confirmed: bool = True) -> tuple[RollbackStarted, RollbackFinished]:
    """How a rollback of production begins and ends."""
    back = RollbackStarted(
        time=START,
        model="qwen",
        environment="production",
        reason=why,
        from_deployment="d2",
        to_deployment="d1",
    )
    done = RollbackFinished(
        time=START,
        model="qwen",
        environment="production",
        confirmed=confirmed,
        serving="d1" if confirmed else "d2",
    )
    return back, done


def test_a_verdict_is_told_once_on_the_way_back_with_its_figures() -> None:
    teller = Teller()
    why = "45.3% of 52 requests failed, above 2.0%"
    failure = dataclasses.replace(BAD, happened=f"It was bad and was rolled back: {why}.")
    rates = {"before": 0.0, "during": 0.453, "after": 0.0}
    figures = {"rollback": {"replicas": 1, "minimum": 1, "error_rate": rates}}
    back, ended = went_back(why)
    done = dataclasses.replace(ended, figures=figures, failure=failure)
    events = (progress(why), back, entered("rolled_back", why), done)
    told = [line for event in events for line in teller(event)]
    assert told[:5] == [
        f"qwen/production: {why}",
        "qwen/production: rolls back from deployment d2 to d1",
        "qwen/production: log 0f0f0f0f0f0f rolled_back",
        "qwen/production: rolled back, confirmed: deployment d1 serves",
        "    1 of 1 replicas ready; errors 0.0% before, 45.3% during, 0.0% after",
    ]
    assert sum(why in line for line in told) == 2


def test_an_intent_and_a_watch_do_not_repeat_why_something_is_promoted() -> None:
    teller = Teller()
    why = "commit 9d1c7a0b0000 serves production; Git asks for commit 4be1c02f0c5d"
    promoted = ActionFinished(
        time=START,
        model="qwen",
        environment="production",
        action="qwen/production/promote",
        kind="promote",
        result="ok",
    )
    events = (
        step("promote", why),
        entered("intent", why),
        promoted,
        step("watch", "deployment d2 is being promoted to production"),
    )
    assert [line for event in events for line in teller(event)] == [
        f"qwen/production: promotes: {why}",
        "qwen/production: log 0f0f0f0f0f0f intent",
        "qwen/production: promoted",
        "qwen/production: watches",
    ]


def test_an_apply_with_nothing_to_do_says_so() -> None:
    started = dataclasses.replace(STORY[0], actions=0)
    over = ApplyFinished(time=START, exit_code=0, converged=("qwen/production",), seconds=0.1)
    teller = Teller()
    assert [line for event in (started, over) for line in teller(event)] == [
        "apply of commit 4be1c02f0c5d to acme: nothing to change",
        "converged: qwen/production",
        "Apply: there was nothing to do.",
    ]


def test_the_end_may_be_read_on_another_stream() -> None:
    teller = Teller(ansi)
    assert "\x1b[" in "".join(teller(STORY[0]))
    teller.goes_on(plain, 100)
    assert "\x1b[" not in "".join(teller(STORY[-1]))


def told(*events: ApplyEvent, lasting: bool = False) -> list[str]:
    teller = Teller(lasting=lasting)
    return [line for event in events for line in teller(event)]


def watching(seconds: float, message: str, status: str = "ACTIVE") -> ActionProgress:
    return dataclasses.replace(progress(message), time=at(seconds), status=status)


def test_a_watch_that_goes_on_is_told_once_a_minute() -> None:
    assert told(
        watching(0, "watching"),
        watching(5, "watching: 12 requests, 0.0% failed"),
        watching(10, "watching: 31 requests, 0.0% failed"),
        watching(64, "watching: 190 requests, 0.0% failed"),
        watching(70, "watching: 214 requests, 0.0% failed"),
    ) == [
        "qwen/production: watching (ACTIVE)",
        "qwen/production: watching: 12 requests, 0.0% failed (ACTIVE)",
        "qwen/production: watching: 214 requests, 0.0% failed (ACTIVE), for 1m 5s",
    ]


def test_what_has_changed_is_told_at_once() -> None:
    assert told(
        watching(0, "watching: 12 requests, 0.0% failed"),
        watching(5, "watching: 14 requests, 7.1% failed"),
        watching(10, "watching: 15 requests, 13.3% failed"),
        watching(15, "watching: 15 requests, 13.3% failed", "UNHEALTHY"),
    ) == [
        "qwen/production: watching: 12 requests, 0.0% failed (ACTIVE)",
        "qwen/production: watching: 14 requests, 7.1% failed (ACTIVE)",
        "qwen/production: watching: 15 requests, 13.3% failed (UNHEALTHY)",
    ]


def test_traffic_that_moves_is_told_with_the_replicas_of_both_sides() -> None:
    moving = dataclasses.replace(
        watching(0, "deployment d2 is ACTIVE", "RAMPING_UP"),
        percent=25,
        replicas_old=3,
        replicas_new=1,
    )
    more = dataclasses.replace(moving, time=at(5), replicas_new=2)
    assert told(moving, more) == [
        "qwen/production: deployment d2 is ACTIVE (RAMPING_UP 25%, replicas 3 → 1)"
    ]


def over(**lists: tuple[str, ...]) -> ApplyFinished:
    failure = dataclasses.replace(BAD, cause="blocked")
    one = EnvironmentFailure(model="qwen", environment="production", failure=failure)
    return ApplyFinished(time=START, exit_code=4, failures=(one,), **lists)


def test_what_is_blocked_is_not_said_to_have_failed() -> None:
    lines = told(over(blocked=("qwen/production",)))
    assert lines[0] == "qwen/production: blocked"
    assert told(over(failed=("qwen/production",)))[0] == "qwen/production: failed"


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        ("ended by a person", "qwen/production: ended by a person after 9.9s"),
        ("interrupted", "qwen/production: interrupted after 9.9s"),
        ("timed out", "qwen/production: still not done after 9.9s"),
        ("", "qwen/production: watch failed after 9.9s"),
    ],
)
def test_a_watch_that_somebody_ended_did_not_fail(cause: str, says: str) -> None:
    ended = ActionFinished(
        time=START,
        model="qwen",
        environment="production",
        action="qwen/production/watch",
        kind="watch",
        result="failed",
        seconds=9.9,
        failure=dataclasses.replace(BAD, cause=cause),
    )
    assert told(ended)[0] == says


def test_beside_a_view_only_what_has_to_be_read_afterwards_is_told() -> None:
    lines = told(*STORY, lasting=True)
    assert lines[0] == "qwen/production: watch failed after 8m 20s"
    assert lines[-1].startswith("Apply: a release was bad")
    assert not [line for line in lines if "pushed" in line or "traffic moves" in line]
    assert "there was nothing to do" not in "".join(told(*STORY[:4], over(), lasting=True))


def test_a_table_may_take_the_place_of_the_lists() -> None:
    teller = Teller()
    told = teller.over(over(blocked=("qwen/production",)), ("", "a row", "another"))
    assert told[0] == "qwen/production: blocked"
    assert told[-4:] == ("", "a row", "another", "Apply: refused or blocked (exit 4).")


def test_the_cause_of_a_failure_survives_json() -> None:
    event = dataclasses.replace(STORY[7], failure=dataclasses.replace(BAD, cause="watch failed"))
    body = json.loads(json_line(event))
    assert body["cause"] == "watch failed"
    assert from_json(body) == event
    SCHEMA.validate(body)
    del body["cause"]
    assert from_json(body) == STORY[7]


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        ("lock lost", "Apply: its lock was taken away meanwhile (exit 6)."),
        ("deploy log moved", "Apply: another run was there first (exit 6)."),
    ],
)
def test_who_lost_a_lock_was_there_first(cause: str, says: str) -> None:
    [failed] = over().failures
    lost = dataclasses.replace(failed, failure=dataclasses.replace(failed.failure, cause=cause))
    ended = dataclasses.replace(over(), exit_code=6, failures=(lost,))
    assert told(ended)[-1] == says


@pytest.mark.parametrize(
    ("confirmed", "code", "ends"),
    [
        (
            True,
            0,
            ["Rollback: deployment d1 serves qwen/production again, confirmed; the other is held."],
        ),
        (False, 8, ["held: qwen/production", "Rollback: a person is needed (exit 8)."]),
    ],
)
def test_a_rollback_by_hand_ends_in_its_own_words(
    confirmed: bool, code: int, ends: list[str]
) -> None:
    why = "a person asked for the version before it"
    back, done = went_back(why, confirmed=confirmed)
    ended = dataclasses.replace(
        over(held=("qwen/production",)), exit_code=code, failures=(), seconds=None
    )
    begun = dataclasses.replace(STORY[0], workspace="acme")
    teller = Teller(width=200, back="qwen/production")
    told = [
        line for each in (begun, step("watch", why), back, done, ended) for line in teller(each)
    ]
    assert told[:2] == [
        "rollback of qwen/production in acme",
        f"qwen/production: rolls back from deployment d2 to d1: {why}",
    ]
    assert told[3:] == ends
