"""What holds of every situation, also of those that nobody thought of."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.decide import (
    Answer,
    Asked,
    Blocked,
    Decision,
    Evidence,
    Fact,
    Needs,
    Options,
    Situation,
    State,
    decide,
)
from gitops.decide import audit as audit_log
from gitops.decide.steps import CancelPromotion, Follow, Promote, RollBack, UpdateSettings
from gitops.decide.view import View
from gitops.record.entry import Entry, Event
from gitops.state.desired import Requirement, Watch
from gitops.state.live import AuditEntry, Promotion
from tests.decide.scenes import (
    COMMIT,
    LETTERS,
    NOW,
    Scene,
    deployment,
    digest,
    entry,
    promoted,
    verdict,
)

STATUSES = (
    "ACTIVE",
    "SCALED_TO_ZERO",
    "INACTIVE",
    "UNHEALTHY",
    "FAILED",
    "BUILD_FAILED",
    "BUILD_STOPPED",
    "BUILDING",
    "A_WORD_OF_NEXT_YEAR",
)
PROMOTIONS = ("RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED", "SUCCEEDED", "FAILED", "NEW")
letters = st.sampled_from(LETTERS)
maybe = st.none() | letters
statuses = st.sampled_from(STATUSES)
ids = st.sampled_from([f"dep-{letter}" for letter in LETTERS])
verdicts = st.dictionaries(
    ids, st.sampled_from(("pass", "fail", "inconclusive")).map(verdict), max_size=2
)


@st.composite
def logs(draw: st.DrawFn) -> list[Entry]:
    found: list[Entry] = []
    for place in range(draw(st.integers(0, 5))):
        event = draw(st.sampled_from(list(Event)))
        intents = [each.id for each in found if each.event in {Event.INTENT, Event.HELD}]
        made = entry(
            event,
            draw(maybe),
            draw(maybe),
            minutes_ago=60 - 11.9 * place,
            id=f"entry-{place}",
            intent=draw(st.sampled_from([None, *intents])),
            applied_commit=draw(st.sampled_from(["a" * 40, "b" * 40, COMMIT])),
            ended_by=draw(st.sampled_from([None, "rui@example.com"])),
            settings_before=draw(st.sampled_from([None, {"autoscaling.max_replica": 2}])),
            settings_after=draw(st.sampled_from([None, {"autoscaling.max_replica": 4}])),
        )
        found.append(made)
    if draw(st.booleans()):
        # An open intent is what most rows are about, and chance alone rarely makes one.
        to, from_ = draw(st.permutations("PDX"))[:2]
        found.append(entry(Event.INTENT, to, from_, minutes_ago=40, id="entry-9"))
    return found


@st.composite
def audits(draw: st.DrawFn) -> list[AuditEntry]:
    found = []
    for place in range(draw(st.integers(0, 3))):
        made = promoted(draw(letters), own=draw(st.booleans()), minutes_ago=30 - 10 * place)
        kind = draw(
            st.sampled_from(
                (
                    audit_log.PROMOTED,
                    audit_log.PROMOTED,
                    audit_log.PROMOTED,
                    audit_log.CONTROLLED,
                    "MODEL_DEPLOYMENT_DEACTIVATED",
                    "ENVIRONMENT_UPDATED",
                )
            )
        )
        found.append(replace(made, event_type=kind))
    return found


asked = st.lists(
    st.builds(
        Asked,
        commit=st.sampled_from(["a" * 40, "b" * 40, COMMIT]),
        digest=st.none() | letters.map(digest),
        settings=st.just({"autoscaling.max_replica": 4}),
    ),
    max_size=4,
).map(tuple)
evidence = st.builds(
    Evidence,
    checks=verdicts,
    watch=verdicts,
    failed_to_start=st.dictionaries(ids, st.just("it did not start"), max_size=1),
    retried=st.frozensets(ids, max_size=1),
    intents=st.frozensets(st.sampled_from(["entry-0", "entry-1"]), max_size=1),
    recorded=st.frozensets(st.sampled_from(["entry-0", "entry-1"]), max_size=1),
    looked=st.frozensets(st.sampled_from(["entry-0", "entry-1"]), max_size=1),
    traffic=st.frozensets(ids, max_size=1),
    followed=st.frozensets(ids, max_size=1),
)
replicas = st.sampled_from([{}, {"max_replica": 4}, {"min_replica": 0, "max_replica": 1}])
promotions = st.none() | st.builds(
    Promotion, status=st.sampled_from(PROMOTIONS), percent=st.sampled_from([0, 50])
)
deployments = st.lists(st.builds(deployment, letters, statuses), max_size=3).map(
    lambda found: list({each.id: each for each in found}.values())
)
scenes = st.builds(
    Scene,
    wants=st.sampled_from("DXP"),
    reference=st.sampled_from([None, None, None, "hotfix", "dep-F"]),
    mode=st.sampled_from(["reconcile", "reconcile", "reconcile", "observe", "pause"]),
    current=maybe,
    status=statuses,
    candidate=st.none() | st.sampled_from("PDXX"),
    candidate_status=statuses,
    promotion=promotions,
    settings=replicas,
    live_settings=replicas,
    checks=st.booleans(),
    watch=st.none()
    | st.builds(
        Watch,
        seconds=st.sampled_from([0.0, 600.0]),
        on_failure=st.sampled_from(["rollback", "alert"]),
        on_inconclusive=st.sampled_from(["pass", "fail"]),
    ),
    requires=st.sampled_from([(), (Requirement(environment="staging", seconds=60),)]),
    protected=st.booleans(),
    unsupported=st.sampled_from([(), (), (), ("shadow",)]),
    entries=logs(),
    log_known=st.sampled_from([True, True, True, False]),
    audit=st.none() | audits(),
    audit_unreadable=st.booleans(),
    asked=st.none() | asked,
    deployments=st.none() | deployments,
    model_exists=st.sampled_from([True, True, True, False]),
    options=st.builds(
        Options,
        undo_drift=st.booleans(),
        retry=st.booleans(),
        recheck=st.booleans(),
        no_watch=st.booleans(),
    ),
    evidence=evidence,
)


def answer_with_all_facts(scene: Scene) -> tuple[Situation, Decision]:
    """The decision, with every fact read that is asked for."""
    situation = scene.situation()
    for _ in Fact:
        answer: Answer = decide(situation)
        if isinstance(answer, Decision):
            return situation, answer
        situation = read(situation, scene, answer)
    answer = decide(situation)
    assert isinstance(answer, Decision)
    return situation, answer


def read(situation: Situation, scene: Scene, needs: Needs) -> Situation:
    assert needs.facts
    if Fact.AUDIT in needs.facts:
        assert situation.audit is None
        situation = replace(situation, audit=())
    if Fact.ASKED in needs.facts:
        assert situation.asked is None
        situation = replace(situation, asked=())
    if Fact.DEPLOYMENTS in needs.facts:
        assert situation.live is not None
        assert situation.live.deployments is None
        there = replace(scene, deployments=[]).live()
        assert there is not None
        situation = replace(situation, live=there)
    return situation


@settings(max_examples=400)
@given(scenes)
def test_every_situation_has_one_answer_and_always_the_same(scene: Scene) -> None:
    situation, decision = answer_with_all_facts(scene)
    assert decide(situation) == decision
    assert 1 <= decision.row <= 21
    assert decision.reason
    assert decision.exit_code in {0, 3, 4, 5, 7, 8}
    if decision.state is State.BLOCKED:
        assert isinstance(decision.blocked, Blocked)


@settings(max_examples=400)
@given(scenes)
def test_nothing_unsafe_is_ever_decided(scene: Scene) -> None:
    situation, decision = answer_with_all_facts(scene)
    if scene.mode != "reconcile":
        assert decision.steps == ()
        assert decision.exit_code == 0
    live = situation.live.environment("production") if situation.live else None
    for step in decision.steps:
        match step:
            case Promote():
                assert not held(situation) or situation.options.retry
                free = live is None or live.candidate is None
                assert free or cancels(decision) or View.of(situation).candidate_is_over
            case CancelPromotion(deployment_id=found):
                assert ours(situation, found)
            case RollBack(bad=bad, intent=intent):
                opened = [each for each in scene.entries if each.id == intent]
                assert opened
                unreadable = situation.audit_unreadable
                by_hand = opened[0].event is Event.HELD
                assert by_hand or unreadable or ours(situation, bad.deployment_id)
            case UpdateSettings():
                moving = live is not None and live.candidate is not None
                same = moving and live is not None and live.current == live.candidate
                over = View.of(situation).candidate_is_over
                assert not moving or same or over or cancels(decision)
            case Follow(deployment_id=found):
                assert live is not None
                assert live.candidate is not None
                assert live.candidate.id == found
            case _:
                pass


def cancels(decision: Decision) -> bool:
    return any(isinstance(step, CancelPromotion) for step in decision.steps)


def ours(situation: Situation, found: str) -> bool:
    """Whether the newest promotion of that deployment, or of what it copies, is our own."""
    names = {found, found.removesuffix("-2")}
    entries = [
        each
        for each in situation.audit or ()
        if each.event_type == audit_log.PROMOTED and each.deployment_id in names
    ]
    return bool(entries) and entries[-1].own


def held(situation: Situation) -> bool:
    """Whether the log holds what is wanted, made at this very commit and so not broken since."""
    assert situation.history is not None or not situation.history
    if situation.history is None or situation.environment.artifact is None:
        return False
    wanted = situation.environment.artifact.digest
    return any(
        hold.side.digest == wanted and hold.entry.applied_commit == situation.applied_commit
        for hold in situation.history.environment("production").holds
    )


@given(scenes)
def test_a_pause_asks_for_no_fact(scene: Scene) -> None:
    scene.mode = "pause"
    answer = decide(scene.situation(live=None, history=None, audit=None, asked=None))
    assert isinstance(answer, Decision)
    assert (answer.row, answer.state, answer.steps) == (1, State.PAUSED, ())


@settings(max_examples=200)
@given(scenes)
def test_what_is_blocked_says_why_and_what_to_do(scene: Scene) -> None:
    _, decision = answer_with_all_facts(scene)
    if decision.blocked is not None:
        assert decision.blocked.why
        assert decision.blocked.remedy


@settings(max_examples=200)
@given(scenes)
def test_an_older_look_at_the_clock_changes_nothing_but_waiting(scene: Scene) -> None:
    situation, decision = answer_with_all_facts(scene)
    later = replace(situation, now=NOW + timedelta(days=1))
    again = decide(later)
    assert isinstance(again, Decision)
    if not scene.requires:
        assert again.row == decision.row
