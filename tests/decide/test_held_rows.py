"""Rows 11 and 12: what is held, and what neither Git nor we put there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitops.decide import Asked, Decision, Evidence, Fact, Needs, Options, State, decide
from gitops.decide.steps import RollBack, UpdateSettings
from gitops.record.entry import Entry, Event
from tests.decide.scenes import (
    COMMIT,
    Scene,
    deployment,
    digest,
    entry,
    kinds,
    promoted,
    side,
    verdict,
)

RELEASED = entry(Event.RELEASED, "P", "F")
SERVED = entry(Event.RELEASED, "D", "P", minutes_ago=40)


def decided(scene: Scene) -> Decision:
    answer = decide(scene.situation())
    assert isinstance(answer, Decision)
    return answer


def rolled_back(**given: object) -> Entry:
    return entry(Event.ROLLED_BACK, "D", "P", minutes_ago=30, **given)


def asked(letter: str, commit: str, **settings: object) -> Asked:
    flat = {f"autoscaling.{name}": value for name, value in settings.items()}
    return Asked(commit=commit * 40, digest=digest(letter), settings=flat)  # type: ignore[arg-type]


# Row 11


def test_a_hold_is_reported_and_ends_well_in_later_runs() -> None:
    answer = decided(Scene(entries=[RELEASED, rolled_back(reason="error rate 0.4")]))
    assert (answer.row, answer.state, answer.exit_code, answer.steps) == (11, State.HELD, 0, ())
    assert "it was rolled back (error rate 0.4)" in answer.reason
    assert "`gitops apply qwen --retry qwen/production`" in answer.reason


def test_what_serves_instead_and_has_failed_is_tried_again_and_then_needs_a_person() -> None:
    scene = Scene(status="FAILED", entries=[RELEASED, rolled_back()])
    answer = decided(scene)
    assert (answer.row, answer.state) == (11, State.HELD)
    assert kinds(answer.steps) == ["Retry", "Ready"]
    scene.evidence = Evidence(retried=frozenset({"dep-P"}))
    answer = decided(scene)
    assert (answer.state, answer.exit_code, answer.steps) == (State.HELD, 8, ())
    assert "which serves production instead, is FAILED" in answer.reason
    assert "it was rolled back" in answer.reason


def test_what_a_person_put_there_instead_of_what_is_held_is_theirs() -> None:
    scene = Scene(current="X", status="FAILED", entries=[RELEASED, rolled_back()])
    answer = decided(scene)
    assert (answer.state, answer.exit_code, answer.steps) == (State.HELD, 0, ())


def test_a_hold_asks_what_git_asked_for_since() -> None:
    scene = Scene(entries=[RELEASED, rolled_back()], asked=None)
    assert decide(scene.situation()) == Needs(facts=frozenset({Fact.ASKED}))


def test_a_hold_lasts_while_git_keeps_asking_and_ends_when_it_asked_for_another() -> None:
    scene = Scene(entries=[RELEASED, rolled_back()])
    scene.asked = (asked("D", "a"), asked("D", "b"), asked("D", "c"))
    assert decided(scene).state is State.HELD
    scene.asked = (asked("D", "a"), asked("P", "b"), asked("D", "c"))
    assert decided(scene).state is State.PUSH


def test_what_git_asked_for_before_the_hold_does_not_end_it() -> None:
    older = entry(Event.REJECTED, "X", "P", minutes_ago=50, applied_commit="0" * 40)
    scene = Scene(entries=[RELEASED, older, rolled_back()])
    scene.asked = (asked("X", "0"), asked("D", "a"), asked("D", "c"))
    assert decided(scene).state is State.HELD


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (rolled_back(), 5),
        (rolled_back(ended_by="rui@example.com"), 3),
        (entry(Event.REJECTED, "D", "P", minutes_ago=30), 5),
        (entry(Event.HELD, None, "D", minutes_ago=30), 8),
    ],
)
def test_the_run_that_made_the_hold_is_red(made: Entry, code: int) -> None:
    scene = Scene(entries=[RELEASED, made])
    scene.evidence = Evidence(recorded=frozenset({made.id}))
    assert decided(scene).exit_code == code


def test_a_rollback_with_traffic_is_3_where_the_one_before_serves_and_8_where_not() -> None:
    scene = Scene(entries=[RELEASED, rolled_back()])
    scene.evidence = Evidence(recorded=frozenset({rolled_back().id}), traffic=frozenset({"dep-D"}))
    assert decided(scene).exit_code == 3
    scene.status = "UNHEALTHY"
    assert decided(scene).exit_code == 8


def test_retry_lifts_the_hold_and_releases_again() -> None:
    scene = Scene(
        entries=[RELEASED, rolled_back()],
        options=Options(retry=True),
        deployments=[deployment("D")],
    )
    answer = decided(scene)
    assert (answer.row, answer.state) == (11, State.PROMOTE)
    assert kinds(answer.steps)[:2] == ["Record(lifted)", "Promote"]


@pytest.mark.parametrize(
    ("asks", "since", "expected"),
    [
        (4, 4, 2),  # changed by the held release, and still asked for: the value before
        (4, 6, None),  # asked for something else in between: Git's value, which is there
        (6, 6, 6),  # Git has moved on: Git's value
    ],
)
def test_settings_under_a_hold(asks: int, since: int, expected: int | None) -> None:
    held = rolled_back(
        settings_before={"autoscaling.max_replica": 2},
        settings_after={"autoscaling.max_replica": 4},
    )
    scene = Scene(
        entries=[RELEASED, held],
        settings={"max_replica": asks},
        live_settings={"max_replica": 4},
        asked=(
            asked("D", "a", max_replica=4),
            asked("D", "b", max_replica=since),
            asked("D", "c", max_replica=asks),
        ),
        audit=[],
    )
    answer = decided(scene)
    assert answer.state is State.HELD
    assert [each.after for each in answer.changes] == ([] if expected is None else [expected])
    assert kinds(answer.steps) == ([] if expected is None else ["UpdateSettings"])


@pytest.mark.parametrize(
    ("least", "expected"),
    [
        (1, {"autoscaling.min_replica": 1}),  # fits to what goes back: Git's value
        (3, {}),  # does not: both stay as they were before the held release
    ],
)
def test_settings_under_a_hold_fit_to_each_other(least: int, expected: dict[str, object]) -> None:
    held = rolled_back(
        settings_before={"autoscaling.min_replica": 0, "autoscaling.max_replica": 2},
        settings_after={"autoscaling.min_replica": 4, "autoscaling.max_replica": 5},
    )
    scene = Scene(
        entries=[RELEASED, held],
        settings={"min_replica": least, "max_replica": 5},
        live_settings={"min_replica": 0, "max_replica": 2},
        asked=(
            asked("D", "a", min_replica=4, max_replica=5),
            asked("D", "b", min_replica=least, max_replica=5),
        ),
        audit=[],
    )
    answer = decided(scene)
    assert answer.state is State.HELD
    assert {each.path: each.after for each in answer.changes} == expected


def test_schedules_of_a_held_release_stay_as_they_were_before_it() -> None:
    was, now = ({"enabled": True, "cadence": "DAILY", "start_hour": hour} for hour in (8, 9))
    intent = {
        "settings_before": {"schedules.changed": was, "schedules.gone": was},
        "settings_after": {
            "schedules.changed": now,
            "schedules.new": now,
            "schedules.gone": None,
            "autoscaling.max_replica": 4,
        },
    }
    scene = Scene(
        entries=[RELEASED, rolled_back(**intent)],
        schedules={"changed": now, "new": now},
        live_schedules={"changed": was, "gone": {**was, "id": "2"}},
    )
    assert decided(scene).steps == ()
    # Somebody made the schedules of the held release by hand: they go back.
    scene.live_schedules = {"changed": now, "new": now}
    (step,) = decided(scene).steps
    assert isinstance(step, UpdateSettings)
    assert {each.path: each.after for each in step.changes} == {
        "schedules.changed": was,
        "schedules.gone": was,
        "schedules.new": None,
    }


def test_settings_that_the_held_release_did_not_touch_follow_git() -> None:
    scene = Scene(
        entries=[RELEASED, rolled_back()],
        settings={"max_replica": 4},
        live_settings={"max_replica": 2},
    )
    (step,) = decided(scene).steps
    assert isinstance(step, UpdateSettings)
    assert step.changes[0].after == 4


def test_an_unjudged_release_that_a_hold_leaves_serving_is_judged() -> None:
    scene = Scene(
        current="X",
        entries=[RELEASED, rolled_back(), entry(Event.INTENT, "X", "P", minutes_ago=20)],
        audit=[promoted("X")],
    )
    answer = decided(scene)
    assert (answer.row, answer.state) == (11, State.HELD)
    assert kinds(answer.steps) == ["Watch", "Record(released)"]
    scene.evidence = Evidence(watch={"dep-X": verdict("fail")})
    (step,) = decided(scene).steps
    assert isinstance(step, RollBack)
    assert step.to == side("P")


# Row 12


def test_a_foreign_artifact_blocks_and_names_who_and_when() -> None:
    scene = Scene(current="F", entries=[entry(Event.RELEASED, "P", "X")], audit=None)
    assert decide(scene.situation()) == Needs(facts=frozenset({Fact.AUDIT}))
    scene.audit = [promoted("F", own=False)]
    answer = decided(scene)
    assert (answer.row, answer.state, answer.exit_code) == (12, State.BLOCKED, 4)
    assert answer.blocked is not None
    assert "promoted by rui@example.com at 2026-11-22 11:55 UTC" in answer.blocked.why
    assert "--undo-drift" in answer.blocked.remedy


def test_undo_drift_takes_it_back() -> None:
    scene = Scene(current="F", entries=[RELEASED], options=Options(undo_drift=True))
    answer = decided(scene)
    assert (answer.row, answer.state) == (21, State.PUSH)
    assert any("--undo-drift" in notice for notice in answer.notices)


def test_first_contact_goes_on_and_says_what_it_replaces() -> None:
    answer = decided(Scene(current="F", entries=[]))
    assert answer.row == 21
    assert any("replaces deployment dep-F (hotfix)" in notice for notice in answer.notices)


@pytest.mark.parametrize(("own", "row"), [(True, 21), (False, 12)])
def test_the_open_intents_artifact_is_expected_only_if_we_promoted_it(own: bool, row: int) -> None:
    scene = Scene(
        current="X",
        entries=[RELEASED, entry(Event.INTENT, "X", "P", minutes_ago=20)],
        audit=[promoted("X", own=own)],
    )
    assert decided(scene).row == row


def test_a_deployment_whose_labels_and_name_disagree_is_no_guess() -> None:
    scene = Scene(current="P", entries=[])
    wrong = replace(deployment("P"), labels=deployment("X").labels)
    situation = scene.situation()
    assert situation.live is not None
    there = replace(situation.live.environments[0], current=wrong)
    answer = decide(replace(situation, live=replace(situation.live, environments=(there,))))
    assert isinstance(answer, Decision)
    assert (answer.row, answer.state) == (12, State.BLOCKED)


def test_a_log_that_never_said_what_served_is_first_contact_too() -> None:
    answer = decided(Scene(current="F", entries=[entry(Event.REJECTED, "X")]))
    assert answer.row == 21


def test_an_announced_promotion_says_that_nothing_served_before() -> None:
    announced = entry(Event.INTENT, "X", minutes_ago=50)
    closed = entry(Event.NOT_STARTED, "X", intent=announced.id, minutes_ago=40)
    scene = Scene(current="F", entries=[announced, closed], audit=[promoted("F", own=False)])
    answer = decided(scene)
    assert (answer.row, answer.state) == (12, State.BLOCKED)


def test_a_hold_of_this_very_commit_needs_no_look_at_git() -> None:
    scene = Scene(entries=[RELEASED, rolled_back(applied_commit=COMMIT)], asked=None)
    assert decided(scene).state is State.HELD


def test_settings_that_are_put_back_are_not_changed_twice_nor_in_need_of_consent() -> None:
    intent = entry(
        Event.INTENT,
        "D",
        "P",
        minutes_ago=30,
        settings_before={"autoscaling.max_replica": 4},
        settings_after={"autoscaling.max_replica": 20},
    )
    scene = Scene(
        entries=[RELEASED, intent],
        audit=[promoted("D", minutes_ago=29)],
        settings={"max_replica": 20},
        live_settings={"max_replica": 20},
        protected=True,
    )
    answer = decided(scene)
    assert (answer.row, answer.state) == (10, State.HELD)
    assert kinds(answer.steps) == ["RestoreSettings", "Record(rolled_back)"]
    assert (answer.changes, answer.blocked) == ((), None)


@pytest.mark.parametrize("minutes_ago", [0.1, 30])
def test_a_rollback_by_hand_that_is_over_is_not_looked_for(minutes_ago: float) -> None:
    announced = entry(Event.HELD, "P", "D", minutes_ago=minutes_ago)
    back = decided(Scene(entries=[RELEASED, announced]))
    assert kinds(back.steps) == ["Record(held)"]
    elsewhere = decided(Scene(entries=[RELEASED, announced], current="X"))
    young = minutes_ago < 1
    assert kinds(elsewhere.steps) == [*(["Wait"] if young else []), "Record(held)"]


def test_undoing_drift_replaces_even_what_contradicts_itself() -> None:
    scene = Scene(deployments=[deployment("D")])
    situation = scene.situation()
    assert situation.live is not None
    there = situation.live.environments[0]
    assert there.current is not None
    labels = {**there.current.labels, "gitops.digest": digest("X")}
    odd = replace(there, current=replace(there.current, labels=labels))
    live = replace(situation.live, environments=(odd,))
    answer = decide(replace(situation, live=live))
    assert isinstance(answer, Decision)
    assert answer.blocked is not None
    assert "--undo-drift" in answer.blocked.remedy
    undone = decide(replace(situation, live=live, options=Options(undo_drift=True)))
    assert isinstance(undone, Decision)
    assert "Promote" in kinds(undone.steps)
