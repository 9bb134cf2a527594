"""Rows 13 to 18: what Git wants serves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitops.decide import Asked, Decision, Evidence, Fact, Needs, Options, State, decide
from gitops.decide.steps import Record, RollBack, UpdateSettings
from gitops.record.entry import Event
from gitops.state.desired import Watch
from gitops.state.json import Json, JsonObject
from gitops.state.live import AuditEntry
from tests.decide.scenes import (
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


def asked(letter: str, commit: str, **settings: object) -> Asked:
    flat = {f"autoscaling.{name}": value for name, value in settings.items()}
    return Asked(commit=commit * 40, digest=digest(letter), settings=flat)  # type: ignore[arg-type]


# Row 13


def serving_unjudged(**given: object) -> Scene:
    return Scene(
        current="D",
        entries=[RELEASED, entry(Event.INTENT, "D", "P", minutes_ago=20)],
        audit=[promoted("D")],
        **given,  # type: ignore[arg-type]
    )


def test_what_was_not_judged_is_watched_and_recorded() -> None:
    answer = decided(serving_unjudged())
    assert (answer.row, answer.state) == (13, State.WATCH)
    assert kinds(answer.steps) == ["Watch", "Record(released)"]
    record = answer.steps[1]
    assert isinstance(record, Record)
    assert (record.from_, record.intent) == (side("P"), "intent-P-D-20")


@pytest.mark.parametrize(
    ("outcome", "watch", "steps", "code"),
    [
        ("pass", Watch(), ["Record(released)"], 0),
        ("inconclusive", Watch(), ["Record(released)"], 0),
        ("inconclusive", None, ["Record(released)"], 0),
        ("inconclusive", Watch(on_inconclusive="fail"), ["RollBack"], 3),
        ("fail", Watch(), ["RollBack"], 3),
        ("fail", None, ["RollBack"], 3),
        ("fail", Watch(on_failure="alert"), ["Record(released)"], 8),
    ],
)
def test_the_verdict_decides(
    outcome: str, watch: Watch | None, steps: list[str], code: int
) -> None:
    scene = serving_unjudged(watch=watch)
    scene.evidence = Evidence(watch={"dep-D": verdict(outcome)})
    answer = decided(scene)
    assert kinds(answer.steps) == steps
    assert answer.exit_code == code


def test_an_alert_stays_red_when_all_is_recorded() -> None:
    scene = Scene(current="D", entries=[RELEASED, SERVED], watch=Watch(on_failure="alert"))
    scene.evidence = Evidence(watch={"dep-D": verdict("fail")})
    assert (decided(scene).row, decided(scene).exit_code) == (18, 8)
    scene.evidence = replace(scene.evidence, previous_as_bad=frozenset({"dep-D"}))
    assert decided(scene).exit_code == 0


def test_a_release_no_worse_than_the_one_before_is_not_rolled_back() -> None:
    scene = serving_unjudged(watch=Watch())
    scene.evidence = Evidence(
        watch={"dep-D": verdict("fail")}, previous_as_bad=frozenset({"dep-D"})
    )
    answer = decided(scene)
    assert kinds(answer.steps) == ["Record(released)"]
    assert answer.exit_code == 0
    assert answer.notices


def test_failed_is_a_verdict_at_once() -> None:
    answer = decided(serving_unjudged(status="FAILED"))
    assert kinds(answer.steps) == ["RollBack"]
    assert answer.exit_code == 3


@pytest.mark.parametrize(
    "given", [{"options": Options(no_watch=True)}, {"watch": Watch(seconds=0)}]
)
def test_without_a_watch_it_is_recorded_at_once(given: dict[str, object]) -> None:
    assert kinds(decided(serving_unjudged(**given)).steps) == ["Record(released)"]


def test_a_bad_first_release_has_no_way_back() -> None:
    scene = Scene(
        current="D",
        entries=[entry(Event.INTENT, "D", None, minutes_ago=20)],
        audit=[promoted("D")],
        evidence=Evidence(watch={"dep-D": verdict("fail")}),
    )
    answer = decided(scene)
    (step,) = answer.steps
    assert isinstance(step, RollBack)
    assert (step.to, answer.exit_code) == (None, 8)


def test_what_a_person_promoted_under_our_intent_is_held_and_left_to_them() -> None:
    scene = serving_unjudged(evidence=Evidence(watch={"dep-D": verdict("fail")}))
    scene.audit = [promoted("D", own=False)]
    answer = decided(scene)
    assert kinds(answer.steps) == ["Record(held)"]
    assert answer.exit_code == 8


def test_a_followed_promotion_of_a_person_is_watched_and_adopted_once() -> None:
    scene = Scene(current="D", evidence=Evidence(followed=frozenset({"dep-D"})))
    assert kinds(decided(scene).steps) == ["Watch", "Record(adopted)"]
    scene.evidence = replace(scene.evidence, watch={"dep-D": verdict("pass")})
    assert kinds(decided(scene).steps) == ["Record(adopted)"]
    scene.entries.append(entry(Event.ADOPTED, "D", "P", minutes_ago=1))
    assert (decided(scene).row, decided(scene).steps) == (18, ())


# Rows 14 and 15


def stopped(*, own: bool, source: str = "UI"):  # noqa: ANN201
    made = promoted("D", own=own)
    return replace(made, event_type="MODEL_DEPLOYMENT_DEACTIVATED", source=source)


def test_what_the_platform_idled_out_is_activated() -> None:
    scene = Scene(current="D", status="INACTIVE", entries=[SERVED], audit=[])
    assert kinds(decided(scene).steps) == ["Activate", "Ready"]
    assert decided(scene).state is State.ACTIVATE
    scene.audit = [stopped(own=False, source="SYSTEM")]
    assert decided(scene).steps


def test_what_a_person_stopped_stays_stopped() -> None:
    scene = Scene(current="D", status="INACTIVE", entries=[SERVED], audit=[stopped(own=False)])
    answer = decided(scene)
    assert (answer.row, answer.state) == (14, State.BLOCKED)
    assert "rui@example.com deactivated" in answer.reason


def test_without_the_audit_log_an_inactive_deployment_blocks() -> None:
    scene = Scene(current="D", status="INACTIVE", entries=[SERVED], audit_unreadable=True)
    assert decided(scene).state is State.BLOCKED
    scene.entries = [entry(Event.INTENT, "D", "P")]
    assert decided(scene).state is State.ACTIVATE


def test_a_serving_deployment_that_failed_is_retried_once() -> None:
    scene = Scene(current="D", status="FAILED", entries=[SERVED])
    assert kinds(decided(scene).steps) == ["Retry", "Ready"]
    scene.evidence = Evidence(retried=frozenset({"dep-D"}))
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 8)


def test_a_build_that_a_person_stopped_is_not_retried() -> None:
    answer = decided(Scene(current="D", status="BUILD_STOPPED", entries=[SERVED]))
    assert (answer.row, answer.state, answer.exit_code) == (15, State.BLOCKED, 4)


# Row 16


def test_what_was_never_verified_is_checked_and_adopted() -> None:
    scene = Scene(current="D", entries=[], checks=True)
    assert kinds(decided(scene).steps) == ["Check", "Record(adopted)"]
    assert decided(scene).state is State.VERIFY
    scene.evidence = Evidence(checks={"dep-D": verdict("pass")})
    assert kinds(decided(scene).steps) == ["Record(adopted)"]


@pytest.mark.parametrize("outcome", ["fail", "inconclusive"])
def test_what_cannot_be_verified_is_written_down_once_and_red_until_git_moves(
    outcome: str,
) -> None:
    scene = Scene(current="D", entries=[], checks=True)
    scene.evidence = Evidence(checks={"dep-D": verdict(outcome)})
    answer = decided(scene)
    assert (kinds(answer.steps), answer.exit_code) == (["Record(unverified)"], 5)
    scene.entries = [entry(Event.UNVERIFIED, "D", minutes_ago=10)]
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 5)
    scene.evidence = Evidence()
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 5)
    scene.options = Options(retry=True)
    assert kinds(decided(scene).steps) == ["Check", "Record(adopted)"]
    scene.options = Options()
    scene.asked = (asked("D", "a"), asked("P", "b"), asked("D", "c"))
    assert kinds(decided(scene).steps) == ["Check", "Record(adopted)"]


def test_without_checks_what_serves_is_adopted() -> None:
    answer = decided(Scene(current="D", entries=[]))
    assert (answer.row, answer.state) == (18, State.CONVERGED)
    assert kinds(answer.steps) == ["Record(adopted)"]


# Rows 17 and 18


def converged(**given: object) -> Scene:
    return Scene(current="D", entries=[RELEASED, SERVED], **given)  # type: ignore[arg-type]


def test_nothing_differs() -> None:
    answer = decided(converged(settings={"min_replica": 1}, live_settings={"min_replica": 1.0}))
    assert (answer.row, answer.state, answer.steps) == (18, State.CONVERGED, ())


def test_a_copy_of_what_was_released_is_the_same_artifact() -> None:
    scene = converged()
    situation = scene.situation()
    assert situation.live is not None
    copy = replace(
        deployment("D"), id="dep-9", name=deployment("D").name + ".1790000000", labels={}
    )
    there = replace(situation.live.environments[0], current=copy)
    live = replace(situation.live, environments=(there,), deployments=None)
    answer = decide(replace(situation, live=live))
    assert isinstance(answer, Decision)
    assert answer.row == 18


def test_settings_are_updated_and_say_where_the_change_comes_from() -> None:
    scene = converged(settings={"max_replica": 4}, live_settings={"max_replica": 2}, audit=None)
    assert decided(scene).changes[0].origin == "release"
    scene.entries.append(
        entry(Event.SETTINGS, minutes_ago=20, settings_after={"autoscaling.max_replica": 4})
    )
    assert decide(scene.situation()) == Needs(facts=frozenset({Fact.AUDIT}))
    scene.audit = [
        replace(
            promoted("F", own=False),
            event_type="ENVIRONMENT_UPDATED",
            data={"max_replica": 2, "previous_settings": {"max_replica": 4}},
        )
    ]
    answer = decided(scene)
    (change,) = answer.changes
    assert (change.origin, change.by, change.at) == (
        "drift",
        "rui@example.com",
        "2026-11-22T11:55:00Z",
    )
    assert kinds(answer.steps) == ["UpdateSettings"]


def test_a_setting_that_left_the_file_is_named_with_the_value_that_stays() -> None:
    scene = converged(live_settings={"max_replica": 4})
    scene.entries.append(
        entry(Event.SETTINGS, minutes_ago=20, settings_after={"autoscaling.max_replica": 4})
    )
    assert decided(scene).notices == (
        "autoscaling.max_replica of production is no longer managed; it stays 4",
    )


@pytest.mark.parametrize(
    ("live", "wants", "word"),
    [
        ({"min_replica": 2}, {"min_replica": 0}, "scale_to_zero"),
        ({"max_replica": 8}, {"max_replica": 4}, "fewer_replicas"),
    ],
)
def test_a_protected_environment_loses_capacity_only_with_consent(
    live: dict[str, object], wants: dict[str, object], word: str
) -> None:
    scene = converged(settings=wants, live_settings=live, protected=True)
    answer = decided(scene)
    assert (answer.row, answer.state, answer.steps) == (17, State.BLOCKED, ())
    assert answer.blocked is not None
    assert f"allow: [{word}]" in answer.blocked.remedy
    scene.allow = frozenset({word})
    assert kinds(decided(scene).steps) == ["UpdateSettings"]
    scene.entries.append(entry(Event.SETTINGS, minutes_ago=5, figures={"allow": [word]}))
    assert decided(scene).state is State.BLOCKED


MOST = "autoscaling.max_replica"


def by_hand(**given: object) -> Scene:
    """Git has asked for 4 at most, and a person has given it 8."""
    given = {"settings": {"max_replica": 4}, "live_settings": {"max_replica": 8}, **given}
    scene = converged(protected=True, **given)
    asked = entry(Event.SETTINGS, minutes_ago=20, settings_after={MOST: 4, LEAST: 2})
    scene.entries.append(asked)
    scene.audit = [changed("max_replica", 4, 8)]
    return scene


LEAST = "autoscaling.min_replica"


def changed(field: str, before: int, after: int, *, minutes_ago: float = 5) -> AuditEntry:
    return replace(
        promoted("F", own=False, minutes_ago=minutes_ago),
        event_type="ENVIRONMENT_UPDATED",
        data={field: after, "previous_settings": {field: before}},
    )


def test_capacity_that_a_person_added_to_a_protected_environment_is_kept() -> None:
    answer = decided(by_hand())
    assert (answer.row, answer.state, answer.steps) == (18, State.CONVERGED, ())
    assert (answer.changes, answer.blocked, answer.exit_code) == ((), None, 0)
    assert answer.kept is not None
    (kept,) = answer.kept.changes
    assert (kept.path, kept.before, kept.after, kept.by) == (MOST, 8, 4, "rui@example.com")
    (notice,) = answer.notices
    assert notice == (
        "autoscaling.max_replica stays 8, set by rui@example.com, where Git asks for 4: production "
        "is protected, and less capacity needs consent; keep it: "
        "`gitops drift qwen --accept`; or let it go: write `allow: [fewer_replicas]` under "
        "environments.production in releases/qwen.yaml"
    )
    scene = by_hand(allow=frozenset({"fewer_replicas"}))
    answer = decided(scene)
    assert (answer.row, kinds(answer.steps), answer.kept) == (17, ["UpdateSettings"], None)


def test_what_needs_no_consent_is_set_beside_what_is_kept() -> None:
    scene = by_hand(
        settings={"max_replica": 4, "min_replica": 2},
        live_settings={"max_replica": 8, "min_replica": 3},
    )
    answer = decided(scene)
    assert (answer.row, answer.state) == (17, State.SETTINGS)
    (step,) = answer.steps
    assert isinstance(step, UpdateSettings)
    assert [each.path for each in step.changes] == [each.path for each in answer.changes] == [LEAST]
    assert answer.kept is not None
    assert [each.path for each in answer.kept.changes] == [MOST]


def test_bounds_that_fit_only_together_are_kept_together() -> None:
    scene = by_hand(
        settings={"max_replica": 4, "min_replica": 2},
        live_settings={"max_replica": 7, "min_replica": 6},
    )
    answer = decided(scene)
    assert (answer.row, answer.steps) == (18, ())
    assert answer.kept is not None
    assert [each.path for each in answer.kept.changes] == [MOST, LEAST]
    assert [each.origin for each in answer.kept.changes] == ["drift", "drift"]
    # What the release file takes away stands in for itself.
    scene.settings["max_replica"] = 2
    answer = decided(scene)
    assert (answer.row, answer.state) == (17, State.BLOCKED)


@pytest.mark.parametrize(("wants", "state"), [(5, State.CONVERGED), (2, State.BLOCKED)])
def test_only_what_the_release_file_itself_takes_away_blocks(wants: int, state: State) -> None:
    scene = by_hand(settings={"max_replica": wants}, live_settings={"max_replica": 12})
    answer = decided(scene)
    assert answer.state is state
    if answer.kept is not None:
        # It is no drift yet, so that nothing could be accepted.
        assert answer.kept.remedy.startswith("keep it: ask for it in releases/qwen.yaml; or let ")
        assert "stays 12, set by rui@example.com, where Git asks for 5" in answer.notices[-1]


def test_a_change_of_the_release_file_blocks_beside_what_a_person_added() -> None:
    scene = by_hand(
        settings={"max_replica": 4, "min_replica": 1},
        live_settings={"max_replica": 8, "min_replica": 2},
    )
    answer = decided(scene)
    assert (answer.row, answer.state, answer.kept) == (17, State.BLOCKED, None)
    assert answer.blocked is not None
    assert answer.blocked.remedy.endswith(
        "; `gitops drift qwen --accept` keeps what was added on Baseten"
    )


def test_who_changed_a_setting_is_known_also_after_later_entries() -> None:
    intent = entry(Event.INTENT, "D", "P", minutes_ago=30, settings_before={MOST: 4})
    back = entry(Event.HELD, "P", "D", minutes_ago=3, settings_before={MOST: 4})
    again = entry(
        Event.INTENT, "D", "P", minutes_ago=2, settings_before={MOST: 8}, settings_after={MOST: 8}
    )
    released = entry(
        Event.RELEASED, "D", "P", minutes_ago=1, intent=again.id, settings_after={MOST: 4}
    )
    scene = by_hand()
    scene.entries = [SERVED, intent, RELEASED, *scene.entries[2:], back, again, released]
    assert decided(scene).kept.changes[0].by == "rui@example.com"  # type: ignore[union-attr]
    # The log saw another value after that: then somebody else made it so, and the log is silent.
    seen = entry(Event.INTENT, "D", "P", minutes_ago=2, settings_before={MOST: 4})
    scene.entries[-2] = seen
    scene.entries[-1] = replace(released, intent=seen.id)
    assert decided(scene).kept.changes[0].by is None  # type: ignore[union-attr]
    # So it is where our own key was the last to say so.
    scene.entries[-2:] = [again, released]
    assert scene.audit is not None
    scene.audit.append(replace(changed("max_replica", 8, 4, minutes_ago=2.5), own=True))
    assert decided(scene).kept.changes[0].by is None  # type: ignore[union-attr]


def night(**fields: Json) -> JsonObject:
    settings = {name: fields.pop(name) for name in [*fields] if name.endswith("replica")}
    return {
        "enabled": True,
        "cadence": "DAILY",
        "weekdays": ["MONDAY"],
        "start_hour": 22,
        "end_hour": 6,
        "timezone": "UTC",
        **fields,
        "autoscaling": {"min_replica": 4, "max_replica": 8, **settings},
    }


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (None, night(min_replica=0), "scale_to_zero"),
        (None, night(min_replica=2), "fewer_replicas"),
        (None, night(min_replica=3), None),
        (None, night(min_replica=0, enabled=False), None),
        (night(min_replica=3), night(min_replica=1), "fewer_replicas"),
        (night(min_replica=1, enabled=False), night(min_replica=1), "fewer_replicas"),
        # It holds for longer, or for less long; and so does what it takes or gives.
        (night(min_replica=2), night(min_replica=2, end_hour=7), "fewer_replicas"),
        (night(min_replica=2), night(min_replica=2, end_hour=5), None),
        (night(min_replica=9), night(min_replica=9, end_hour=7), None),
        (night(min_replica=9), night(min_replica=9, end_hour=5), "fewer_replicas"),
        (night(min_replica=9), None, "fewer_replicas"),
        (night(min_replica=2), None, None),
    ],
)
def test_what_a_schedule_takes_away_needs_consent_too(
    before: JsonObject | None, after: JsonObject | None, word: str | None
) -> None:
    scene = converged(
        live_settings={"min_replica": 4, "max_replica": 8},
        schedules={"night": after} if after else {},
        live_schedules={"night": before} if before else {},
        protected=True,
    )
    answer = decided(scene)
    if word is None:
        assert answer.state is State.SETTINGS
        return
    assert answer.blocked is not None
    assert f"allow: [{word}]" in answer.blocked.remedy
    scene.allow = frozenset({word})
    assert decided(scene).state is State.SETTINGS


def test_schedules_that_baseten_does_not_know_block() -> None:
    answer = decided(converged(schedules={"night": night()}))
    assert answer.blocked is not None
    assert "does not know schedules" in answer.blocked.why
    assert "take `schedules` out" in answer.blocked.remedy
    assert decided(converged(schedules={})).state is State.CONVERGED


def test_consent_that_was_taken_out_and_written_again_counts_anew() -> None:
    word = frozenset({"scale_to_zero"})
    scene = converged(
        settings={"min_replica": 0}, live_settings={"min_replica": 2}, protected=True, allow=word
    )
    scene.entries.append(entry(Event.SETTINGS, minutes_ago=5, figures={"allow": [*word]}))
    before, now = (Asked(commit=c * 40, digest=digest("D"), allow=word) for c in "ac")
    without = Asked(commit="b" * 40, digest=digest("D"))
    scene.asked = None
    assert decide(scene.situation()) == Needs(facts=frozenset({Fact.ASKED}))
    scene.asked = (before, now)
    assert decided(scene).state is State.BLOCKED
    scene.asked = (before, without, now)
    assert kinds(decided(scene).steps) == ["UpdateSettings"]


def test_capacity_that_goes_a_little_needs_no_consent() -> None:
    scene = converged(settings={"max_replica": 5}, live_settings={"max_replica": 8}, protected=True)
    assert decided(scene).state is State.SETTINGS


def test_consent_that_has_done_its_work_may_be_removed() -> None:
    scene = converged(protected=True, allow=frozenset({"scale_to_zero"}))
    assert decided(scene).notices == ()
    scene.entries.append(entry(Event.SETTINGS, minutes_ago=5, figures={"allow": ["scale_to_zero"]}))
    assert "may be removed" in decided(scene).notices[0]


def test_what_the_log_names_otherwise_is_adopted() -> None:
    scene = Scene(current="D", entries=[SERVED, entry(Event.RELEASED, "P", "D", minutes_ago=20)])
    answer = decided(scene)
    assert answer.row == 18
    (step,) = answer.steps
    assert isinstance(step, Record)
    assert (step.event, step.from_, step.to) == (Event.ADOPTED, side("P"), side("D"))


def test_without_the_log_nothing_is_written_down() -> None:
    answer = decided(Scene(current="D", log_known=False, checks=True))
    assert (answer.row, answer.steps, answer.history_known) == (18, (), False)


def test_what_this_version_cannot_carry_out_blocks() -> None:
    answer = decided(converged(unsupported=("retention",)))
    assert (answer.state, answer.exit_code) == (State.BLOCKED, 4)
    assert answer.blocked is not None
    assert "retention" in answer.blocked.why
    running = serving_unjudged(unsupported=("retention",))
    assert kinds(decided(running).steps) == ["Watch", "Record(released)"]


def test_what_this_run_asked_for_and_does_not_read_back_is_no_drift() -> None:
    scene = converged(settings={"max_replica": 4}, live_settings={"max_replica": 2}, audit=None)
    written = entry(
        Event.RELEASED, "D", minutes_ago=1, settings_after={"autoscaling.max_replica": 4}
    )
    scene.entries.append(written)
    scene.evidence = Evidence(recorded=frozenset({written.id}))
    assert decided(scene).changes[0].origin == "release"


def test_a_serving_deployment_that_did_not_start_again_needs_a_person() -> None:
    scene = Scene(current="D", status="FAILED", entries=[SERVED])
    scene.evidence = Evidence(failed_to_start={"dep-D": "no GPU to be had"})
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 8)
    scene.status = "INACTIVE"
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 8)


@pytest.mark.parametrize("checks", [False, True])
def test_a_deployment_that_is_named_is_adopted_once_whatever_held_its_files_before(
    checks: bool,
) -> None:
    served = entry(Event.RELEASED, "D", minutes_ago=40)
    served = replace(served, to=replace(side("D"), deployment_id="twin", deployment_name="twin"))
    scene = Scene(
        reference=deployment("D").name,
        current="D",
        checks=checks,
        entries=[served, entry(Event.ADOPTED, "D", minutes_ago=20)],
    )
    answer = decided(scene)
    assert (answer.row, answer.steps) == (18, ())
