"""A saved plan is read back as it was written, or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops.decide.decision import Blocked, Decision, State
from gitops.errors import GitopsError, Refused
from gitops.plan import document
from gitops.plan.build import build_plan
from gitops.plan.canonical import digest, plain
from gitops.plan.compare import compare, raise_if_stale
from gitops.plan.model import Plan
from gitops.state.desired import Check, Desired, Probe
from gitops.state.live import AuditEntry, Deployment, Live
from gitops.state.settings import Change, Settings
from gitops.wording import sentence
from tests.plan.examples import (
    DRIFT,
    MORE_REPLICAS,
    NOW,
    OLD_COMMIT,
    WORKSPACE,
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
    settings,
)

BODY_KEYS = {
    "format_version",
    "gitops_version",
    "commit",
    "dirty",
    "api_url",
    "workspace",
    "summary",
    "models",
}
MODEL_KEYS = {
    "model",
    "team",
    "model_id",
    "release_file",
    "binding",
    "environments",
    "actions",
    "notices",
}
ENVIRONMENT_KEYS = {
    "environment",
    "state",
    "serving",
    "desired",
    "reason",
    "blocked",
    "changes",
    "rollback",
    "cost_usd_per_month",
}


def made(
    decision: Decision | None = None,
    *,
    wanted: Desired | None = None,
    there: Live | None = None,
    repository: str = "r1",
) -> Plan:
    return build_plan(
        wanted or desired(),
        there or live(),
        {"qwen-3-8b": {"production": decision or pushed()}},
        now=NOW,
        repository=repository,
        audit={
            "qwen-3-8b": [
                AuditEntry(
                    id="a1", at=NOW, event_type="PROMOTED", actor="alice@example.com", source="UI"
                )
            ]
        },
    )


def test_the_document_has_the_fields_that_scripts_rely_on() -> None:
    body = json.loads(document.to_text(made(pushed(changes=(MORE_REPLICAS, DRIFT)))))
    assert set(body) >= BODY_KEYS
    only = body["models"][0]
    assert set(only) >= MODEL_KEYS
    shown = only["environments"][0]
    assert set(shown) >= ENVIRONMENT_KEYS
    assert shown["serving"] == {
        "deployment_id": "w5d8x2q",
        "deployment_name": "git-" + "1f" * 20,
        "digest": "1f" * 32,
        "commit": OLD_COMMIT,
        "status": "ACTIVE",
    }
    assert shown["changes"][1] == {
        "path": "autoscaling.min_replica",
        "before": 2,
        "after": 0,
        "origin": "drift",
        "by": "alice@example.com",
        "at": "2026-11-19T08:30:00Z",
    }
    assert shown["blocked"] is None
    assert only["actions"][0]["environment"] is None
    assert body["inputs"]["now"] == "2026-11-20T12:00:00Z"


def test_reading_gives_the_plan_that_was_written() -> None:
    plan = made(pushed(changes=(MORE_REPLICAS, DRIFT)))
    assert document.from_text(document.to_text(plan)) == plan


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(before=json_values, after=json_values, why=st.text())
def test_whatever_baseten_says_survives_a_round_trip(before: Any, after: Any, why: str) -> None:
    change = Change(path="autoscaling.max_replica", before=before, after=after, by=why)
    plan = made(at_rest(reason=why, changes=(change,)))
    text = document.to_text(plan)
    assert text.isascii()
    assert document.to_text(document.from_text(text)) == text


def test_bytes_that_are_no_text_survive_as_what_can_be_shown() -> None:
    plan = made(at_rest(reason="a\udcffb"))
    assert (
        document.from_text(document.to_text(plan)).models[0].environments[0].reason == "a\\udcffb"
    )


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    body = json.loads(document.to_text(made()))
    change(body)
    return json.dumps(body)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(commit="0" * 40),
        lambda body: body["models"][0]["environments"][0].update(reason="all is well"),
        lambda body: body["models"][0].update(actions=[]),
        lambda body: body.pop("checksum"),
        lambda body: body.update(checksum="0" * 64),
        lambda body: body.update(more="than there was"),
    ],
)
def test_a_plan_that_was_edited_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(Refused, match="edited"):
        document.from_text(edited(change))


def test_layout_is_no_edit() -> None:
    body = json.loads(document.to_text(made()))
    assert document.from_text(json.dumps(body, sort_keys=True, indent=8)) == made()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"format_version": NaN}', "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "format_version is None"),
        ('{"format_version": "2"}', "format_version is '2'"),
        ('{"format_version": 1}', "format_version is 1"),
    ],
)
def test_what_is_no_plan_is_said(text: str, says: str) -> None:
    with pytest.raises(GitopsError, match=r"saved\.json") as caught:
        document.from_text(text, name="saved.json")
    assert says in str(caught.value)
    assert caught.value.exit_code == 1


def test_a_document_of_the_right_format_with_the_wrong_shape_is_no_plan() -> None:
    body = json.loads(document.to_text(made()))
    body["models"][0]["environments"][0]["state"] = "fine"
    del body["checksum"]
    with pytest.raises(GitopsError, match=r"models\.0\.environments\.0\.state") as caught:
        document.from_text(json.dumps({**body, "checksum": digest(body)}))
    assert caught.value.exit_code == 1


def test_a_plan_of_uncommitted_changes_cannot_be_saved() -> None:
    document.savable(made())
    with pytest.raises(Refused, match="uncommitted"):
        document.savable(made(wanted=desired(dirty=True)))


def test_numbers_are_compared_by_value() -> None:
    assert digest({"a": 1.0, "b": [2]}) == digest({"b": [2.0], "a": 1})
    assert digest({"a": 1.5}) != digest({"a": 1})
    assert digest({"a": True}) != digest({"a": 1})


def test_only_values_of_a_plan_have_a_canonical_form() -> None:
    with pytest.raises(TypeError):
        plain(object())


def test_another_commit_alone_is_no_difference() -> None:
    saved = made()
    later = environment(artifact=artifact("0a" * 20))
    fresh = made(pushed(reason="pin moved"), wanted=desired(model(later), commit="0a" * 20))
    assert fresh.commit != saved.commit
    assert compare(saved, fresh) == ()
    raise_if_stale(saved, fresh)


def test_health_alone_is_no_difference() -> None:
    sleeping = live_environment(current=deployment(status="SCALED_TO_ZERO"))
    fresh = made(
        pushed(serving_status="SCALED_TO_ZERO"),
        there=live({"qwen-3-8b": live_model(environments=(sleeping,))}),
    )
    assert compare(made(), fresh) == ()


def test_what_stands_in_the_way_now_is_named() -> None:
    serving = live_environment(candidate=ANOTHER)
    there = live({"qwen-3-8b": live_model(environments=(serving,))})
    why = "deployment by-hand is being promoted to production by ada@example.com"
    blocked = dataclasses.replace(
        at_rest(), state=State.BLOCKED, row=9, blocked=Blocked(why=why, remedy="wait for its end")
    )
    [found] = compare(made(pushed(changes=())), made(blocked, there=there))
    assert found.endswith(f"is another one now: {why}")


def test_what_a_newer_commit_has_overtaken_is_no_difference() -> None:
    serving = live_environment(current=ANOTHER)
    there = live({"qwen-3-8b": live_model(environments=(serving,))})
    overtaken = dataclasses.replace(at_rest(), state=State.SUPERSEDED, row=3)
    assert compare(made(), made(at_rest(), there=there)) != ()
    assert compare(made(), made(overtaken, there=there)) == ()


def other_environment(**more: Any) -> Desired:
    return desired(model(environment(**more)))


ELSEWHERE = dataclasses.replace(WORKSPACE, api_url="https://other.example.com")
NAMED = dataclasses.replace(WORKSPACE, name="other")
SMOKE = Check(name="smoke", probes=(Probe(body={"text": "hi"}),))
ANOTHER = Deployment(id="zzz", name="by-hand", model_id="abc123", status="ACTIVE", created_at=NOW)


@pytest.mark.parametrize(
    ("fresh", "says"),
    [
        (made(wanted=other_environment(artifact=artifact(digest="ff" * 32))), "asks for the artif"),
        (made(wanted=other_environment(settings=Settings())), "other settings"),
        (made(wanted=other_environment(checks=(SMOKE,))), "other checks"),
        (made(wanted=other_environment(protected=True)), "protected"),
        (made(there=live({})), "another one now"),
        (
            made(there=live({"qwen-3-8b": live_model(environments=())})),
            "another one now",
        ),
        (made(pushed(target=ANOTHER)), "deployment zzz of what Git asks for"),
        (
            made(pushed(changes=(dataclasses.replace(MORE_REPLICAS, before=12),))),
            "other values now for autoscaling.max_replica (12, not ",
        ),
        (
            made(pushed(changes=())),
            "other values now for autoscaling.max_replica (what Git asks for, not ",
        ),
        (made(at_rest()), "something else would be done"),
        (made(there=dataclasses.replace(live(), workspace=ELSEWHERE)), "other.example.com"),
        (made(there=dataclasses.replace(live(), workspace=NAMED)), "workspace acme"),
        (made(repository="r2"), "another repository"),
    ],
)
def test_what_differs_is_named(fresh: Plan, says: str) -> None:
    saved = made()
    if says == "something else would be done":
        saved = made(pushed(changes=()))
    found = compare(saved, fresh)
    assert len(found) == 1
    assert says in found[0]
    with pytest.raises(Refused, match="does not fit any more"):
        raise_if_stale(saved, fresh)


def test_what_serves_is_named_where_it_changed() -> None:
    serving = live_environment(current=ANOTHER)
    side = dataclasses.replace(pushed().serving, deployment_id="zzz")  # type: ignore[type-var]
    fresh = made(
        pushed(serving=side), there=live({"qwen-3-8b": live_model(environments=(serving,))})
    )
    assert compare(made(), fresh) == (
        "qwen-3-8b/production: it serves deployment zzz, not deployment w5d8x2q",
    )


def test_a_run_of_the_plan_that_began_or_ended_is_named() -> None:
    serving = live_environment(current=ANOTHER)
    there = live({"qwen-3-8b": live_model(environments=(serving,))})
    side = dataclasses.replace(pushed().serving, deployment_id="zzz")  # type: ignore[type-var]
    now = dataclasses.replace(at_rest(), serving=side)
    begun = dataclasses.replace(now, state=State.WATCH, reason="nobody judged zzz yet")
    serves = "qwen-3-8b/production: it serves deployment zzz, not deployment w5d8x2q"
    assert compare(made(), made(begun, there=there)) == (
        serves,
        "qwen-3-8b/production: a run began what is not at its end yet (nobody judged zzz yet)",
    )
    assert compare(made(), made(now, there=there)) == (
        serves,
        "qwen-3-8b/production: it is as Git asks already",
    )


def test_models_and_environments_that_came_or_went() -> None:
    two = model(environment("staging"), environment("production"))
    both = build_plan(
        desired(two),
        live(),
        {"qwen-3-8b": {"staging": pushed("staging"), "production": pushed()}},
        now=NOW,
        repository="r1",
    )
    none = dataclasses.replace(made(), models=())
    assert compare(made(), none) == ("qwen-3-8b: Git does not manage it any more",)
    assert compare(none, made()) == ("qwen-3-8b: the plan does not hold it",)
    assert "qwen-3-8b/staging: the plan does not hold it" in compare(made(), both)
    assert "qwen-3-8b/staging: Git does not manage it any more" in compare(both, made())


def test_a_binding_differs_exactly_where_what_it_binds_differs() -> None:
    assert made().models[0].binding == made().models[0].binding
    assert made().models[0].binding != made(settings()).models[0].binding


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("run `git fsck`", "Run `git fsck`."),
        ("Plan again.", "Plan again."),
        ("releases/qwen.yaml names it", "releases/qwen.yaml names it."),
        ("`gitops plan` shows it", "`gitops plan` shows it."),
        ("did you mean qwen?", "Did you mean qwen?"),
        ("", ""),
    ],
)
def test_a_hint_is_told_as_a_sentence(hint: str, told: str) -> None:
    assert sentence(hint) == told
