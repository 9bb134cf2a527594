"""Rows 19 to 21, and a model's environments together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gitops.decide import (
    Decision,
    Evidence,
    Fact,
    Needs,
    Options,
    Situation,
    State,
    decide,
    decide_model,
    in_order,
)
from gitops.decide.steps import Promote, Push, Record
from gitops.record.entry import Event
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, Requirement
from gitops.state.json import JsonObject
from gitops.state.live import Deployment, InstanceType, LiveEnvironment
from tests.decide.scenes import (
    NOW,
    Scene,
    artifact,
    deployment,
    entry,
    kinds,
    promoted,
    side,
    verdict,
)

RELEASED = entry(Event.RELEASED, "P", "F")
STAGING = Requirement(environment="staging")


def decided(scene: Scene, **given: object) -> Decision:
    answer = decide(scene.situation(**given))
    assert isinstance(answer, Decision)
    return answer


# Row 21


def test_what_is_not_there_is_pushed_checked_promoted_and_watched() -> None:
    answer = decided(Scene(checks=True))
    assert (answer.row, answer.state) == (21, State.PUSH)
    assert kinds(answer.steps) == [
        "Push",
        "Ready",
        "Check",
        "Promote",
        "Watch",
        "Record(released)",
    ]
    assert answer.reason == f"commit {'p' * 12} serves production; Git asks for commit {'d' * 12}"


def test_deployments_are_asked_for_only_to_find_an_artifact() -> None:
    assert decide(Scene(deployments=None).situation()) == Needs(facts=frozenset({Fact.DEPLOYMENTS}))
    assert decided(Scene(current="D", deployments=None)).row == 18


def test_a_name_that_can_never_be_used_again_gets_a_number() -> None:
    stopped = deployment("D", "BUILD_STOPPED")
    push = decided(Scene(deployments=[stopped])).steps[0]
    assert isinstance(push, Push)
    assert push.name == f"{stopped.name}-2"


def test_a_name_of_ours_without_labels_is_no_guess() -> None:
    unknown = replace(deployment("D"), labels={})
    answer = decided(Scene(deployments=[unknown]))
    assert (answer.row, answer.state, answer.exit_code) == (20, State.BLOCKED, 4)


def test_missing_secrets_block_before_the_push_and_only_then() -> None:
    scene = Scene()
    situation = scene.situation(secrets=frozenset({"openai"}))
    wanted = replace(situation.environment, artifact=artifact("D", secrets=("hf_token", "openai")))
    answer = decide(replace(situation, environment=wanted))
    assert isinstance(answer, Decision)
    assert answer.state is State.BLOCKED
    assert "needs the secret hf_token" in answer.reason
    pushed = Scene(deployments=[deployment("D")]).situation(secrets=frozenset())
    assert isinstance(found := decide(replace(pushed, environment=wanted)), Decision)
    assert found.state is State.PROMOTE


def test_what_the_files_cannot_pin_is_named() -> None:
    situation = Scene().situation()
    wanted = replace(
        situation.environment, artifact=artifact("D", mutable_inputs=("base image vllm:latest",))
    )
    answer = decide(replace(situation, environment=wanted))
    assert isinstance(answer, Decision)
    assert any("vllm:latest" in notice for notice in answer.notices)


def test_a_new_model_says_that_its_first_deployment_may_become_production() -> None:
    answer = decided(Scene(model_exists=False, entries=[]))
    assert kinds(answer.steps)[0] == "Push"
    assert any("become production by itself" in notice for notice in answer.notices)
    assert any("no way back" in notice for notice in answer.notices)
    promote = next(step for step in answer.steps if isinstance(step, Promote))
    assert (promote.from_, promote.instance_type) == (None, "truss")


def test_a_deployment_that_somebody_else_pushes_is_never_built() -> None:
    answer = decided(Scene(reference="release-7"))
    assert (answer.row, answer.state) == (21, State.BLOCKED)
    found = decided(Scene(reference="hotfix", deployments=[deployment("F")]))
    assert (found.row, found.target) == (20, deployment("F"))
    assert decided(Scene(reference="dep-F", current="F", entries=[])).row == 18


# Row 20


def test_what_is_there_is_checked_and_promoted() -> None:
    scene = Scene(deployments=[deployment("D")], checks=True)
    answer = decided(scene)
    assert kinds(answer.steps) == ["Check", "Promote", "Watch", "Record(released)"]
    scene.evidence = Evidence(checks={"dep-D": verdict("pass")})
    assert kinds(decided(scene).steps)[0] == "Promote"


@pytest.mark.parametrize(
    ("status", "first"),
    [
        ("BUILDING", ["Ready", "Promote"]),
        ("UNHEALTHY", ["Ready", "Promote"]),
        ("INACTIVE", ["Activate", "Ready"]),
        ("DEPLOY_FAILED", ["Retry", "Ready"]),
        ("SCALED_TO_ZERO", ["Promote", "Watch"]),
    ],
)
def test_it_is_made_ready_first(status: str, first: list[str]) -> None:
    assert kinds(decided(Scene(deployments=[deployment("D", status)])).steps)[:2] == first


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(failed_to_start={"dep-D": "no GPU to be had"}),
        Evidence(retried=frozenset({"dep-D"})),
    ],
)
def test_a_candidate_that_does_not_start_promotes_nothing(evidence: Evidence) -> None:
    answer = decided(Scene(deployments=[deployment("D", "FAILED")], evidence=evidence))
    assert (answer.row, answer.steps, answer.exit_code) == (20, (), 5)


def test_checks_that_fail_reject_and_inconclusive_ones_do_not() -> None:
    scene = Scene(deployments=[deployment("D")], checks=True)
    scene.evidence = Evidence(checks={"dep-D": verdict("fail", "smoke: 500")})
    answer = decided(scene)
    assert (kinds(answer.steps), answer.exit_code) == (["Record(rejected)"], 5)
    scene.evidence = Evidence(checks={"dep-D": verdict("inconclusive")})
    assert (decided(scene).steps, decided(scene).exit_code) == ((), 5)


def test_what_served_here_before_is_promoted_without_checks_and_watched_all_the_same() -> None:
    scene = Scene(
        entries=[entry(Event.RELEASED, "D", minutes_ago=90), RELEASED],
        deployments=[deployment("D")],
        checks=True,
        requires=(STAGING,),
    )
    assert kinds(decided(scene).steps) == ["Promote", "Watch", "Record(released)"]
    scene.options = Options(recheck=True)
    assert kinds(decided(scene).steps)[0] == "Check"


def test_settings_travel_with_the_promotion() -> None:
    scene = Scene(
        deployments=[deployment("D")],
        settings={"max_replica": 4},
        live_settings={"max_replica": 2},
    )
    answer = decided(scene)
    promote = answer.steps[0]
    assert isinstance(promote, Promote)
    assert promote.changes == answer.changes
    assert (promote.changes[0].before, promote.changes[0].after) == (2, 4)
    assert promote.from_ == side("P")


def test_a_missing_environment_is_created_first_and_gets_its_settings_then() -> None:
    scene = Scene(exists=False, entries=[], deployments=[deployment("D")])
    situation = scene.situation()
    staging = replace(situation.environment, name="staging")
    answer = decide(replace(situation, environment=staging))
    assert isinstance(answer, Decision)
    assert kinds(answer.steps)[0] == "CreateEnvironment"
    assert decided(scene).steps[0] == next(
        step for step in decided(scene).steps if isinstance(step, Promote)
    )


def test_other_hardware_is_chosen_by_a_person() -> None:
    scene = Scene(deployments=[deployment("D", instance_type_name="L4")])
    situation = scene.situation()
    assert situation.live is not None
    there = replace(situation.live.environments[0], instance_type_name="H100")
    live = replace(situation.live, environments=(there,))
    answer = decide(replace(situation, live=live))
    assert isinstance(answer, Decision)
    assert answer.state is State.BLOCKED
    assert answer.blocked is not None
    assert "`instance_type: truss`" in answer.blocked.remedy
    kinds_of_hardware = {
        "a": InstanceType(id="a", name="H100", gpu_count=1, usd_per_minute=0.1),
        "b": InstanceType(id="b", name="L4", gpu_count=1, usd_per_minute=0.01),
    }
    chosen = replace(situation.environment, instance_type="truss")
    said = replace(situation, live=live, environment=chosen, instance_types=kinds_of_hardware)
    assert isinstance(found := decide(said), Decision)
    assert found.state is State.PROMOTE
    guarded = replace(said, environment=replace(chosen, protected=True))
    assert isinstance(found := decide(guarded), Decision)
    assert found.blocked is not None
    assert "allow: [instance_type]" in found.blocked.remedy


MOST = "autoscaling.max_replica"


def guarded(wants: int, has: int, asked: int, **given: object) -> Scene:
    """A release to a protected environment, whose settings the log knows to have been asked for."""
    said = entry(Event.SETTINGS, minutes_ago=20, settings_after={MOST: asked})
    scene = Scene(
        settings={"max_replica": wants},
        live_settings={"max_replica": has},
        protected=True,
        deployments=[deployment("D")],
        **given,  # type: ignore[arg-type]
    )
    scene.entries.append(said)
    return scene


@pytest.mark.parametrize("built", [True, False])
def test_what_a_person_added_stops_no_release(built: bool) -> None:
    scene = guarded(wants=3, has=9, asked=3)
    if not built:
        scene.deployments = []
    answer = decided(scene)
    assert (answer.row, answer.blocked) == (20 if built else 21, None)
    (promote,) = [each for each in answer.steps if isinstance(each, Promote)]
    assert (promote.changes, answer.changes) == ((), ())
    assert answer.kept is not None
    assert [each.path for each in answer.kept.changes] == [MOST]
    assert "autoscaling.max_replica stays 9, where Git asks for 3" in answer.notices[-1]


def test_a_release_that_asks_for_other_capacity_beside_it_is_not_stopped_either() -> None:
    scene = guarded(wants=4, has=9, asked=3)
    answer = decided(scene)
    assert (answer.row, answer.state) == (20, State.PROMOTE)
    assert answer.kept is not None
    # Once it is released, what somebody added is drift against what Git asks for now.
    scene.current = "D"
    scene.entries.append(entry(Event.INTENT, "D", "P", minutes_ago=2))
    scene.audit = [promoted("D", minutes_ago=1)]
    scene.options = Options(no_watch=True)
    (record,) = decided(scene).steps
    assert isinstance(record, Record)
    assert [(each.path, each.after, each.origin) for each in record.kept] == [(MOST, 4, "drift")]


@pytest.mark.parametrize(("asked", "wants", "blocks"), [(10, 9, False), (10, 4, True)])
def test_of_a_schedule_that_somebody_raised_the_release_file_answers_for_its_own_part(
    asked: int, wants: int, blocks: bool
) -> None:
    def night(least: int) -> JsonObject:
        window = {"cadence": "DAILY", "start_hour": 22, "end_hour": 6, "timezone": "UTC"}
        return {"enabled": True, **window, "autoscaling": {"min_replica": least}}

    scene = guarded(
        wants=3,
        has=3,
        asked=3,
        schedules={"night": night(wants)},
        live_schedules={"night": night(30)},
    )
    scene.entries[-1] = replace(
        scene.entries[-1], settings_after={MOST: 3, "schedules.night": night(asked)}
    )
    answer = decided(scene)
    assert (answer.blocked is not None) == blocks
    assert (answer.kept is not None) != blocks
    if not blocks:
        assert "schedules.night stays as it is on Baseten, where Git asks for another" in str(
            answer.notices[-1]
        )


def test_a_release_that_takes_capacity_away_itself_is_blocked() -> None:
    answer = decided(guarded(wants=3, has=9, asked=9))
    assert (answer.row, answer.state, answer.steps) == (20, State.BLOCKED, ())


def test_nothing_that_a_way_back_asks_for_stops_it_and_capacity_stays() -> None:
    scene = guarded(wants=3, has=9, asked=9)
    scene.entries.insert(0, entry(Event.RELEASED, "D", minutes_ago=90))
    answer = decided(scene)
    assert (answer.row, answer.state) == (20, State.PROMOTE)
    (promote,) = [each for each in answer.steps if isinstance(each, Promote)]
    assert promote.changes == ()
    assert answer.kept is not None
    assert answer.kept.changes[0].origin == "release"
    assert "or let it go: write `allow: [fewer_replicas]` under " in answer.kept.remedy

    # It serves again: the entry does not claim what nobody has consented to, and so it blocks.
    intent = entry(
        Event.INTENT,
        "D",
        "P",
        minutes_ago=2,
        settings_before={MOST: 9},
        settings_after={MOST: 9},
    )
    scene.current = "D"
    scene.entries.append(intent)
    scene.audit = [promoted("D", minutes_ago=1)]
    scene.options = Options(no_watch=True)
    (record,) = decided(scene).steps
    assert isinstance(record, Record)
    assert [(each.path, each.before, each.origin) for each in record.kept] == [(MOST, 9, "release")]
    scene.entries.append(
        entry(Event.RELEASED, "D", "P", minutes_ago=1, intent=intent.id, settings_after={MOST: 9})
    )
    answer = decided(scene)
    assert (answer.row, answer.state, answer.exit_code) == (17, State.BLOCKED, 4)


def test_smaller_hardware_stops_a_way_back_too() -> None:
    scene = guarded(wants=3, has=9, asked=3)
    scene.entries.insert(0, entry(Event.RELEASED, "D", minutes_ago=90))
    scene.deployments = [deployment("D", instance_type_name="L4")]
    situation = scene.situation()
    assert situation.live is not None
    there = replace(situation.live.environments[0], instance_type_name="H100")
    hardware = {
        name: InstanceType(id=name, name=name, gpu_count=1, usd_per_minute=price)
        for name, price in (("H100", 0.1), ("L4", 0.01))
    }
    answer = decided(
        scene,
        live=replace(situation.live, environments=(there,)),
        environment=replace(situation.environment, instance_type="truss"),
        instance_types=hardware,
    )
    assert answer.blocked is not None
    assert "allow: [fewer_replicas, instance_type]" in answer.blocked.remedy


# Row 19


def test_what_has_not_succeeded_elsewhere_is_blocked() -> None:
    answer = decided(Scene(requires=(STAGING,)))
    assert (answer.row, answer.state, answer.exit_code) == (19, State.BLOCKED, 4)
    assert answer.reason == "it has not succeeded in staging yet"


def behind(first: Decision, **given: object) -> Decision:
    """Production, which requires staging, after what was decided for that."""
    situation = Scene(requires=(STAGING,), settings={"max_replica": 4}).situation()
    staging = replace(situation.environment, name="staging", requires=(), **given)  # type: ignore[arg-type]
    model = replace(situation.model, environments=(staging, situation.environment))
    answer = decide(replace(situation, model=model, decided={"staging": first}))
    assert isinstance(answer, Decision)
    return answer


def test_what_only_waits_for_a_hold_is_as_calm_as_the_hold() -> None:
    held = Decision(row=11, state=State.HELD, reason="held since yesterday", exit_code=5)
    answer = behind(held)
    assert (answer.row, answer.state, answer.exit_code, answer.steps) == (19, State.HELD, 0, ())
    assert answer.reason == (
        "it is held in staging, which production requires; it goes on once that hold is over"
    )
    assert answer.notices == ("1 setting of production waits with it",)
    for other in (
        behind(replace(held, state=State.BLOCKED)),
        behind(held, artifact=artifact("X")),
    ):
        assert (other.row, other.state, other.exit_code) == (19, State.BLOCKED, 4)


@pytest.mark.parametrize(("minutes", "row"), [(29, 19), (30, 21)])
def test_it_has_to_have_served_there_for_long_enough(minutes: int, row: int) -> None:
    there = replace(entry(Event.RELEASED, "D"), environment="staging", id="s")
    there = replace(there, at=NOW - timedelta(minutes=minutes))
    scene = Scene(
        entries=[RELEASED, there],
        requires=(Requirement(environment="staging", seconds=1800),),
    )
    assert decided(scene).row == row
    if row == 19:
        assert decided(scene).reason == (
            "it has served in staging for 29m of the 30m that production asks for"
        )


def test_an_unjudged_release_that_a_requirement_leaves_serving_is_judged() -> None:
    scene = Scene(
        current="X",
        entries=[RELEASED, entry(Event.INTENT, "X", "P", minutes_ago=20)],
        audit=[promoted("X")],
        requires=(STAGING,),
    )
    assert kinds(decided(scene).steps) == ["Watch", "Record(released)"]


# A model


def model_of(*environments: DesiredEnvironment, **given: object) -> dict[str, Situation]:
    base = Scene(current=None, entries=[]).situation(**given)
    model = replace(base.model, environments=environments)
    assert base.live is not None
    names = [each.name for each in environments]
    live = replace(base.live, environments=tuple(LiveEnvironment(name=name) for name in names))
    return {
        each.name: replace(base, model=model, environment=each, live=live) for each in environments
    }


def wants(name: str, letter: str, *requires: Requirement) -> DesiredEnvironment:
    return DesiredEnvironment(name=name, artifact=artifact(letter), requires=requires)


def test_required_environments_come_first_else_the_files_order() -> None:
    order = in_order(
        [wants("production", "D", STAGING), wants("canary", "D"), wants("staging", "D")]
    )
    assert [each.name for each in order] == ["canary", "staging", "production"]


def test_what_is_required_may_succeed_in_the_same_plan() -> None:
    situations = model_of(wants("production", "D", STAGING), wants("staging", "D"))
    decisions = decide_model(situations)
    assert not isinstance(decisions, Needs)
    assert list(decisions) == ["staging", "production"]
    production = decisions["production"]
    assert (production.row, production.after) == (19, ("staging",))
    assert (decisions["staging"].state, production.state) == (State.PUSH, State.PROMOTE)
    assert kinds(production.steps)[0] == "Push"


@pytest.mark.parametrize(
    ("staging", "need"),
    [
        (wants("staging", "X"), STAGING),
        (wants("staging", "D"), Requirement(environment="staging", seconds=60)),
        (replace(wants("staging", "D"), mode="observe"), STAGING),
    ],
)
def test_another_artifact_a_soak_or_an_observer_do_not_help(
    staging: DesiredEnvironment, need: Requirement
) -> None:
    decisions = decide_model(model_of(wants("production", "D", need), staging))
    assert not isinstance(decisions, Needs)
    assert decisions["production"].state is State.BLOCKED


def test_when_the_required_one_is_done_the_log_says_so() -> None:
    situations = model_of(wants("production", "D", STAGING), wants("staging", "D"))
    released = replace(entry(Event.RELEASED, "D"), environment="staging")
    history = ModelHistory.of([released])
    answer = decide(replace(situations["production"], history=history))
    assert isinstance(answer, Decision)
    assert (answer.row, answer.after) == (21, ())


def test_all_missing_facts_are_named_in_one_round() -> None:
    situations = model_of(wants("staging", "D"), wants("production", "D"), audit=None)
    held = replace(entry(Event.REJECTED, "D", minutes_ago=9), environment="production")
    for name, situation in situations.items():
        assert situation.live is not None
        situations[name] = replace(
            situation,
            live=replace(situation.live, deployments=None),
            history=ModelHistory.of([held]),
            asked=None,
        )
    assert decide_model(situations) == Needs(facts=frozenset({Fact.DEPLOYMENTS, Fact.ASKED}))


def test_settings_of_an_environment_that_is_created_do_not_travel_as_well() -> None:
    situation = Scene(settings={"max_replica": 4}, deployments=[deployment("D")]).situation()
    staging = replace(situation.environment, name="staging")
    answer = decide(replace(situation, environment=staging))
    assert isinstance(answer, Decision)
    promote = next(step for step in answer.steps if isinstance(step, Promote))
    assert promote.changes == ()
    assert [change.path for change in answer.changes] == ["autoscaling.max_replica"]


def test_an_environment_of_a_new_model_is_created_after_the_push() -> None:
    situation = Scene(model_exists=False, entries=[]).situation()
    staging = replace(situation.environment, name="staging")
    answer = decide(replace(situation, environment=staging))
    assert isinstance(answer, Decision)
    assert kinds(answer.steps)[:2] == ["Push", "CreateEnvironment"]


CPU = InstanceType(id="1x2", name="1x2 - 1 vCPU, 2 GiB RAM")
L4 = InstanceType(id="L4x4x16", name="L4x4x16 - 1 L4, 4 vCPU, 16 GiB RAM", gpu_count=1)
H100 = InstanceType(id="H100:8x208", name="H100:8x208 - 8 H100", gpu_count=8)


@pytest.mark.parametrize(
    ("here", "resources", "blocked_for"),
    [
        (CPU, {"cpu": "1"}, None),
        (CPU, {"accelerator": "L4", "use_gpu": True}, "L4"),
        (L4, {"accelerator": "L4", "use_gpu": True}, None),
        (L4, {"accelerator": "A10G"}, None),  # another one, but names do not prove it
        (L4, {"accelerator": "H100:8"}, "H100:8"),
        (L4, {"cpu": "1", "memory": "1Gi"}, "no GPU"),
        (L4, {"use_gpu": True}, None),
        (L4, {"instance_type": "L4x4x16"}, None),
        (L4, {"instance_type": "1x2"}, CPU.name),
        (L4, {"instance_type": "one that nobody knows"}, None),
        (replace(L4, gpu_count=0), {"accelerator": "L4"}, None),
    ],
)
def test_other_hardware_is_seen_before_anything_is_built(
    here: InstanceType, resources: dict[str, object], blocked_for: str | None
) -> None:
    situation = Scene().situation()
    assert situation.live is not None
    there = replace(
        situation.live.environments[0],
        instance_type_id=here.id,
        instance_type_name=here.name,
    )
    asked = replace(situation.environment, artifact=artifact("D", config={"resources": resources}))
    said = replace(
        situation,
        live=replace(situation.live, environments=(there,)),
        environment=asked,
        instance_types={each.id: each for each in (CPU, H100, here)},
    )
    answer = decide(said)
    assert isinstance(answer, Decision)
    assert answer.row == 21
    if blocked_for is None:
        assert answer.blocked is None
        return
    assert answer.blocked is not None
    assert f"config.yaml asks for {blocked_for}" in answer.blocked.why
    chosen = replace(said, environment=replace(asked, instance_type="truss"))
    decided = decide(chosen)
    assert isinstance(decided, Decision)
    assert decided.blocked is None


@pytest.mark.parametrize("deployments", [[], [deployment("D", instance_type_name=CPU.name)]])
@pytest.mark.parametrize(
    ("asked", "why", "remedy"),
    [
        ("L4x4x61", "Baseten has no instance type `L4x4x61`", "write `instance_type: L4x4x16`"),
        ("h100_8x208", "no instance type `h100_8x208`", "write `instance_type: H100:8x208`"),
        (CPU.name, "is the name of an instance type", "write `instance_type: 1x2`"),
        ("quantum", "no instance type `quantum`", "or one of 1x2, H100:8x208, L4x4x16"),
    ],
)
def test_hardware_that_baseten_does_not_have_is_said_before_anything_is_done(
    deployments: list[Deployment], asked: str, why: str, remedy: str
) -> None:
    situation = Scene(deployments=deployments).situation()
    kinds_of_hardware = {each.id: each for each in (CPU, H100, L4)}
    wanted = replace(situation.environment, instance_type=asked)
    said = replace(situation, environment=wanted, instance_types=kinds_of_hardware)
    answer = decide(said)
    assert isinstance(answer, Decision)
    assert (answer.state, answer.exit_code, answer.steps) == (State.BLOCKED, 4, ())
    assert answer.blocked is not None
    assert why in answer.blocked.why
    assert remedy in answer.blocked.remedy
    assert "environments.production in releases/qwen.yaml" in answer.blocked.remedy
    for known in (None, {}, {asked: replace(L4, id=asked)}):
        found = decide(replace(said, instance_types=known))
        assert isinstance(found, Decision)
        assert found.blocked is None, known


def test_hardware_that_baseten_does_not_have_is_a_notice_while_nothing_is_promoted() -> None:
    situation = Scene(current="D", entries=[entry(Event.RELEASED, "D")]).situation()
    wanted = replace(situation.environment, instance_type="1x3")
    answer = decide(replace(situation, environment=wanted, instance_types={"1x2": CPU}))
    assert isinstance(answer, Decision)
    assert (answer.state, answer.exit_code) == (State.CONVERGED, 0)
    assert any(
        "the next promotion would be blocked; write `instance_type: 1x2`" in each
        for each in answer.notices
    )


def test_what_config_yaml_asks_for_and_baseten_does_not_list_is_a_notice() -> None:
    situation = Scene().situation()
    resources = {"resources": {"instance_type": "L4x4x61"}}
    wanted = replace(situation.environment, artifact=artifact("D", config=resources))
    known = {each.id: each for each in (CPU, L4)}
    answer = decide(replace(situation, environment=wanted, instance_types=known))
    assert isinstance(answer, Decision)
    assert answer.blocked is None
    assert any("did you mean L4x4x16?" in each for each in answer.notices)
