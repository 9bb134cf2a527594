"""Decisions become actions, counts and an exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gitops.decide.decision import Blocked, Decision, State
from gitops.decide.steps import Follow, RestoreSettings, RollBack, Wait, Watch
from gitops.plan.build import build_plan
from gitops.plan.model import Plan
from gitops.plan.summary import exit_code
from gitops.record.entry import Side
from gitops.state.desired import Desired, Limits
from gitops.state.desired import Watch as WatchRule
from gitops.state.live import Live, LiveEnvironment
from gitops.state.settings import Settings
from tests.plan.examples import (
    COMMIT,
    DRIFT,
    MORE_REPLICAS,
    NOW,
    OLD,
    artifact,
    at_rest,
    deployment,
    desired,
    environment,
    live,
    live_environment,
    live_model,
    model,
    pushed,
    requiring,
    settings,
)


def plan_of(
    decisions: Mapping[str, Decision],
    *,
    wanted: Desired | None = None,
    there: Live | None = None,
    managed: int | None = None,
    history_read: bool = True,
) -> Plan:
    return build_plan(
        wanted or desired(),
        there or live(),
        {"qwen-3-8b": decisions},
        now=NOW,
        managed=managed,
        history_read=history_read,
    )


def test_a_release_is_a_chain_of_actions() -> None:
    plan = plan_of({"production": pushed()})
    digest = "2e" * 32
    assert [
        (each.id, each.kind, each.environment, each.depends_on) for each in (plan.models[0].actions)
    ] == [
        (f"qwen-3-8b/{digest}/push", "push", None, ()),
        (
            "qwen-3-8b/production/ready",
            "ready",
            "production",
            (f"qwen-3-8b/{digest}/push",),
        ),
        (
            "qwen-3-8b/production/check",
            "check",
            "production",
            ("qwen-3-8b/production/ready",),
        ),
        (
            "qwen-3-8b/production/promote",
            "promote",
            "production",
            ("qwen-3-8b/production/check",),
        ),
        (
            "qwen-3-8b/production/watch",
            "watch",
            "production",
            ("qwen-3-8b/production/promote",),
        ),
    ]


def test_settings_that_travel_with_a_promotion_are_no_settings_update() -> None:
    summary = plan_of({"production": pushed()}).summary
    assert (summary.push, summary.check, summary.promote, summary.update_settings) == (1, 1, 1, 0)
    assert (summary.models, summary.changed, summary.unchanged) == (1, 1, 0)


def test_environments_that_want_one_artifact_share_its_push_and_take_turns() -> None:
    staging, production = environment("staging"), environment("production")
    plan = plan_of(
        {"staging": pushed("staging"), "production": pushed("production")},
        wanted=desired(model(staging, production)),
    )
    by_id = {each.id: each for each in plan.models[0].actions}
    assert plan.summary.push == 1
    assert plan.summary.promote == 2
    assert by_id["qwen-3-8b/production/ready"].depends_on == (f"qwen-3-8b/{'2e' * 32}/push",)
    assert by_id["qwen-3-8b/production/promote"].depends_on == (
        "qwen-3-8b/production/check",
        "qwen-3-8b/staging/promote",
    )


def test_what_an_environment_requires_is_over_before_it_begins() -> None:
    plan = plan_of(
        {"production": pushed("production", after=("staging",)), "staging": pushed("staging")},
        wanted=desired(model(requiring("production", "staging"), environment("staging"))),
    )
    by_id = {each.id: each for each in plan.models[0].actions}
    assert [each.environment for each in plan.models[0].environments] == ["staging", "production"]
    assert "qwen-3-8b/staging/watch" in by_id["qwen-3-8b/production/ready"].depends_on
    assert by_id[f"qwen-3-8b/{'2e' * 32}/push"].depends_on == ()
    seen: set[str] = set()
    for each in plan.models[0].actions:
        assert set(each.depends_on) <= seen, "an action comes after all that it depends on"
        seen.add(each.id)


def test_a_team_is_part_of_every_id() -> None:
    plan = build_plan(
        desired(model(team="ml")), live(), {"ml/qwen-3-8b": {"production": pushed()}}, now=NOW
    )
    assert plan.models[0].model == "qwen-3-8b"
    assert plan.models[0].team == "ml"
    assert all(each.id.startswith("ml/qwen-3-8b/") for each in plan.models[0].actions)


def test_following_then_watching_is_one_action() -> None:
    steps = (
        Follow(environment="production", deployment_id="q93mzk7", intent="i1"),
        Watch(environment="production", deployment_id="q93mzk7", intent="i1"),
    )
    plan = plan_of({"production": at_rest(State.FOLLOW, 6, steps=steps)})
    assert [each.id for each in plan.models[0].actions] == ["qwen-3-8b/production/watch"]


def test_no_write_is_hidden_for_want_of_a_kind() -> None:
    bad = Side(deployment_id="q93mzk7")
    back = RollBack(environment="production", intent="i1", bad=bad, to=OLD, reason="it failed")
    restore = RestoreSettings(environment="production", changes=(MORE_REPLICAS,))
    plan = plan_of({"production": at_rest(State.WATCH, 13, steps=(back, restore))})
    assert [each.kind for each in plan.models[0].actions] == ["watch", "update_settings"]
    assert exit_code(plan, detailed=True) == 2


def test_what_is_observed_is_shown_and_never_acted_on() -> None:
    plan = plan_of(
        {"production": settings()},
        wanted=desired(model(environment("production", mode="observe"))),
    )
    assert plan.models[0].environments[0].state == "settings"
    assert len(plan.models[0].environments[0].changes) == 1
    assert plan.models[0].actions == ()
    assert exit_code(plan, detailed=True) == 0
    assert plan.summary.unchanged == 1


def test_exit_codes() -> None:
    why = Blocked(why="alice@example.com changed it", remedy="Ask her.")
    stuck = at_rest(State.BLOCKED, 12, blocked=why, changes=(DRIFT,))
    two = desired(model(environment("staging"), environment("production")))
    unchanged = plan_of({"production": at_rest()})
    changed = plan_of({"production": settings()})
    blocked = plan_of({"production": stuck})
    both = plan_of({"staging": settings("staging"), "production": stuck}, wanted=two)
    held = plan_of({"production": at_rest(State.HELD, 11)})
    waiting = plan_of(
        {
            "production": at_rest(
                State.WAIT, 5, steps=(Wait(environment="production", reason="UPDATING"),)
            )
        }
    )
    assert [
        exit_code(each, detailed=False)
        for each in (unchanged, changed, blocked, both, held, waiting)
    ] == [0, 0, 4, 0, 0, 0]
    assert [
        exit_code(each, detailed=True)
        for each in (unchanged, changed, blocked, both, held, waiting)
    ] == [0, 2, 4, 2, 0, 0]


def test_models_are_counted_once_each_in_every_count_they_belong_to() -> None:
    why = Blocked(why="paused", remedy="Resume it.")
    plan = plan_of(
        {
            "dev": settings("dev", DRIFT, MORE_REPLICAS),
            "staging": at_rest(State.BLOCKED, 4, blocked=why),
            "production": at_rest(State.HELD, 11),
        },
        wanted=desired(model(*map(environment, ("dev", "staging", "production")))),
    )
    total = plan.summary
    assert (total.models, total.changed, total.blocked, total.held) == (1, 1, 1, 1)
    assert (total.unchanged, total.drift) == (0, 1)


def test_costs_come_from_prices_and_replicas() -> None:
    cost = plan_of({"production": pushed()}).models[0].environments[0].cost_usd_per_month
    assert cost is not None
    month = 0.1 * 43800
    assert cost.before == (0.0, 10 * month)
    assert cost.after == (0.0, 20 * month)


def test_no_prices_no_estimate() -> None:
    plan = plan_of({"production": pushed()}, there=live(prices=False))
    assert plan.models[0].environments[0].cost_usd_per_month is None
    assert plan.inputs.prices is None


def test_where_nothing_is_done_nothing_costs_more() -> None:
    plan = plan_of({"production": at_rest(State.HELD, 11)})
    cost = plan.models[0].environments[0].cost_usd_per_month
    assert cost is not None
    assert cost.before == cost.after


def test_the_way_back() -> None:
    def way(**more: object) -> str | None:
        wanted = environment("production", **more)
        return (
            plan_of({"production": pushed()}, wanted=desired(model(wanted)))
            .models[0]
            .environments[0]
            .rollback
        )

    assert way() == "cold start"
    assert way(watch=WatchRule(keep_previous=True)) == "seconds"
    assert way(watch=WatchRule(keep_previous=True, seconds=0)) == "cold start"
    for strategy, expected in (
        ("KEEP", "seconds"),
        ("SCALE_TO_ZERO", "cold start"),
        ("DEACTIVATE", "activation"),
    ):
        rule = Settings(promotion={"promotion_cleanup_strategy": strategy})
        assert way(settings=rule) == expected
    first = plan_of({"production": pushed(serving=None)})
    assert first.models[0].environments[0].rollback == "none"
    quiet = plan_of({"production": at_rest()})
    assert quiet.models[0].environments[0].rollback is None


@pytest.mark.parametrize(
    ("strategy", "replicas", "prices", "said"),
    [
        (
            "SCALE_TO_ZERO",
            2,
            True,
            (
                "the deployment that serves production now stays warm until the watch has passed, "
                "10m after the promotion, for about $2.80: a rollback takes seconds until then, "
                "and would take a cold start without keep_previous"
            ),
        ),
        (
            "DEACTIVATE",
            1,
            True,
            (
                "for about $1.40: a rollback takes seconds until then, and would "
                "take an activation without keep_previous"
            ),
        ),
        ("DEACTIVATE", 1, False, "10m after the promotion: a rollback takes seconds"),
        ("KEEP", 2, True, None),
        ("SCALE_TO_ZERO", 0, True, None),
    ],
)
def test_what_keeping_the_previous_warm_costs_and_gains(
    strategy: str, replicas: int, prices: bool, said: str | None
) -> None:
    wanted = environment(
        "production",
        watch=WatchRule(keep_previous=True),
        settings=Settings(promotion={"promotion_cleanup_strategy": strategy}),
    )
    serving = replace(deployment(), active_replicas=replicas)
    there = live_model(environments=(live_environment(current=serving),))
    plan = plan_of(
        {"production": pushed()},
        wanted=desired(model(wanted)),
        there=live({"qwen-3-8b": there}, prices=prices),
    )
    found = [each for each in plan.models[0].notices if "stays warm" in each]
    assert len(found) == (said is not None)
    assert (said or "") in "".join(found)


def test_what_is_said_of_several_environments_is_said_once() -> None:
    note = "the files cannot pin this: the base image has a moving tag"
    plan = plan_of(
        {name: pushed(name, notices=(note,)) for name in ("staging", "production")},
        wanted=desired(model(environment("staging"), environment("production"))),
    )
    assert plan.models[0].notices == (note,)


def test_an_unknown_history_is_said() -> None:
    plan = plan_of({"production": pushed(history_known=False)})
    assert any("history unknown" in each for each in plan.models[0].notices)


def test_what_is_judged_by_what_this_clone_knows_is_said() -> None:
    wanted = desired(model(environment("staging"), environment("production")))
    decisions = {"staging": pushed("staging"), "production": pushed(history_known=False)}
    [planned] = plan_of(decisions, wanted=wanted, history_read=False).models
    assert [each.history_known for each in planned.environments] == [False, False]
    assert [each.partition("could not be read, so ")[2] for each in planned.notices] == [
        "what it would say about production is not judged",
        "staging is judged by what this clone knows of it",
    ]


def test_only_secrets_that_a_truss_asks_for_are_recorded() -> None:
    from dataclasses import replace

    needs = environment("production", artifact=artifact(secrets=("hf_token", "wandb")))
    there = replace(live(), secrets={"default": frozenset({"hf_token", "somebody_elses"})})
    plan = plan_of({"production": pushed()}, wanted=desired(model(needs)), there=there)
    assert plan.inputs.secrets == {"default": {"hf_token": True, "wandb": False}}


def test_limits_are_notices_in_a_plan() -> None:
    from gitops.plan.safety import consented, refusals

    names = [f"m{number}" for number in range(6)]
    fleet = desired(*(model(name=name) for name in names))
    there = live({name: live_model(name) for name in names})
    plan = build_plan(fleet, there, {name: {"production": settings()} for name in names}, now=NOW)
    assert len(plan.notices) == 1
    assert "6 of 6 models would change" in plan.notices[0]
    assert "--allow-many" in plan.notices[0]
    assert len(refusals(plan, Limits())) == 1
    assert refusals(plan, Limits(), allow_many=True) == ()
    assert "apply refuses it without --allow-many" in plan.notices[0]
    assert consented(plan, Limits(), allow_cost=True) == plan
    (notice,) = consented(plan, Limits(), allow_many=True).notices
    assert "6 of 6 models would change" in notice
    assert notice.endswith(": --allow-many allows it")
    assert refusals(plan, Limits(max_changed=1.0)) == ()


def test_a_share_is_of_all_managed_models_not_of_those_asked_about() -> None:
    plan = plan_of({"production": settings()}, managed=12)
    assert plan.managed == 12
    assert plan.notices == ()


def test_up_to_five_models_no_share_is_judged() -> None:
    assert plan_of({"production": settings()}, managed=1).notices == ()


def test_a_rise_in_cost_needs_consent() -> None:
    from gitops.plan.safety import refusals

    plan = plan_of({"production": pushed()})
    rise = 10 * 0.1 * 43800
    allowed = Limits(max_increase_usd_per_month=rise)
    too_little = Limits(max_increase_usd_per_month=rise - 1)
    assert refusals(plan, allowed) == ()
    assert "43,800 USD a month" in refusals(plan, too_little)[0]
    assert refusals(plan, too_little, allow_cost=True) == ()


def test_a_rise_that_cannot_be_judged_needs_consent_too() -> None:
    from gitops.plan.safety import refusals

    plan = plan_of({"production": pushed()}, there=live(prices=False))
    limit = Limits(max_increase_usd_per_month=100)
    assert "cannot be estimated" in refusals(plan, limit)[0]
    quiet = plan_of({"production": at_rest()}, there=live(prices=False))
    assert refusals(quiet, limit) == ()


def test_serving_and_desired_are_told_apart() -> None:
    shown = plan_of({"production": pushed()}).models[0].environments[0]
    assert shown.serving is not None
    assert shown.serving.deployment_id == OLD.deployment_id
    assert shown.serving.status == "ACTIVE"
    assert shown.desired.commit == COMMIT
    assert shown.desired.deployment is None


def test_a_paused_model_was_not_read() -> None:
    paused = desired(model(environment("production", mode="pause")))
    plan = plan_of(
        {"production": at_rest(State.PAUSED, 1, serving=None)}, wanted=paused, there=live({})
    )
    assert plan.models[0].model_id is None
    assert plan.models[0].environments[0].state == "paused"
    assert exit_code(plan, detailed=True) == 0


def test_an_environment_that_is_not_there_costs_nothing_before() -> None:
    new = live_model(environments=(LiveEnvironment(name="staging"), live_environment()))
    plan = plan_of({"production": pushed()}, there=live({"qwen-3-8b": new}))
    assert plan.models[0].model_id == "abc123"
