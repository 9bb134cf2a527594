"""What a release ships and what happens where it fails, in words."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import pytest

from gitops.decide.steps import Check, Promote, Watch
from gitops.plan.build import build_plan
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan, Ships
from gitops.render import plan_markdown, plan_text
from gitops.render.markdown import sentence
from gitops.render.ships import failing, shipped
from gitops.state.commit import CommitInfo
from gitops.state.desired import Watch as Judged
from tests.plan.examples import COMMIT, NOW, desired, environment, live, model, pushed
from tests.render.test_plan_markdown import EVIL, inline


def plan(*, watch: Judged | None = None, ships: Ships | None = None, **more: object) -> Plan:
    wanted = desired(model(environment(watch=watch)))
    made = build_plan(wanted, live(), {"qwen-3-8b": {"production": pushed(**more)}}, now=NOW)
    [one] = made.models
    [only] = one.environments
    one = dataclasses.replace(one, environments=(dataclasses.replace(only, ships=ships),))
    return dataclasses.replace(made, models=(one,))


def parts(made: Plan) -> tuple[ModelPlan, EnvironmentPlan]:
    return made.models[0], made.models[0].environments[0]


def commits(*subjects: str, author: str = "Ada") -> tuple[CommitInfo, ...]:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    return tuple(CommitInfo(id=COMMIT, at=at, subject=each, author=author) for each in subjects)


ONE = commits("One")
UNKNOWN = "Which source commits that ships is not known: commit 9d1c7a0b5d4e is not in this clone."


@pytest.mark.parametrize(
    ("ships", "says"),
    [
        (Ships(direction="forward", commits=ONE), "Ships 1 source commit:"),
        (Ships(direction="forward", commits=ONE, more=3), "Ships 4 source commits:"),
        (Ships(direction="back", commits=ONE), "Goes back, and takes 1 source commit out:"),
        (
            Ships(direction="forward", commits=ONE, more=3, cancelled=2),
            "Ships 4 source commits (2 more cancel each other out):",
        ),
        (
            Ships(direction="back", commits=ONE, cancelled=2),
            "Goes back, and takes 1 source commit out (2 more cancel each other out):",
        ),
        (
            Ships(direction="forward", cancelled=2),
            "Ships no source commit: the 2 on the way cancel each other out.",
        ),
        (
            Ships(direction="elsewhere", commits=ONE),
            "Is not in the history of what serves; ships 1 source commit:",
        ),
        (
            Ships(direction="forward", commits=()),
            "No source commit on the way from one to the other touches its files.",
        ),
        (
            Ships(unknown="commit 9d1c7a0b5d4e is not in this clone"),
            UNKNOWN,
        ),
    ],
)
def test_what_ships(ships: Ships | None, says: str) -> None:
    found = shipped(*parts(plan(ships=ships)))
    assert found is not None
    assert found.sentence == says


def test_a_plan_that_does_not_say() -> None:
    assert shipped(*parts(plan())) is None


def test_what_an_environment_before_gets_is_not_told_twice() -> None:
    made = plan(ships=Ships(direction="forward", commits=ONE))
    one, only = parts(made)
    staging = dataclasses.replace(only, environment="staging")
    one = dataclasses.replace(one, environments=(staging, only))
    found = shipped(one, only)
    assert found is not None
    assert (found.sentence, found.commits) == ("Ships the same as staging gets.", ())


@pytest.mark.parametrize("render", [plan_markdown.render, plan_text.render])
def test_a_long_list_is_cut(render: object) -> None:
    ships = Ships(direction="forward", commits=commits(*map(str, range(10))), more=5)
    text = render(plan(ships=ships))  # type: ignore[operator]
    assert "Ships 15 source commits:" in text
    assert "and 10 more commits" in text
    assert " 4 (Ada, 2026-11-20)" in text
    assert " 5 (Ada, 2026-11-20)" not in text


def test_hostile_messages_and_names_are_harmless() -> None:
    ships = Ships(direction="forward", commits=commits(EVIL, f"/{EVIL}", author=EVIL))
    text = plan_markdown.render(plan(ships=ships))
    allowed = {"html_block"}
    kinds = set(inline(text))
    assert not kinds & {"link_open", "image", "html_inline"}
    assert inline(text).count("heading_open") == 1, "its own"
    assert allowed <= kinds
    assert text.count("<!--") == 1
    assert text.count("</details>") == text.count("<details>") + 4, "those in code"
    assert "\x1b" not in text + plan_text.render(plan(ships=ships))


def test_the_number_of_a_pull_request_is_code_between_brackets() -> None:
    assert sentence("Answer in v2 (#7).") == "Answer in v2 (`#7`)."
    assert sentence("(@team, (#7))") == "(`@team`, (`#7`))"


BOUNDED = Judged(seconds=600.0, error_rate=0.05)


@pytest.mark.parametrize(
    ("watch", "says"),
    [
        (None, "if its promotion fails, gitops goes back to commit 9d1c7a0b5d4e by itself."),
        (
            BOUNDED,
            "if it turns out bad under traffic, gitops goes back to commit 9d1c7a0b5d4e by itself.",
        ),
        (
            dataclasses.replace(BOUNDED, on_failure="alert"),
            "if it turns out bad under traffic, it stays, and the run only says so.",
        ),
    ],
)
def test_what_happens_where_it_fails(watch: Judged | None, says: str) -> None:
    assert failing(*parts(plan(watch=watch))) == (
        "If its build, its start or a check fails, nothing is promoted and commit 9d1c7a0b5d4e goes"
        f" on serving; {says}"
    )


def test_a_first_release_and_a_way_back_that_is_there() -> None:
    promote = Promote(environment="production", deployment_id="q1", from_=None, changes=())
    watch = Watch(environment="production", deployment_id="q1")
    check = Check(environment="production", deployment_id="q1", names=("smoke",))
    first = plan(steps=(check, promote, watch), serving=None)
    assert failing(*parts(first)) == (
        "If a check fails, nothing is promoted; if its promotion fails, there is nothing to go "
        "back to, and a person is needed."
    )
    again = plan(steps=(promote, watch))
    assert failing(*parts(again)) == (
        "If its promotion fails, gitops goes back to commit 9d1c7a0b5d4e by itself."
    )
    assert failing(*parts(plan(steps=()))) == ""
