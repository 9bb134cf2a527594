"""Every row of the decision table as a person reads it in a plan: text, Markdown, JSON."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import jsonschema
import pytest

from gitops.decide import ROWS, Asked, Decision, Needs, decide_model
from gitops.plan import document
from gitops.plan.build import build_plan
from gitops.plan.model import Plan
from gitops.plan.summary import exit_code
from gitops.record.entry import Event
from gitops.render import plan_markdown, plan_schema, plan_text
from gitops.state.desired import Limits, Requirement
from gitops.state.live import Promotion
from gitops.state.settings import Settings
from tests.golden_files import Golden
from tests.scenarios.situations import (
    APPLIED,
    BEFORE,
    BY_HAND,
    EARLIER,
    INTENT,
    NEW,
    NOW,
    OLD,
    RELEASED,
    STAGED,
    TEN,
    TWENTY,
    WANTED,
    Scenario,
    audit,
    entry,
    production,
    there,
)

SCHEMA = jsonschema.Draft202012Validator(plan_schema.schema())
RAMPING = Promotion(status="RAMPING_UP", percent=25, rolling=True)
STAGING = dataclasses.replace(
    production(), name="staging", protected=False, settings=Settings(), watch=None
)
STAGING_LIVE = dataclasses.replace(there(), name="staging")
REQUIRING = production(requires=(Requirement(environment="staging"),))
SOAKING = production(requires=(Requirement(environment="staging", seconds=1800),))
TWENTY_REPLICAS = production(artifact=BEFORE, settings=Settings(autoscaling=dict(TWENTY)))
NIGHT = {
    "cadence": "DAILY",
    "start_hour": 22,
    "start_minute": 0,
    "end_hour": 6,
    "end_minute": 0,
    "timezone": "UTC",
    "enabled": True,
    "autoscaling": {"min_replica": 0, "max_replica": 2},
}
SERVED = entry(Event.RELEASED, NEW, minutes=2880)
SAME_FILES = dataclasses.replace(WANTED, commit="8147635093981f2e3d4c5b6a79880716253443f0")

ADDED = Settings(autoscaling={"min_replica": 2, "max_replica": 20})
ADDED_BY_ALICE = audit(
    OLD,
    own=False,
    minutes=30,
    kind="UPDATED",
    max_replica=20,
    previous_settings={"max_replica": 10},
)

SCENARIOS: dict[str, Scenario] = {
    "01-pause": Scenario(row=1, environments=(production(mode="pause"),), live=None),
    "01-observe": Scenario(row=20, environments=(production(mode="observe"),), unattached=(NEW,)),
    "02-renamed-on-baseten": Scenario(row=2, live=None, given={"elsewhere": "qwen-3-8b-legacy"}),
    "02-deleted": Scenario(row=2, live=None),
    "02-renamed-in-git": Scenario(row=2, live=None, entries=(), given={"formerly": "qwen-3"}),
    "03-superseded": Scenario(row=3, given={"superseded": True}),
    "04-promotion-paused": Scenario(
        row=4,
        live=(there(OLD, NEW, promotion=Promotion(status="PAUSED", percent=25)),),
        audit=(audit(NEW, own=False, minutes=7, kind="CONTROL", action="PAUSE"),),
        entries=(RELEASED, INTENT),
    ),
    "05-ramping-down": Scenario(
        row=5, live=(there(OLD, NEW, promotion=Promotion(status="RAMPING_DOWN", percent=10)),)
    ),
    "05-wanted-in-transition": Scenario(
        row=5, live=(there(dataclasses.replace(NEW, status="UPDATING")),)
    ),
    "06-our-promotion-runs": Scenario(
        row=6,
        live=(there(OLD, NEW, promotion=RAMPING),),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19),),
    ),
    "06-a-persons-promotion-runs": Scenario(
        row=6,
        live=(there(OLD, NEW, promotion=RAMPING),),
        audit=(audit(NEW, own=False, minutes=19),),
    ),
    "07-nobody-wants-our-candidate": Scenario(
        row=7,
        environments=(production(artifact=BEFORE),),
        live=(there(OLD, NEW, promotion=RAMPING),),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19),),
    ),
    "08-our-rollback-runs": Scenario(
        row=8,
        live=(there(NEW, OLD, promotion=RAMPING),),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19), audit(OLD, own=True, minutes=2)),
    ),
    "09-foreign-candidate": Scenario(
        row=9,
        live=(there(OLD, BY_HAND, promotion=RAMPING),),
        audit=(audit(BY_HAND, own=False, minutes=3),),
    ),
    "10-promotion-never-began": Scenario(row=10, entries=(RELEASED, INTENT), unattached=(NEW,)),
    "10-release-was-ended": Scenario(
        row=10,
        live=(there(settings=Settings(autoscaling=dict(TWENTY))),),
        entries=(RELEASED, INTENT),
        unattached=(NEW,),
        audit=(
            audit(NEW, own=True, minutes=19),
            audit(NEW, own=False, minutes=9, kind="CONTROL", action="GRACEFUL_CANCEL"),
        ),
    ),
    "10-a-rollback-by-hand-did-not-end": Scenario(
        row=10,
        live=(there(NEW),),
        entries=(SERVED, entry(Event.HELD, OLD, NEW, minutes=2)),
    ),
    "11-held": Scenario(
        row=11,
        entries=(
            RELEASED,
            INTENT,
            entry(
                Event.ROLLED_BACK,
                NEW,
                OLD,
                minutes=12,
                intent=INTENT.id,
                reason="12 % of 300 requests failed",
            ),
        ),
        unattached=(NEW,),
    ),
    "12-artifact-changed-outside-of-git": Scenario(
        row=12, live=(there(BY_HAND),), audit=(audit(BY_HAND, own=False, minutes=90),)
    ),
    "12-first-contact": Scenario(row=20, live=(there(BY_HAND),), entries=(), unattached=(NEW,)),
    "13-serves-unjudged": Scenario(
        row=13,
        live=(there(NEW),),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19),),
    ),
    "13-serves-and-failed": Scenario(
        row=13,
        live=(there(dataclasses.replace(NEW, status="FAILED")),),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19),),
    ),
    "14-idled-out": Scenario(
        row=14,
        environments=(production(artifact=BEFORE),),
        live=(there(dataclasses.replace(OLD, status="INACTIVE")),),
    ),
    "14-stopped-by-a-person": Scenario(
        row=14,
        environments=(production(artifact=BEFORE),),
        live=(there(dataclasses.replace(OLD, status="INACTIVE")),),
        audit=(audit(OLD, own=False, minutes=50, kind="DEACTIVATED"),),
    ),
    "15-serving-failed": Scenario(
        row=15,
        environments=(production(artifact=BEFORE),),
        live=(there(dataclasses.replace(OLD, status="FAILED")),),
    ),
    "15-build-stopped": Scenario(
        row=15,
        environments=(production(artifact=BEFORE),),
        live=(there(dataclasses.replace(OLD, status="BUILD_STOPPED")),),
    ),
    "16-never-verified": Scenario(row=16, live=(there(NEW),), entries=()),
    "17-settings-of-the-release": Scenario(row=17, environments=(TWENTY_REPLICAS,)),
    "17-drift": Scenario(
        row=17,
        environments=(production(artifact=BEFORE),),
        live=(there(settings=Settings(autoscaling={"min_replica": 2, "max_replica": 4})),),
        audit=(
            audit(
                None,
                own=False,
                minutes=200,
                kind="UPDATED",
                previous_settings={"max_replica": 10},
                max_replica=4,
            ),
        ),
    ),
    "17-capacity-is-protected": Scenario(
        row=17,
        environments=(
            production(
                artifact=BEFORE,
                settings=Settings(autoscaling={"min_replica": 0, "max_replica": 10}),
            ),
        ),
    ),
    "18-capacity-that-a-person-added": Scenario(
        row=18,
        environments=(production(artifact=BEFORE),),
        live=(there(settings=ADDED),),
        audit=(ADDED_BY_ALICE,),
    ),
    "20-beside-capacity-that-a-person-added": Scenario(
        row=20, unattached=(NEW,), live=(there(settings=ADDED),), audit=(ADDED_BY_ALICE,)
    ),
    "18-converged": Scenario(row=18, environments=(production(artifact=BEFORE),)),
    "19-requires-in-the-same-plan": Scenario(
        row=19,
        environments=(STAGING, REQUIRING),
        live=(STAGING_LIVE, there()),
        entries=(
            RELEASED,
            dataclasses.replace(RELEASED, id="s", environment="staging", settings_after=None),
        ),
        unattached=(NEW,),
    ),
    "19-still-soaking": Scenario(
        row=19,
        environments=(STAGING, SOAKING),
        live=(dataclasses.replace(there(NEW), name="staging"), there()),
        entries=(RELEASED, STAGED),
    ),
    "19-behind-a-hold": Scenario(
        row=19,
        environments=(STAGING, REQUIRING),
        live=(STAGING_LIVE, there()),
        entries=(
            RELEASED,
            dataclasses.replace(
                entry(Event.REJECTED, NEW, OLD, minutes=12, reason="smoke: status 500"),
                environment="staging",
            ),
        ),
        unattached=(NEW,),
    ),
    "11-held-and-what-serves-has-failed": Scenario(
        row=11,
        live=(there(dataclasses.replace(OLD, status="FAILED")),),
        entries=(RELEASED, entry(Event.REJECTED, NEW, OLD, minutes=12, reason="status 500")),
        unattached=(NEW,),
    ),
    "20-a-deployment-is-there": Scenario(row=20, unattached=(NEW,)),
    "20-with-its-settings": Scenario(
        row=20,
        environments=(production(settings=Settings(autoscaling=dict(TWENTY))),),
        unattached=(NEW,),
    ),
    "20-inactive": Scenario(row=20, unattached=(dataclasses.replace(NEW, status="INACTIVE"),)),
    "20-failed-once": Scenario(
        row=20, unattached=(dataclasses.replace(NEW, status="DEPLOY_FAILED"),)
    ),
    "20-failed-once-for-two": Scenario(
        row=20,
        environments=(STAGING, REQUIRING),
        live=(STAGING_LIVE, there()),
        unattached=(dataclasses.replace(NEW, status="BUILD_FAILED"),),
    ),
    "20-back-to-what-served-before": Scenario(
        row=20, entries=(SERVED, RELEASED), unattached=(NEW,)
    ),
    "20-back-to-what-another-commit-built": Scenario(
        row=20,
        environments=(production(artifact=SAME_FILES),),
        entries=(SERVED, RELEASED),
        unattached=(NEW,),
    ),
    "20-back-to-what-scaled-to-zero": Scenario(
        row=20,
        environments=(SOAKING,),
        entries=(SERVED, RELEASED),
        unattached=(dataclasses.replace(NEW, status="SCALED_TO_ZERO"),),
    ),
    "20-back-to-what-was-deactivated": Scenario(
        row=20,
        environments=(SOAKING,),
        entries=(SERVED, RELEASED),
        unattached=(dataclasses.replace(NEW, status="INACTIVE"),),
    ),
    "21-back-to-what-was-deleted": Scenario(
        row=21, environments=(SOAKING,), entries=(SERVED, RELEASED)
    ),
    "20-other-hardware": Scenario(
        row=20, unattached=(dataclasses.replace(NEW, instance_type_name="L4:1"),)
    ),
    "20-unknown-hardware": Scenario(
        row=20, environments=(production(instance_type="H100:2"),), unattached=(NEW,)
    ),
    "21-unknown-hardware": Scenario(row=21, environments=(production(instance_type="quantum"),)),
    "21-nothing-is-there": Scenario(row=21),
    "21-new-model": Scenario(
        row=21,
        live=None,
        entries=(),
        environments=(
            production(
                artifact=dataclasses.replace(
                    WANTED,
                    mutable_inputs=("the base image vllm/vllm-openai:latest has a moving tag",),
                )
            ),
        ),
    ),
    "21-shared-by-two-environments": Scenario(
        row=21,
        environments=(STAGING, production()),
        live=(there(),),
        entries=(RELEASED,),
    ),
    "21-shared-with-another-commit": Scenario(
        row=21,
        environments=(STAGING, production(artifact=SAME_FILES)),
        live=(there(),),
        entries=(RELEASED,),
    ),
    "21-secret-missing": Scenario(
        row=21,
        environments=(
            production(artifact=dataclasses.replace(WANTED, secrets=("hf_access_token", "wandb"))),
        ),
    ),
    "21-no-such-deployment": Scenario(
        row=21, environments=(production(artifact=None, deployment="whisper-large-v3"),)
    ),
    "17-costs-more-than-allowed": Scenario(
        row=17,
        environments=(TWENTY_REPLICAS,),
        limits=Limits(max_increase_usd_per_month=40000),
    ),
    "17-costs-that-cannot-be-estimated": Scenario(
        row=17,
        environments=(TWENTY_REPLICAS,),
        live=(there(instance_type_id="B200:8", instance_type_name="B200:8"),),
        limits=Limits(max_increase_usd_per_month=40000),
    ),
    "17-more-models-than-allowed": Scenario(
        row=17,
        environments=(TWENTY_REPLICAS,),
        limits=Limits(max_changed=0.1),
        managed=6,
    ),
    "17-consent-by-schedule": Scenario(
        row=17,
        environments=(
            production(
                artifact=BEFORE,
                settings=Settings(autoscaling=dict(TEN), schedules={"night": NIGHT}),
            ),
        ),
        live=(there(settings=Settings(autoscaling=dict(TEN), schedules={})),),
    ),
    "18-consent-has-done-its-work": Scenario(
        row=18,
        environments=(production(artifact=BEFORE, allow=frozenset({"scale_to_zero"})),),
        entries=(
            dataclasses.replace(
                RELEASED, applied_commit=EARLIER, figures={"allow": ["scale_to_zero"]}
            ),
        ),
        asked=(
            Asked(commit=EARLIER, digest=BEFORE.digest, allow=frozenset({"scale_to_zero"})),
            Asked(commit=APPLIED, digest=BEFORE.digest, allow=frozenset({"scale_to_zero"})),
        ),
    ),
    "17-consent-given": Scenario(
        row=17,
        environments=(
            production(
                artifact=BEFORE,
                settings=Settings(autoscaling={"min_replica": 0, "max_replica": 10}),
                allow=frozenset({"scale_to_zero"}),
            ),
        ),
    ),
    "20-smaller-hardware": Scenario(
        row=20,
        environments=(production(instance_type="truss"),),
        unattached=(dataclasses.replace(NEW, instance_type_name="L4:1"),),
    ),
    "20-smaller-hardware-allowed": Scenario(
        row=20,
        environments=(production(instance_type="truss", allow=frozenset({"instance_type"})),),
        unattached=(dataclasses.replace(NEW, instance_type_name="L4:1"),),
    ),
    "90-not-carried-out-by-this-version": Scenario(
        row=20, environments=(production(unsupported=("schedules: not yet",)),), unattached=(NEW,)
    ),
    "91-history-unknown": Scenario(row=20, entries=None, unattached=(NEW,)),
    "92-retry-lifts-a-hold": Scenario(
        row=11,
        entries=(
            RELEASED,
            entry(Event.REJECTED, NEW, OLD, minutes=12, reason="smoke: status 500"),
        ),
        unattached=(NEW,),
        options=dataclasses.replace(Scenario(row=0).options, retry=True),
    ),
}


def planned(scenario: Scenario) -> tuple[Plan, dict[str, Decision]]:
    answer = decide_model(scenario.situations())
    assert not isinstance(answer, Needs), "every fact is there from the start"
    plan = build_plan(
        scenario.desired,
        scenario.snapshot,
        {"qwen-3-8b": answer},
        now=NOW,
        repository="0123456789abcdef",
        managed=scenario.managed,
    )
    return dataclasses.replace(plan, gitops_version="0.0.0"), dict(answer)


def masked(value: Any) -> Any:
    """Digests are for programs, and change with every field added to what they are taken over."""
    if isinstance(value, dict):
        return {
            key: "masked" if key in {"binding", "checksum"} else masked(each)
            for key, each in value.items()
            if key != "bound"
        }
    return [masked(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_plan_reads_well(name: str, golden: Golden) -> None:
    plan, decisions = planned(SCENARIOS[name])
    text = plan_text.render(plan)
    ends = [exit_code(plan, detailed=False), exit_code(plan, detailed=True)]
    rows = ", ".join(f"{each} by row {decision.row}" for each, decision in decisions.items())
    golden(f"{name}.txt", f"{text}\n[{rows}; exit {ends[0]}, detailed {ends[1]}]\n")
    golden(f"{name}.md", plan_markdown.render(plan))
    body = json.loads(document.to_text(plan))
    golden(f"{name}.json", json.dumps(masked(body), indent=2) + "\n")


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_row_that_it_is_named_for_decides(name: str) -> None:
    scenario = SCENARIOS[name]
    _, decisions = planned(scenario)
    assert scenario.row in {each.row for each in decisions.values()}


def test_every_row_has_a_scenario() -> None:
    named = {int(name.partition("-")[0]) for name in SCENARIOS}
    assert {number for number, _ in ROWS} <= named


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_document_fits_its_schema_and_survives_saving(name: str) -> None:
    plan, _ = planned(SCENARIOS[name])
    text = document.to_text(plan)
    SCHEMA.validate(json.loads(text))
    assert document.from_text(text) == plan


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_depends_on_something_comes_after_it(name: str) -> None:
    plan, _ = planned(SCENARIOS[name])
    seen: set[str] = set()
    for action in plan.models[0].actions:
        assert set(action.depends_on) <= seen
        assert action.id not in seen
        seen.add(action.id)


@pytest.mark.parametrize("name", SCENARIOS)
def test_planning_twice_binds_to_the_same(name: str) -> None:
    scenario = SCENARIOS[name]
    later = dataclasses.replace(scenario.snapshot, read_at=NOW + timedelta(minutes=1))
    plan, decisions = planned(scenario)
    again = build_plan(
        scenario.desired, later, {"qwen-3-8b": decisions}, now=NOW + timedelta(minutes=1)
    )
    assert again.models[0].binding == plan.models[0].binding
