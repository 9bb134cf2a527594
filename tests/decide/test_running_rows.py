"""Rows 1 to 10: what stands in the way, and what is under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitops.decide import Decision, Evidence, Fact, Needs, Options, State, decide
from gitops.decide.steps import (
    Follow,
    Record,
    RestoreSettings,
    RollBack,
    Wait,
)
from gitops.record.entry import Event
from gitops.state.live import AuditEntry, Promotion
from tests.decide.scenes import NOW, Scene, deployment, entry, kinds, promoted, side, verdict


def decided(scene: Scene) -> Decision:
    answer = decide(scene.situation())
    assert isinstance(answer, Decision)
    return answer


def control(action: str, *, own: bool = False, minutes_ago: float = 3) -> AuditEntry:
    return replace(
        promoted("D", own=own, minutes_ago=minutes_ago),
        id=f"control-{action}",
        event_type="MODEL_PROMOTION_CONTROL_ACTION",
        data={"action": action},
    )


def intent(to: str = "D", from_: str | None = "P", **given: object):  # noqa: ANN201
    return entry(Event.INTENT, to, from_, minutes_ago=30, **given)


RELEASED = entry(Event.RELEASED, "P", "F")


def test_pause_in_the_model_pauses_every_environment() -> None:
    situation = Scene().situation()
    model = replace(situation.model, mode="pause")
    answer = decide(replace(situation, model=model))
    assert isinstance(answer, Decision)
    assert answer.state is State.PAUSED


def test_observe_shows_the_state_and_does_nothing() -> None:
    observed = decided(Scene(mode="observe", deployments=[deployment("D")]))
    assert (observed.row, observed.state, observed.steps) == (20, State.PROMOTE, ())
    assert "never acted on" in observed.notices[-1]


def test_a_renamed_model_is_blocked_with_the_line_to_write() -> None:
    answer = decided(Scene(more={"elsewhere": "qwen-3"}))
    assert answer.exit_code == 4
    assert answer.blocked is not None
    assert "write `model: qwen-3` in releases/qwen.yaml" in answer.blocked.remedy


def test_a_file_that_named_another_model_is_blocked() -> None:
    answer = decided(Scene(more={"formerly": "ml/llama"}))
    assert answer.blocked is not None
    assert "write `model: llama`" in answer.blocked.remedy


def test_a_model_that_was_made_again_is_blocked() -> None:
    answer = decided(Scene(entries=[replace(RELEASED, model_id="m0")]))
    assert answer.row == 2
    assert answer.blocked is not None
    assert "deleted and made again (it is m1 now)" in answer.blocked.why


def test_a_model_that_was_deleted_is_blocked_before_its_name_is_taken_again() -> None:
    answer = decided(Scene(model_exists=False))
    assert answer.row == 2
    assert answer.blocked is not None
    assert "was deleted" in answer.blocked.why


def test_an_older_commit_is_superseded_unless_it_is_forced() -> None:
    late = Scene(more={"superseded": True})
    assert decided(late).state is State.SUPERSEDED
    assert decided(late).exit_code == 0
    assert decided(late).steps == ()
    late.options = Options(allow_older=True)
    assert decided(late).row == 21


def test_a_paused_promotion_names_who_paused_it_and_both_ways_out() -> None:
    scene = Scene(promotion=Promotion(status="PAUSED"), audit=None)
    assert decide(scene.situation()) == Needs(facts=frozenset({Fact.AUDIT}))
    scene.audit = [control("PAUSE")]
    answer = decided(scene)
    assert answer.exit_code == 4
    assert answer.blocked is not None
    assert "paused by rui@example.com at 2026-11-22 11:57 UTC" in answer.blocked.why
    assert "gitops resume qwen production" in answer.blocked.remedy
    assert "gitops cancel qwen production" in answer.blocked.remedy


@pytest.mark.parametrize("status", ["BUILDING", "WAKING_UP", "SOMETHING_NEW"])
def test_what_is_wanted_and_moves_is_waited_for(status: str) -> None:
    answer = decided(Scene(current="D", status=status))
    assert (answer.row, answer.state, answer.exit_code) == (5, State.WAIT, 7)
    assert isinstance(answer.steps[0], Wait)
    assert status in answer.reason


def test_our_own_promotion_is_followed_watched_and_recorded() -> None:
    scene = Scene(candidate="D", entries=[RELEASED, intent()], audit=[promoted("D")])
    answer = decided(scene)
    assert kinds(answer.steps) == ["Follow", "Watch", "Record(released)"]
    assert isinstance(answer.steps[0], Follow)
    assert answer.steps[0].intent == scene.entries[-1].id
    assert answer.state is State.FOLLOW
    assert answer.exit_code == 7


def test_the_run_that_wrote_the_intent_needs_no_audit_log_to_follow() -> None:
    scene = Scene(candidate="D", entries=[RELEASED, intent()], audit=None)
    scene.evidence = Evidence(intents=frozenset({scene.entries[-1].id}))
    assert decided(scene).row == 6


def test_a_persons_promotion_is_followed_and_adopted() -> None:
    scene = Scene(candidate="D", audit=[promoted("D", own=False)])
    answer = decided(scene)
    assert kinds(answer.steps) == ["Follow", "Watch", "Record(adopted)"]
    assert "rui@example.com" in answer.reason


@pytest.mark.parametrize(
    ("current", "who"),
    [(None, "by Baseten itself"), ("P", "by somebody whom the audit log does not name")],
)
def test_a_promotion_that_nobody_asked_for_is_followed(current: str | None, who: str) -> None:
    answer = decided(Scene(current=current, candidate="D", entries=[]))
    assert kinds(answer.steps) == ["Follow", "Watch", "Record(adopted)"]
    assert answer.reason.endswith(who)


def test_a_persons_promotion_that_fails_is_held_and_not_undone() -> None:
    scene = Scene(candidate="D", candidate_status="FAILED", audit=[promoted("D", own=False)])
    answer = decided(scene)
    assert kinds(answer.steps) == ["Record(held)"]
    assert answer.exit_code == 8
    [hold] = answer.steps
    assert isinstance(hold, Record)
    assert hold.candidate
    scene.entries.append(entry(Event.HELD, None, "D", minutes_ago=1, applied_commit="c" * 40))
    assert decided(scene).steps == ()
    assert decided(scene).exit_code == 8


def test_an_intent_does_not_make_a_persons_promotion_ours() -> None:
    scene = Scene(
        candidate="D",
        candidate_status="FAILED",
        entries=[RELEASED, intent()],
        audit=[promoted("D", own=False)],
    )
    assert not any(isinstance(step, RollBack) for step in decided(scene).steps)


@pytest.mark.parametrize(("percent", "code"), [(0, 5), (40, 3)])
def test_our_promotion_that_fails_is_rolled_back(percent: int, code: int) -> None:
    scene = Scene(
        candidate="D",
        promotion=Promotion(status="FAILED", percent=percent),
        entries=[RELEASED, intent()],
        audit=[promoted("D")],
    )
    answer = decided(scene)
    assert answer.exit_code == code
    (step,) = answer.steps
    assert isinstance(step, RollBack)
    assert (step.bad.deployment_id, step.to) == ("dep-D", side("P"))


def test_a_bad_verdict_under_way_rolls_back() -> None:
    scene = Scene(candidate="D", entries=[RELEASED, intent()], audit=[promoted("D")])
    scene.evidence = Evidence(
        watch={"dep-D": verdict("fail", "error rate 0.4 over 0.02")}, traffic=frozenset({"dep-D"})
    )
    answer = decided(scene)
    assert kinds(answer.steps) == ["RollBack"]
    assert answer.exit_code == 3
    assert "error rate 0.4" in answer.reason


def test_a_first_release_that_fails_under_traffic_needs_a_person() -> None:
    scene = Scene(
        current=None,
        candidate="D",
        promotion=Promotion(status="FAILED", percent=40),
        entries=[intent(from_=None)],
        audit=[promoted("D")],
    )
    assert decided(scene).exit_code == 8


def test_without_the_audit_log_a_promotion_is_ours_only_by_the_intents_own_id() -> None:
    scene = Scene(candidate="D", entries=[RELEASED, intent()], audit_unreadable=True)
    assert decided(scene).row == 6
    scene.entries = [RELEASED]
    answer = decided(scene)
    assert (answer.row, answer.state, answer.exit_code) == (6, State.BLOCKED, 4)


def test_a_left_over_promotion_of_ours_is_cancelled_and_its_intent_closed() -> None:
    scene = Scene(candidate="X", entries=[RELEASED, intent("X")], audit=[promoted("X")])
    answer = decided(scene)
    assert (answer.row, answer.state) == (7, State.CANCEL)
    assert kinds(answer.steps)[:3] == ["CancelPromotion", "Record(rolled_back)", "Push"]
    record = answer.steps[1]
    assert isinstance(record, Record)
    assert (record.intent, record.ended_by) == (scene.entries[-1].id, None)


@pytest.mark.parametrize(
    ("by_tool", "minutes_ago", "row"), [(True, 5, 7), (False, 5, 9), (True, 60, 9)]
)
def test_what_this_tool_announced_is_ours_under_whatever_key(
    by_tool: bool, minutes_ago: float, row: int
) -> None:
    other_key = replace(promoted("X", own=False, minutes_ago=minutes_ago), by_tool=by_tool)
    scene = Scene(candidate="X", entries=[RELEASED, intent("X")], audit=[other_key])
    assert decided(scene).row == row


@pytest.mark.parametrize("unreadable", [True, False])
def test_what_a_person_promotes_is_never_cancelled(unreadable: bool) -> None:
    scene = Scene(
        candidate="X",
        entries=[RELEASED, intent("X")],
        audit=[promoted("X", own=False)],
        audit_unreadable=unreadable,
    )
    answer = decided(scene)
    assert (answer.row, answer.state, answer.steps) == (9, State.BLOCKED, ())
    assert ("rui@example.com" in answer.reason) is not unreadable


def test_our_own_rollback_is_followed_and_written_down() -> None:
    scene = Scene(
        current="X",
        candidate="P",
        entries=[RELEASED, intent("X")],
        audit=[promoted("X", minutes_ago=20), promoted("P")],
    )
    answer = decided(scene)
    assert answer.row == 8
    assert kinds(answer.steps) == ["Follow", "Record(rolled_back)"]
    assert isinstance(answer.steps[0], Follow)
    assert answer.steps[0].undo
    record = answer.steps[1]
    assert isinstance(record, Record)
    assert (record.from_, record.to) == (side("P"), side("X"))


def test_a_persons_rollback_is_not_taken_for_ours() -> None:
    scene = Scene(
        current="X",
        candidate="P",
        entries=[RELEASED, intent("X")],
        audit=[promoted("X", minutes_ago=20), promoted("P", own=False)],
    )
    assert decided(scene).row == 9


def test_a_promotion_whose_candidate_is_not_seen_yet_is_waited_for() -> None:
    answer = decided(Scene(promotion=Promotion(status="RELEASING")))
    assert (answer.row, answer.state) == (9, State.WAIT)


def test_a_promotion_that_is_over_is_none() -> None:
    assert decided(Scene(promotion=Promotion(status="SUCCEEDED"))).row == 21


def test_a_foreign_promotion_in_the_way_of_a_rollback_needs_a_person() -> None:
    scene = Scene(current="X", candidate="F", audit=[promoted("F", own=False)])
    scene.evidence = Evidence(watch={"dep-X": verdict("fail")})
    assert decided(scene).exit_code == 8


def test_a_promotion_that_never_began_is_written_down_and_tried_again() -> None:
    scene = Scene(entries=[RELEASED, intent()], deployments=[deployment("D")])
    answer = decided(scene)
    assert (answer.row, answer.state) == (10, State.PROMOTE)
    assert kinds(answer.steps)[:2] == ["Record(not_started)", "Promote"]


def test_a_young_intent_is_looked_for_a_minute() -> None:
    young = replace(intent(), at=NOW - timedelta(seconds=20))
    scene = Scene(entries=[RELEASED, young])
    answer = decided(scene)
    assert answer.state is State.PUSH
    assert kinds(answer.steps)[:2] == ["Wait", "Record(not_started)"]
    scene.evidence = Evidence(looked=frozenset({young.id}))
    assert kinds(decided(scene).steps)[0] == "Record(not_started)"


def test_a_release_that_a_person_ended_is_undone_held_and_names_them() -> None:
    scene = Scene(
        entries=[
            RELEASED,
            intent(
                settings_before={"autoscaling.max_replica": 2, "autoscaling.min_replica": 0},
                settings_after={"autoscaling.max_replica": 4, "autoscaling.min_replica": 1},
            ),
        ],
        settings={"max_replica": 4},
        live_settings={"max_replica": 4, "min_replica": 3},
        audit=[promoted("D", minutes_ago=29), control("FORCE_CANCEL")],
    )
    answer = decided(scene)
    assert (answer.row, answer.state) == (10, State.HELD)
    restore, record = answer.steps[:2]
    assert isinstance(restore, RestoreSettings)
    assert [(each.path, each.before, each.after) for each in restore.changes] == [
        ("autoscaling.max_replica", 4, 2)
    ]
    assert isinstance(record, Record)
    assert (record.event, record.ended_by) == (Event.ROLLED_BACK, "rui@example.com")
    assert "rui@example.com ended its release" in answer.reason


def test_without_the_audit_log_an_intent_that_came_to_nothing_is_held() -> None:
    scene = Scene(entries=[RELEASED, intent()], audit_unreadable=True)
    answer = decided(scene)
    assert answer.state is State.HELD
    assert kinds(answer.steps) == ["Record(rolled_back)"]


def test_a_rollback_by_hand_that_was_interrupted_is_completed() -> None:
    asked = entry(Event.HELD, "P", "D", minutes_ago=30)
    scene = Scene(current="D", entries=[RELEASED, asked], asked=())
    answer = decided(scene)
    assert answer.row == 10
    (step,) = answer.steps
    assert isinstance(step, RollBack)
    assert (step.intent, step.bad.digest, step.to) == (asked.id, side("D").digest, side("P"))
    assert answer.exit_code == 0


def test_a_rollback_by_hand_that_is_over_is_closed_and_held() -> None:
    scene = Scene(entries=[RELEASED, entry(Event.HELD, "P", "D", minutes_ago=30)], asked=())
    answer = decided(scene)
    assert (answer.row, answer.state) == (10, State.HELD)
    assert kinds(answer.steps) == ["Record(held)"]


# A candidate that Baseten leaves where it is after its promotion has failed


def left(letter: str, **given: object) -> Scene:
    made = Scene(candidate=letter, candidate_status="FAILED", promotion=Promotion(status="FAILED"))
    for name, value in given.items():
        setattr(made, name, value)
    return made


def test_a_failed_candidate_that_stays_does_not_block_the_next_release() -> None:
    ended = entry(Event.ROLLED_BACK, "X", "P", minutes_ago=20, reason="it failed")
    answer = decided(left("X", entries=[RELEASED, ended], audit=[promoted("X", minutes_ago=25)]))
    assert answer.row == 21
    assert "Promote" in kinds(answer.steps)


def test_a_failed_candidate_of_ours_that_is_held_is_not_cancelled_again() -> None:
    ended = entry(Event.ROLLED_BACK, "D", "P", minutes_ago=20, reason="it failed")
    answer = decided(left("D", entries=[RELEASED, ended], audit=[promoted("D", minutes_ago=25)]))
    assert (answer.row, answer.state, answer.steps) == (11, State.HELD, ())


def test_an_open_intent_for_a_failed_candidate_that_stays_is_closed() -> None:
    intent = entry(Event.INTENT, "X", "P", minutes_ago=30)
    answer = decided(left("X", entries=[RELEASED, intent], audit=[promoted("X", minutes_ago=29)]))
    assert answer.row == 10
    assert kinds(answer.steps)[0] == "Record(rolled_back)"


def test_a_way_back_that_failed_is_tried_again() -> None:
    intent = entry(Event.INTENT, "D", "P", minutes_ago=30)
    scene = left(
        "P", current="D", entries=[RELEASED, intent], audit=[promoted("D", minutes_ago=29)]
    )
    scene.evidence = Evidence(watch={"dep-D": verdict("fail")})
    answer = decided(scene)
    assert answer.row == 13
    assert kinds(answer.steps) == ["RollBack"]


def test_what_this_run_was_told_counts_until_the_audit_log_says_more() -> None:
    intent = entry(Event.INTENT, "D", "P", minutes_ago=1)
    scene = Scene(candidate="D", candidate_status="FAILED", entries=[RELEASED, intent])
    assert kinds(decided(scene).steps) == ["Record(held)"]
    scene.evidence = Evidence(intents=frozenset({intent.id}), promoted=frozenset({"dep-D"}))
    assert kinds(decided(scene).steps) == ["RollBack"]
    scene.audit = [promoted("D", own=False, minutes_ago=0)]
    assert kinds(decided(scene).steps) == ["Record(held)"]
