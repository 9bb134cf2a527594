"""What counts as drift in every situation of the decision table, and how a person reads it."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import timedelta

import jsonschema
import pytest

from gitops.decide import Asked, Decision, decide
from gitops.plan.drift import (
    Drifted,
    EnvironmentDrift,
    Kind,
    environment_drift,
    model_drift,
    with_apply,
)
from gitops.plan.drift_document import (
    Acceptance,
    Accepted,
    Drift,
    ModelDrift,
    NotAccepted,
    exit_code,
    summarise,
)
from gitops.record.entry import Event
from gitops.record.history import ModelHistory
from gitops.render import drift_schema
from gitops.render.drift import as_json, render, told_item, what_next
from gitops.render.drift_markdown import LIMIT, MARKER, markdown
from gitops.state.live import AuditEntry
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
    STRAY,
    WANTED,
    Scenario,
    audit,
    entry,
    production,
    there,
)
from tests.scenarios.test_plans import ADDED, ADDED_BY_ALICE, NIGHT, SCENARIOS

CONVERGED = Scenario(row=18, environments=(production(artifact=BEFORE),))
SEVEN = Settings(autoscaling={"min_replica": 2, "max_replica": 7})
TEN_AND_LESS = Settings(autoscaling={"min_replica": 0, "max_replica": 10})
SEVEN_BY_ALICE = audit(
    OLD, own=False, minutes=30, kind="UPDATED", max_replica=7, previous_settings={"max_replica": 10}
)
SCHEMA = jsonschema.Draft202012Validator(drift_schema.schema())


def found(scenario: Scenario) -> EnvironmentDrift:
    situation = scenario.situations()["production"]
    answer = environment_drift(situation)
    decision = decide(situation)
    assert isinstance(answer, EnvironmentDrift), "every fact is there from the start"
    assert isinstance(decision, Decision)
    return with_apply(answer, decision)


def kinds(scenario: Scenario) -> list[Kind]:
    return [each.kind for each in found(scenario).drift]


def model(name: str, *environments: EnvironmentDrift, **given: object) -> ModelDrift:
    made = ModelDrift(
        model=name,
        team=None,
        model_id="abc123",
        release_file=f"releases/{name}.yaml",
        environments=environments,
    )
    return dataclasses.replace(made, **given)  # type: ignore[arg-type]


def document(*models: ModelDrift, **given: object) -> Drift:
    made = Drift(
        gitops_version="0.0.0",
        commit="7f3a9c5e1d2b4a6f8091b2c3d4e5f60718293a4b",
        dirty=False,
        api_url="https://api.baseten.co",
        workspace="acme",
        now=NOW,
        summary=summarise(models),
        models=models,
    )
    return dataclasses.replace(made, **given)  # type: ignore[arg-type]


def test_what_every_row_of_the_table_counts_as_drift(golden: Golden) -> None:
    """Holds, blocks, releases under way and what Git asks for anew are none."""
    lines: list[str] = []
    for name, scenario in SCENARIOS.items():
        for environment, situation in scenario.situations().items():
            answer = environment_drift(situation)
            assert isinstance(answer, EnvironmentDrift)
            told = [told_item(each) for each in answer.drift]
            if answer.unjudged is not None:
                told.append(f"not judged: {answer.unjudged}")
            told += [f"note: {each}" for each in answer.notes]
            lines.append(f"{name} ({environment}): {'; '.join(told) or '-'}")
    golden("drift-of-every-row.txt", "\n".join(lines) + "\n")


def test_a_setting_that_somebody_changed_is_drift_and_one_that_git_changed_is_none() -> None:
    drifted = dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),), audit=(SEVEN_BY_ALICE,))
    [item] = found(drifted).drift
    assert (item.path, item.git, item.live) == ("autoscaling.max_replica", 10, 7)
    assert (item.by, item.at) == ("alice@example.com", "2026-11-20T11:30:00Z")
    twenty = production(
        artifact=BEFORE, settings=Settings(autoscaling={"min_replica": 2, "max_replica": 20})
    )
    assert kinds(dataclasses.replace(CONVERGED, environments=(twenty,))) == []


def test_who_changed_it_may_be_unknown_in_two_ways() -> None:
    silent = dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),))
    [item] = found(silent).drift
    assert (item.by, item.unknown) == (None, "not_named")
    [item] = found(dataclasses.replace(silent, audit=None)).drift
    assert (item.by, item.unknown) == (None, "unreadable")


def test_the_key_in_use_is_named_where_somebody_else_may_have_used_it() -> None:
    by_key = dataclasses.replace(
        SEVEN_BY_ALICE, actor="API key k1", own=True, person=False, source="API"
    )
    [item] = found(
        dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),), audit=(by_key,))
    ).drift
    assert item.by == "API key k1"


def test_what_a_run_of_ours_set_and_did_not_write_down_is_no_drift() -> None:
    by_us = dataclasses.replace(
        SEVEN_BY_ALICE, actor="API key ci", own=False, by_tool=True, person=False, source="API"
    )
    scenario = dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),), audit=(by_us,))
    assert kinds(scenario) == []
    [note] = found(scenario).notes
    assert "autoscaling.max_replica" in note
    # The same run set another value: what is there now is somebody else's.
    other = dataclasses.replace(by_us, data={**by_us.data, "max_replica": 8})
    assert kinds(dataclasses.replace(scenario, audit=(other,))) == ["setting"]


def test_settings_of_a_release_under_way_are_no_drift() -> None:
    """Git asks for what was before again, while a release with another value is not over."""
    scenario = Scenario(
        row=7,
        environments=(production(artifact=BEFORE),),
        live=(
            there(OLD, NEW, settings=Settings(autoscaling={"min_replica": 2, "max_replica": 20})),
        ),
        entries=(RELEASED, INTENT),
        audit=(audit(NEW, own=True, minutes=19),),
    )
    assert kinds(scenario) == []
    by_hand = dataclasses.replace(scenario, live=(there(OLD, NEW, settings=SEVEN),))
    assert kinds(by_hand) == ["setting"]


def test_under_a_hold_git_and_the_hold_are_told_apart() -> None:
    """The held release asked for 20; what was before is 10, and somebody has made it 7."""
    held = entry(Event.ROLLED_BACK, NEW, OLD, minutes=15, intent=INTENT.id, settings_after=None)
    twenty = production(settings=Settings(autoscaling={"min_replica": 2, "max_replica": 20}))
    asks = {"autoscaling.min_replica": 2, "autoscaling.max_replica": 20}
    scenario = Scenario(
        row=11,
        environments=(twenty,),
        entries=(RELEASED, INTENT, held),
        asked=tuple(
            Asked(commit=commit, digest=WANTED.digest, settings=asks)
            for commit in (EARLIER, APPLIED)
        ),
    )
    assert kinds(scenario) == []
    [item] = found(dataclasses.replace(scenario, live=(there(settings=SEVEN),))).drift
    assert (item.git, item.held_at, item.live) == (20, 10, 7)
    assert "20 in Git and 10 by the hold, 7 on Baseten" in told_item(item)


def test_our_own_write_just_before_the_log_was_written_is_nobodys_drift() -> None:
    """Clocks differ a little; what our key did up to the last entry is what that entry tells."""
    ours = dataclasses.replace(
        SEVEN_BY_ALICE,
        at=RELEASED.at - timedelta(seconds=5),
        actor="API key k1",
        own=True,
        source="API",
    )
    scenario = dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),), audit=(ours,))
    [item] = found(scenario).drift
    assert (item.by, item.unknown) == (None, "not_named")


def test_several_kinds_do_not_hide_each_other() -> None:
    stopped = dataclasses.replace(BY_HAND, status="INACTIVE")
    scenario = Scenario(
        row=12,
        live=(there(stopped, settings=SEVEN),),
        audit=(
            audit(BY_HAND, own=False, minutes=90),
            audit(BY_HAND, own=False, minutes=40, kind="DEACTIVATED"),
            SEVEN_BY_ALICE,
        ),
    )
    assert kinds(scenario) == ["artifact", "deactivated", "setting"]


def test_a_promotion_by_a_person_is_drift_from_its_start() -> None:
    scenario = Scenario(
        row=9, live=(there(OLD, STRAY),), audit=(audit(STRAY, own=False, minutes=3),)
    )
    assert kinds(scenario) == ["promotion"]
    ours = dataclasses.replace(
        scenario,
        entries=(RELEASED, entry(Event.INTENT, STRAY, OLD, minutes=4)),
        audit=(audit(STRAY, own=True, minutes=3),),
    )
    assert kinds(ours) == []


def test_an_environment_that_is_gone_and_one_that_serves_nothing() -> None:
    deleted = dataclasses.replace(
        audit(None, own=False, minutes=9, kind="UPDATED"), event_type="ENVIRONMENT_DELETED"
    )
    [item] = found(Scenario(row=21, live=(), audit=(deleted,))).drift
    assert (item.kind, item.by) == ("environment_deleted", "alice@example.com")
    [item] = found(Scenario(row=21, live=(there(None),))).drift
    assert (item.kind, item.live) == ("artifact", None)


def test_what_became_of_a_model() -> None:
    history, live = ModelHistory.of((RELEASED,)), CONVERGED.live_model
    assert live is not None
    [one] = [CONVERGED.model]
    assert model_drift(one, live, history, elsewhere=None, audit=None) is None
    renamed = AuditEntry(
        id="a",
        at=NOW - timedelta(hours=1),
        event_type="MODEL_RENAMED",
        actor="alice@example.com",
        source="UI",
        data={"previous_name": "qwen-3-8b"},
    )
    item = model_drift(one, live, history, elsewhere="qwen-4", audit=(renamed,))
    assert item is not None
    assert (item.kind, item.live, item.by) == ("model_renamed", "qwen-4", "alice@example.com")
    item = model_drift(one, None, history, elsewhere=None, audit=None)
    assert item is not None
    assert item.kind == "model_deleted"
    again = dataclasses.replace(live, id="new")
    item = model_drift(one, again, history, elsewhere=None, audit=None)
    assert item is not None
    assert item.kind == "model_made_again"


# What people read


def everything() -> Drift:
    fleet = Scenario(
        row=12,
        live=(
            there(
                BY_HAND,
                settings=Settings(
                    autoscaling={"min_replica": 0, "max_replica": 7}, schedules={"night": NIGHT}
                ),
            ),
        ),
        environments=(
            production(settings=Settings(autoscaling={"min_replica": 2, "max_replica": 10})),
        ),
        audit=(audit(BY_HAND, own=False, minutes=90), SEVEN_BY_ALICE),
    )
    stopped = dataclasses.replace(
        CONVERGED,
        live=(there(dataclasses.replace(OLD, status="INACTIVE")),),
        audit=(audit(OLD, own=False, minutes=7, kind="DEACTIVATED"),),
    )
    observed = dataclasses.replace(found(stopped), environment="staging", mode="observe")
    paused = EnvironmentDrift(environment="canary", mode="pause", unjudged="mode is pause")
    history = ModelHistory.of((RELEASED,))
    gone = model_drift(CONVERGED.model, None, history, elsewhere=None, audit=None)
    return document(
        model("qwen-3-8b", found(fleet), observed, paused),
        model("whisper", drift=gone),
        model("bert", failed="GET /v1/models/x/deployments: 503"),
        model("quiet", found(CONVERGED)),
    )


def accepted() -> Acceptance:
    return Acceptance(
        written=(
            Accepted(
                file="releases/qwen-3-8b.yaml",
                diff="@@ -9 +9 @@\n-      max_replica: 10   # ten\n+      max_replica: 7   # ten",
            ),
        ),
        not_written=(
            NotAccepted(
                model="qwen-3-8b",
                environment="production",
                path="commit",
                why="deployment h4nd (hotfix-friday) was not pushed from this repository",
                hint="take it back with `gitops apply --undo-drift`",
            ),
        ),
        notes=("qwen-3-8b/staging does not follow HEAD any more: it is pinned to what serves.",),
    )


@pytest.mark.parametrize("name", ["found", "accepted", "none"])
def test_drift_reads_well(name: str, golden: Golden) -> None:
    shown = everything()
    if name == "accepted":
        shown = dataclasses.replace(shown, accepted=accepted())
    elif name == "none":
        shown = document(model("qwen-3-8b", found(CONVERGED)))
    golden(f"drift-{name}.txt", render(shown))
    golden(f"drift-{name}.md", markdown(shown))
    text = as_json(shown)
    golden(f"drift-{name}.json", text)
    SCHEMA.validate(json.loads(text))


def test_an_apply_is_said_to_set_back_what_it_would_set_back() -> None:
    [setting] = found(dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),))).drift
    assert setting.apply == "sets_back"
    [_, left] = found(
        dataclasses.replace(
            CONVERGED,
            live=(there(BY_HAND, settings=SEVEN),),
            audit=(audit(BY_HAND, own=False, minutes=90),),
        )
    ).drift
    assert (left.apply, left.detail) == ("leaves", None)
    alone = EnvironmentDrift(environment="production", drift=(setting,))
    beside = EnvironmentDrift(environment="staging", drift=(left, Drifted(kind="artifact")))
    observed = EnvironmentDrift(environment="canary", mode="observe", drift=(setting,))
    sets = "next `gitops apply` sets settings back."
    leaves = "`gitops apply` leaves settings there until the rest is settled."
    assert sets in what_next(document(model("m", alone)))
    both = what_next(document(model("m", alone, beside)))
    assert "sets the other settings back." in both
    assert leaves in both
    assert leaves in what_next(document(model("m", beside)))
    assert "settings" not in what_next(document(model("m", observed))).partition(".")[2]


def test_an_apply_is_said_to_keep_what_it_would_keep() -> None:
    added = dataclasses.replace(CONVERGED, live=(there(settings=ADDED),), audit=(ADDED_BY_ALICE,))
    [kept] = found(added).drift
    assert (kept.apply, kept.by) == ("keeps", "alice@example.com")
    shown = document(model("qwen-3-8b", found(added)))
    assert "sets" not in what_next(shown)
    for text in (render(shown), markdown(shown)):
        said = " ".join(text.split())
        assert "apply keeps it: production is protected, and less capacity needs consent" in said
        assert "`gitops drift qwen-3-8b --accept`; or let it go: write `allow: [" in said


def test_an_apply_that_stops_leaves_settings_and_says_why() -> None:
    wants = production(artifact=BEFORE, settings=TEN_AND_LESS)
    stopped = dataclasses.replace(
        CONVERGED,
        environments=(wants,),
        live=(there(settings=ADDED),),
        audit=(ADDED_BY_ALICE,),
    )
    [left] = found(stopped).drift
    assert (left.path, left.apply) == ("autoscaling.max_replica", "leaves")
    assert left.detail is not None
    assert left.detail.startswith("apply leaves it: production is protected")
    assert "`allow: [fewer_replicas, scale_to_zero]`" in (left.remedy or "")


def test_hostile_words_act_nowhere() -> None:
    nasty = "@everyone \x1b[31m|<img src=x>\n# [x](http://evil.invalid)"
    [item] = found(dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),))).drift
    hostile = dataclasses.replace(item, by=nasty, path=nasty, live=nasty, detail=nasty)
    shown = document(model(nasty, EnvironmentDrift(environment=nasty, drift=(hostile,))))
    text, page = render(shown), markdown(shown)
    for each in (text, page):
        assert "\x1b" not in each
    outside = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", page.removeprefix(MARKER))
    assert not set("<@[") & set(outside)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 3
    assert all(row.replace("\\|", "").count("|") == 5 for row in rows)


def test_a_fleet_that_drifted_as_a_whole_still_fits_a_comment() -> None:
    [item] = found(dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),))).drift
    for many, each, told in (
        (3, 30, "| `"),
        (40, 30, "details are left out"),
        (1500, 1, "too much"),
    ):
        environment = EnvironmentDrift(environment="production", drift=(item,) * each)
        page = markdown(document(*(model(f"model-{n}", environment) for n in range(many))))
        assert len(page) < LIMIT
        assert f"of {many} models" in page
        assert told in page


# How it ends


def test_exit_codes() -> None:
    [item] = found(dataclasses.replace(CONVERGED, live=(there(settings=SEVEN),))).drift
    drifted = document(model("m", EnvironmentDrift(environment="production", drift=(item,))))
    observed = document(
        model("m", EnvironmentDrift(environment="production", mode="observe", drift=(item,)))
    )
    none = document(model("m"))
    failed = document(model("m", failed="503"), *drifted.models)
    nothing = Acceptance(not_written=accepted().not_written)
    ends = {
        "none": (0, 0),
        "drifted": (0, 2),
        "observed": (0, 0),
        "failed": (1, 1),
        "no log": (1, 1),
        "all accepted": (0, 2),
        "some accepted": (4, 2),
        "none accepted": (4, 4),
        "none to accept": (0, 0),
    }
    shown = {
        "none": none,
        "drifted": drifted,
        "observed": observed,
        "failed": failed,
        "no log": dataclasses.replace(none, history_known=False),
        "all accepted": dataclasses.replace(
            drifted, accepted=Acceptance(written=accepted().written)
        ),
        "some accepted": dataclasses.replace(drifted, accepted=accepted()),
        "none accepted": dataclasses.replace(drifted, accepted=nothing),
        "none to accept": dataclasses.replace(none, accepted=Acceptance()),
    }
    assert {
        name: (exit_code(each, detailed=False), exit_code(each, detailed=True))
        for name, each in shown.items()
    } == ends
