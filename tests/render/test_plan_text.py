"""The plan as a person reads it."""

from __future__ import annotations

import dataclasses
import re

from gitops.decide.decision import Blocked, State
from gitops.plan.build import build_plan
from gitops.render.palette import ansi, chosen
from gitops.render.plan_text import render
from gitops.state.live import InstanceType
from tests.golden_files import Golden
from tests.plan.examples import (
    DRIFT,
    NOW,
    PRICES,
    at_rest,
    desired,
    live,
    live_model,
    model,
)
from tests.render.plans import fleet


def test_a_fleet(golden: Golden) -> None:
    golden("plan/fleet.txt", render(fleet()))


def test_nothing_to_do(golden: Golden) -> None:
    plan = build_plan(desired(), live(), {"qwen-3-8b": {"production": at_rest()}}, now=NOW)
    golden("plan/nothing.txt", render(plan))


def test_colour_adds_nothing_but_colour() -> None:
    coloured = render(fleet(), ansi)
    assert coloured != render(fleet())
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == render(fleet())
    assert chosen(colour=True) is ansi


def test_many_unchanged_models_take_one_line() -> None:
    names = [f"model-{number:03}" for number in range(300)]
    plan = build_plan(
        desired(*(model(name=name) for name in names)),
        live({name: live_model(name) for name in names}),
        {name: {"production": at_rest()} for name in names},
        now=NOW,
    )
    lines = render(plan).splitlines()
    unchanged = [line for line in lines if line.startswith("Unchanged: 300 models (")]
    assert len(unchanged) == 1
    assert len(unchanged[0]) <= 100
    assert len(lines) < 8


def test_names_of_unchanged_models_are_never_cut() -> None:
    names = ["call-transcriber", "qwen-3-8b", "support-triage", "ticket-embeddings"]
    plan = build_plan(
        desired(*(model(name=name) for name in names)),
        live({name: live_model(name) for name in names}),
        {name: {"production": at_rest()} for name in names},
        now=NOW,
    )

    def unchanged(width: int) -> str:
        return next(line for line in render(plan, width=width).splitlines() if "Unchanged" in line)

    some = "call-transcriber, qwen-3-8b, support-triage"
    assert unchanged(100) == f"Unchanged: 4 models ({some}, ticket-embeddings)."
    assert unchanged(80) == f"Unchanged: 4 models ({some} and 1 more)."
    assert unchanged(30) == "Unchanged: 4 models."


def test_drift_says_by_whom_and_when_to_the_second() -> None:
    changed = dataclasses.replace(DRIFT, by="API key k1", at="2026-11-22T02:46:49.288550Z")
    decided = dataclasses.replace(at_rest(), state=State.SETTINGS, changes=(changed,))
    text = render(build_plan(desired(), live(), {"qwen-3-8b": {"production": decided}}, now=NOW))
    assert "(drift: by API key k1 at 2026-11-22T02:46:49Z)" in text


def test_hostile_words_cannot_touch_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;pwned\x07\u202egnp.\nPlan: nothing to change in 1 model."
    change = dataclasses.replace(DRIFT, by=evil, before=evil, path=f"autoscaling.{evil}")
    blocked = at_rest(State.BLOCKED, 9, blocked=Blocked(why=evil, remedy=evil), changes=(change,))
    hardware = {"h100": InstanceType(id="h100", name=evil)}
    there = dataclasses.replace(live(), instance_types={**PRICES, **hardware})
    plan = build_plan(desired(model(name=evil)), there, {evil: {"production": blocked}}, now=NOW)
    text = render(plan)
    assert all(line.isprintable() for line in text.splitlines())
    assert text.splitlines().count("Plan: nothing to change in 1 model.") == 0
