"""A reviewed plan that was begun: what an apply of it did is no difference, anything else is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.decide import Decision, decide_model
from gitops.plan.build import build_plan
from gitops.plan.compare import compare
from gitops.plan.continued import Present
from gitops.plan.model import Plan
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, Requirement
from gitops.state.live import Deployment, LiveEnvironment, Promotion
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
    "its build failed": now(there(), unattached=(replace(NEW, status="FAILED"),), audit=()),
    "ended badly": now(there(), BEGUN, ROLLED_BACK, unattached=(NEW,)),
    "other checks": now(SERVES, BEGUN, environments=(replace(ASKED, checks=()),)),
    "another artifact": now(SERVES, BEGUN, environments=(replace(ASKED, artifact=OTHER),)),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_anything_else_is_a_difference(name: str) -> None:
    assert differs(reviewed(), OTHERWISE[name]) != ()


def test_a_plan_of_settings_that_were_written_is_carried_out() -> None:
    asked = replace(ASKED, artifact=BEFORE)
    saved = reviewed(asked)
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
    raised = there(settings=RAISED)
    assert differs(saved, now(raised, wrote, environments=(asked,))) == ()
    by_hand = now(raised, environments=(asked,))
    assert differs(saved, by_hand) != ()
    another = replace(wrote, applied_commit="d" * 40)
    assert differs(saved, now(raised, another, environments=(asked,))) != ()


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
