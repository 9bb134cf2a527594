"""A reviewed plan that was begun: what an apply of it did is no difference, anything else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.decide import Decision, decide_model
from gitops.errors import Refused
from gitops.plan.build import build_plan
from gitops.plan.compare import compare, raise_if_stale
from gitops.plan.model import Plan
from gitops.plan.present import Present
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, Requirement
from gitops.state.live import AuditEntry, Deployment, LiveEnvironment, Promotion
from gitops.state.settings import Settings
from tests.scenarios.situations import (
    APPLIED,
    BEFORE,
    BY_HAND,
    INTENT,
    NEW,
    NOW,
    OLD,
    OTHER,
    RELEASED,
    STRAY,
    TWENTY,
    Scenario,
    audit,
    entry,
    production,
    side,
    there,
)

ASKED = production(settings=Settings(autoscaling=dict(TWENTY)), protected=False)
RAISED = Settings(autoscaling=dict(TWENTY))
PLANNED = NOW - timedelta(minutes=25)
RUNS = Promotion(status="RAMPING_UP", percent=25, rolling=True)
OURS = (audit(NEW, own=True, minutes=19),)
BEGUN = replace(INTENT, applied_commit=APPLIED)
ENDED = replace(
    entry(Event.RELEASED, NEW, OLD, minutes=5, applied_commit=APPLIED, intent=BEGUN.id),
    settings_before=BEGUN.settings_before,
    settings_after=BEGUN.settings_after,
)
ROLLED_BACK = entry(Event.ROLLED_BACK, NEW, OLD, minutes=5, applied_commit=APPLIED, intent=BEGUN.id)
SERVES = there(NEW, settings=RAISED)


def looked(scenario: Scenario) -> tuple[Plan, Present]:
    """A plan made now, and what of."""
    decisions: dict[str, dict[str, Decision]] = {"qwen-3-8b": {}}
    for name, decision in decide_model(scenario.situations()).items():
        assert isinstance(decision, Decision)
        decisions["qwen-3-8b"][name] = decision
    plan = build_plan(scenario.desired, scenario.snapshot, decisions, now=NOW)
    history = ModelHistory.of(scenario.entries or ())
    present = Present(
        desired=scenario.desired,
        live=scenario.snapshot,
        decisions=decisions,
        histories={"qwen-3-8b": history},
        audit={} if scenario.audit is None else {"qwen-3-8b": scenario.audit},
    )
    return plan, present


def reviewed(*environments: DesiredEnvironment, **given: object) -> Plan:
    """The plan of a pull request, made before anything was begun, of another commit."""
    of = replace(
        Scenario(row=0, environments=environments or (ASKED,)),
        **given,  # type: ignore[arg-type]
    )
    plan, _ = looked(of)
    return replace(plan, commit="5" * 40, inputs=replace(plan.inputs, now=PLANNED))


def differs(saved: Plan, scenario: Scenario) -> tuple[str, ...]:
    fresh, present = looked(scenario)
    assert compare(saved, fresh) != ()
    return compare(saved, fresh, present)


def now(live: LiveEnvironment, *entries: Entry, **given: object) -> Scenario:
    made = Scenario(
        row=0, environments=(ASKED,), live=(live,), entries=(RELEASED, *entries), audit=OURS
    )
    return replace(made, **given)  # type: ignore[arg-type]


GOES_ON = {
    "built": now(there(), unattached=(NEW,), audit=()),
    "still building": now(there(), unattached=(replace(NEW, status="BUILDING"),), audit=()),
    "its build failed": now(there(), unattached=(replace(NEW, status="BUILD_FAILED"),), audit=()),
    "its start failed": now(there(), unattached=(replace(NEW, status="FAILED"),), audit=()),
    "announced": now(there(), BEGUN, unattached=(NEW,), audit=()),
    "never began": now(
        there(),
        BEGUN,
        entry(Event.NOT_STARTED, NEW, OLD, minutes=5, applied_commit=APPLIED, intent=BEGUN.id),
        unattached=(NEW,),
        audit=(),
    ),
    "promoting": now(there(OLD, NEW, promotion=RUNS), BEGUN),
    "unjudged": now(SERVES, BEGUN),
    "failed unjudged": now(there(replace(NEW, status="FAILED"), settings=RAISED), BEGUN),
    "released": now(SERVES, BEGUN, ENDED, unattached=(OLD,)),
}


@pytest.mark.parametrize("name", GOES_ON)
def test_what_an_apply_of_the_plan_began_or_ended_is_no_difference(name: str) -> None:
    assert differs(reviewed(), GOES_ON[name]) == ()


def test_the_next_environment_follows_once_the_one_it_requires_has_released_it() -> None:
    staging = replace(ASKED, name="staging", watch=None)
    last = replace(ASKED, requires=(Requirement(environment="staging"),))
    before = (there(name="staging"), there())
    saved = reviewed(staging, last, live=before, entries=(RELEASED, on_staging(RELEASED)))
    rest = there(NEW, name="staging", settings=RAISED)
    log = (RELEASED, on_staging(RELEASED), on_staging(BEGUN), on_staging(ENDED))
    both = Scenario(row=0, environments=(staging, last), entries=log, live=(rest, there()))
    assert differs(saved, both) == ()
    by_another = replace(log[-2], applied_commit="d" * 40)
    assert differs(saved, replace(both, entries=(*log[:-2], by_another, log[-1]))) != ()


def on_staging(made: Entry) -> Entry:
    return replace(
        made,
        id=f"staging-{made.id}",
        environment="staging",
        intent=f"staging-{made.intent}" if made.intent else None,
    )


def clicked(live: LiveEnvironment, **settings: int) -> LiveEnvironment:
    return replace(live, settings=Settings(autoscaling={**TWENTY, **settings}))


ANOTHER = side(STRAY)
OTHERWISE = {
    "another commit's entry": now(SERVES, replace(BEGUN, applied_commit="d" * 40)),
    "another artifact announced": now(there(STRAY), replace(BEGUN, to=ANOTHER), audit=()),
    "in another's place": now(SERVES, replace(BEGUN, from_=ANOTHER)),
    "with other settings": now(
        SERVES, replace(BEGUN, settings_after={"autoscaling.max_replica": 40})
    ),
    "over other settings": now(
        SERVES, replace(BEGUN, settings_before={"autoscaling.max_replica": 15})
    ),
    "with a setting more": now(
        SERVES,
        replace(
            BEGUN,
            settings_after={**(BEGUN.settings_after or {}), "autoscaling.min_replica": 0},
        ),
    ),
    "nothing announced": now(SERVES),
    "announced before the plan": now(SERVES, replace(BEGUN, at=PLANNED - timedelta(minutes=1))),
    "a click on its settings": now(clicked(SERVES, max_replica=33), BEGUN),
    "a click beside them": now(clicked(SERVES, min_replica=5), BEGUN),
    "a click after the end": now(clicked(SERVES, min_replica=5), BEGUN, ENDED),
    "a hotfix over it": now(there(BY_HAND, settings=RAISED), BEGUN, ENDED, audit=()),
    "a hotfix on its way": now(there(NEW, BY_HAND, settings=RAISED, promotion=RUNS), BEGUN, ENDED),
    "ended by a person": now(there(), BEGUN, replace(ROLLED_BACK, ended_by="alice@example.com")),
    "cancelled by a person": now(
        there(),
        BEGUN,
        audit=(*OURS, audit(NEW, own=False, minutes=9, kind="CONTROL", action="CANCEL")),
        unattached=(NEW,),
    ),
    "stopped since": now(there(replace(NEW, status="INACTIVE"), settings=RAISED), BEGUN),
    "rolled back by hand": now(
        SERVES, BEGUN, ENDED, entry(Event.HELD, OLD, NEW, minutes=2, applied_commit=APPLIED)
    ),
    "retried by hand": now(
        there(),
        BEGUN,
        ROLLED_BACK,
        entry(Event.LIFTED, NEW, minutes=2, applied_commit=APPLIED),
        unattached=(NEW,),
    ),
    "its build was stopped": now(
        there(), unattached=(replace(NEW, status="BUILD_STOPPED"),), audit=()
    ),
    "ended badly": now(there(), BEGUN, ROLLED_BACK, unattached=(NEW,)),
    "other checks": now(SERVES, BEGUN, environments=(replace(ASKED, checks=()),)),
    "another artifact": now(SERVES, BEGUN, environments=(replace(ASKED, artifact=OTHER),)),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_anything_else_is_a_difference(name: str) -> None:
    assert differs(reviewed(), OTHERWISE[name]) != ()


def test_what_ended_badly_is_said_to_be_held_and_the_plan_to_be_over() -> None:
    fresh, present = looked(OTHERWISE["ended badly"])
    with pytest.raises(Refused) as refused:
        raise_if_stale(reviewed(), fresh, present)
    assert refused.value.message == (
        "the plan does not fit any more: qwen-3-8b/production: nothing more is released there: "
        f"{fresh.models[0].environments[0].reason}"
    )
    assert "held since 2026-" in refused.value.message
    assert "--retry qwen-3-8b/production" in refused.value.message
    assert refused.value.hint == "the plan is over: what is to happen next is planned anew"


ONLY_SETTINGS = replace(ASKED, artifact=BEFORE)
RAISED_THERE = there(settings=RAISED)


def test_a_plan_of_settings_that_were_written_is_carried_out() -> None:
    saved = reviewed(ONLY_SETTINGS)
    assert saved.models[0].environments[0].state == "settings"
    wrote = entry(
        Event.SETTINGS,
        OLD,
        OLD,
        minutes=5,
        applied_commit=APPLIED,
        settings_before=BEGUN.settings_before,
        settings_after=BEGUN.settings_after,
    )
    assert differs(saved, now(RAISED_THERE, wrote, environments=(ONLY_SETTINGS,))) == ()
    another = replace(wrote, applied_commit="d" * 40)
    assert differs(saved, now(RAISED_THERE, another, environments=(ONLY_SETTINGS,))) != ()


def made(
    kind: str, minutes: float, *, own: bool = True, of: Deployment | None = None
) -> AuditEntry:
    return replace(audit(of, own=own, minutes=minutes), event_type=kind)


WRITTEN = audit(None, own=True, minutes=6, kind="UPDATED")


def test_settings_that_were_written_and_not_recorded_are_carried_out() -> None:
    scenario = now(RAISED_THERE, environments=(ONLY_SETTINGS,), audit=(WRITTEN,))
    assert differs(reviewed(ONLY_SETTINGS), scenario) == ()


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        (None, "this key may not read the audit log"),
        ((), "the audit log does not say who did"),
        ((replace(WRITTEN, at=PLANNED - timedelta(minutes=1)),), "does not say who did"),
        (
            (audit(None, own=False, minutes=6, kind="UPDATED"),),
            "alice@example.com acted there at 2026-",
        ),
        (
            (replace(WRITTEN, own=False, by_tool=True, actor="API key k2"),),
            "API key k2 acted there at 2026-",
        ),
        (
            (WRITTEN, audit(None, own=False, minutes=2, kind="UPDATED")),
            "alice@example.com acted there at 2026-",
        ),
    ],
)
def test_who_set_what_is_set_is_proved_or_the_plan_is_refused(
    seen: tuple[AuditEntry, ...] | None, says: str
) -> None:
    [*_, told] = differs(
        reviewed(ONLY_SETTINGS), now(RAISED_THERE, environments=(ONLY_SETTINGS,), audit=seen)
    )
    assert told.startswith("qwen-3-8b/production: an apply of this plan may have done that, but ")
    assert says in told


def test_settings_that_went_further_or_beside_are_a_difference() -> None:
    saved = reviewed(ONLY_SETTINGS)
    for live in (
        there(settings=Settings(autoscaling={**TWENTY, "max_replica": 33})),
        there(NEW, settings=RAISED),
        there(OLD, BY_HAND, settings=RAISED, promotion=RUNS),
    ):
        scenario = now(live, environments=(ONLY_SETTINGS,), audit=(WRITTEN,))
        assert differs(saved, scenario) != ()


STAGING = replace(ASKED, name="staging", watch=None)
EMPTY = there(None, settings=Settings(autoscaling={"min_replica": 0, "max_replica": 1}))
DEPLOYED = made("MODEL_DEPLOYED", 22, of=NEW)
FIRST = replace(BEGUN, from_=None, settings_before={"autoscaling.max_replica": 1})
FIRST_ENDED = replace(ENDED, from_=None)
PLACES = (STAGING, ASKED)


def in_staging(*entries: Entry) -> tuple[Entry, ...]:
    return tuple(map(on_staging, entries))


def first(
    *live: LiveEnvironment, entries: tuple[Entry, ...] = (), audit: object = (DEPLOYED,)
) -> Scenario:
    """A model that was not there when the plan of its first release was made."""
    asked = replace(Scenario(row=0), environments=PLACES, live=live, unattached=(NEW,))
    return replace(asked, entries=entries, audit=audit)  # type: ignore[arg-type]


def first_reviewed() -> Plan:
    return reviewed(*PLACES, live=None, entries=())


AT_STAGING = replace(there(NEW, settings=RAISED), name="staging")
FIRST_GOES_ON = {
    "pushed": first(EMPTY),
    "still building": replace(first(EMPTY), unattached=(replace(NEW, status="BUILDING"),)),
    "its build failed": replace(first(EMPTY), unattached=(replace(NEW, status="BUILD_FAILED"),)),
    "put into production by Baseten": first(there(NEW, settings=EMPTY.settings)),
    "on its way into production": first(there(None, NEW, promotion=RUNS), audit=(DEPLOYED,)),
    "an environment made": first(EMPTY, replace(EMPTY, name="staging", settings=RAISED)),
    "announced": first(
        EMPTY, replace(EMPTY, name="staging", settings=RAISED), entries=in_staging(FIRST)
    ),
    "unjudged": first(EMPTY, AT_STAGING, entries=in_staging(FIRST)),
    "released": first(EMPTY, AT_STAGING, entries=in_staging(FIRST, FIRST_ENDED)),
    "done": first(
        there(NEW, settings=RAISED),
        AT_STAGING,
        entries=(
            *in_staging(FIRST, FIRST_ENDED),
            entry(Event.ADOPTED, NEW, minutes=4, applied_commit=APPLIED),
        ),
    ),
}


@pytest.mark.parametrize("name", FIRST_GOES_ON)
def test_a_first_release_that_was_begun_goes_on_where_nobody_else_was_at_it(name: str) -> None:
    assert first_reviewed().models[0].model_id is None
    assert differs(first_reviewed(), FIRST_GOES_ON[name]) == ()


FIRST_OTHERWISE = {
    "unreadable": (first(EMPTY, audit=None), "this key may not read the audit log"),
    "nobody's": (first(EMPTY, audit=()), "the audit log does not say who did"),
    "a person's model": (
        first(EMPTY, audit=(made("MODEL_DEPLOYED", 22, own=False, of=NEW),)),
        "alice@example.com acted there",
    ),
    "a click": (
        first(EMPTY, audit=(DEPLOYED, audit(None, own=False, minutes=2, kind="UPDATED"))),
        "alice@example.com acted there",
    ),
    "another artifact": (
        first(EMPTY, audit=(DEPLOYED, made("MODEL_DEPLOYED", 21, of=STRAY))),
        "deployment t7y6u5i is not of this plan",
    ),
    "a development deployment": (
        first(EMPTY, audit=(DEPLOYED, made("MODEL_DEPLOYED", 21))),
        "is not of this plan",
    ),
    "an older model": (
        first(EMPTY, audit=(made("MODEL_DEPLOYED", 40, of=NEW),)),
        "it is older than the plan",
    ),
    "another commit's entry": (
        first(EMPTY, AT_STAGING, entries=in_staging(replace(FIRST, applied_commit="d" * 40))),
        "",
    ),
    "another model's entry": (
        first(EMPTY, AT_STAGING, entries=in_staging(replace(FIRST, model_id="another"))),
        "",
    ),
    "announced with other settings": (
        first(
            EMPTY,
            AT_STAGING,
            entries=in_staging(replace(FIRST, settings_after={"autoscaling.max_replica": 40})),
        ),
        "",
    ),
    "something else serves": (first(there(STRAY)), ""),
    "ended by a person": (
        first(
            EMPTY,
            replace(EMPTY, name="staging", settings=RAISED),
            entries=in_staging(
                FIRST, replace(ROLLED_BACK, from_=None, ended_by="alice@example.com")
            ),
        ),
        "",
    ),
    "held with nothing to go back to": (
        first(
            EMPTY,
            AT_STAGING,
            entries=in_staging(
                FIRST, entry(Event.HELD, None, NEW, minutes=3, applied_commit=APPLIED)
            ),
        ),
        "",
    ),
}


@pytest.mark.parametrize("name", FIRST_OTHERWISE)
def test_a_first_release_to_a_place_that_may_be_anybodys_is_refused(name: str) -> None:
    scenario, says = FIRST_OTHERWISE[name]
    told = differs(first_reviewed(), scenario)
    assert told != ()
    assert says in "; ".join(told)


CREATED = replace(made("ENVIRONMENT_CREATED", 21), environment="staging")
NEW_STAGING = replace(EMPTY, name="staging", settings=RAISED)


def test_a_first_release_to_an_environment_that_was_made_goes_on() -> None:
    served = there(settings=RAISED)
    asked = (STAGING, replace(ONLY_SETTINGS, watch=None))
    saved = reviewed(*asked, live=(served,))
    assert [each.state for each in saved.models[0].environments] == ["push", "converged"]

    def made_since(*live: LiveEnvironment, **given: object) -> Scenario:
        return replace(now(served, environments=asked, **given), live=(served, *live))

    for scenario in (
        made_since(NEW_STAGING, audit=(CREATED,)),
        made_since(NEW_STAGING, audit=(CREATED,), unattached=(NEW,)),
        made_since(
            AT_STAGING, audit=(CREATED,), entries=(RELEASED, *in_staging(FIRST)), unattached=()
        ),
    ):
        assert differs(saved, scenario) == ()
    by_hand = replace(CREATED, own=False, actor="alice@example.com")
    for seen in (
        None,
        (),
        (by_hand,),
        (CREATED, replace(by_hand, event_type="ENVIRONMENT_UPDATED")),
    ):
        assert differs(saved, made_since(NEW_STAGING, audit=seen)) != ()


SIDES = st.sampled_from([OLD, NEW, STRAY, BY_HAND])
ENTRIES = st.builds(
    lambda event, to, from_, minutes, commit, after, closes, who: entry(
        event,
        to,
        from_,
        minutes=minutes,
        applied_commit=commit,
        settings_before=BEGUN.settings_before,
        settings_after={"autoscaling.min_replica": 2, "autoscaling.max_replica": after},
        intent=closes,
        ended_by=who,
    ),
    st.sampled_from(list(Event)),
    SIDES,
    SIDES,
    st.integers(1, 40),
    st.sampled_from([APPLIED, "5" * 40, "d" * 40]),
    st.sampled_from([10, 20, 30]),
    st.sampled_from([None, BEGUN.id]),
    st.sampled_from([None, None, "alice@example.com"]),
)


@given(
    begun=st.sampled_from(list(GOES_ON.values())),
    written=st.lists(ENTRIES, max_size=2),
    replicas=st.none() | st.sampled_from([10, 20, 30]),
    current=st.none() | SIDES,
)
def test_whatever_else_happened_an_approval_covers_nothing_of_it(
    begun: Scenario,
    written: list[Entry],
    replicas: int | None,
    current: Deployment | None,
) -> None:
    assert begun.live is not None
    [live] = begun.live
    if current is not None:
        live = replace(live, current=replace(current, environment="production"))
    if replicas is not None:
        live = replace(live, settings=Settings(autoscaling={**TWENTY, "max_replica": replicas}))
    entries = sorted([*(begun.entries or ()), *written], key=lambda each: each.at)
    fresh, present = looked(replace(begun, live=(live,), entries=tuple(entries)))
    saved = reviewed()
    if compare(saved, fresh) == () or compare(saved, fresh, present) != ():
        return
    assert replicas != 30
    assert current is None or current.id in {OLD.id, NEW.id}
    for each in entries:
        if each.at >= PLANNED:
            assert each.applied_commit in {APPLIED, saved.commit}
            assert each.ended_by is None
            assert side_id(each.to) == NEW.id or each.event not in {Event.INTENT, Event.REJECTED}
            assert each.event not in {Event.HELD, Event.ADOPTED, Event.LIFTED, Event.UNVERIFIED}


def side_id(of: Side | None) -> str | None:
    return of.deployment_id if of else None
