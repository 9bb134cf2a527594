"""The plan as a comment on a pull request."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from gitops.decide.decision import Blocked, State
from gitops.plan.build import build_plan
from gitops.plan.model import Plan, PlannedAction
from gitops.render.markdown import block, code, sentence, table
from gitops.render.mermaid import LEAST, graph
from gitops.render.plan_markdown import LIMIT, MANY, render
from tests.golden_files import Golden
from tests.plan.examples import (
    DRIFT,
    MORE_REPLICAS,
    NOW,
    at_rest,
    desired,
    environment,
    live,
    live_model,
    model,
    pushed,
)
from tests.render.plans import SHIPS, fleet

EVIL = (
    "</details><script>alert(1)</script> [click](https://evil.example) ![x](https://evil.example/a)"
    " @everyone #1 `` ` ``` **bold** <img src=x> www.evil.example \n# Heading\n- item | cell"
    " \x1b[2J"
)


def inline(markdown: str) -> list[str]:
    """The kinds of tokens that a text is made of, as a Markdown reader sees it."""
    reader = MarkdownIt("commonmark", {"html": True, "linkify": False})
    found: list[str] = []
    for token in reader.parse(markdown):
        found.append(token.type)
        found.extend(child.type for child in token.children or ())
    return found


HARMLESS = {
    "paragraph_open",
    "paragraph_close",
    "inline",
    "text",
    "code_inline",
}


def test_a_fleet(golden: Golden) -> None:
    golden("plan/fleet.md", render(fleet()))


@given(st.text())
def test_a_code_span_shows_any_text_and_nothing_else(text: str) -> None:
    assert set(inline(f"x {code(text)} y")) <= HARMLESS


@given(st.text())
def test_a_sentence_holds_no_markup_but_code_spans(text: str) -> None:
    assert set(inline(f"x {sentence(text)} y")) <= HARMLESS


@given(st.text())
def test_a_block_cannot_be_left_from_inside(text: str) -> None:
    assert inline(block(text)) == ["fence"]


@pytest.mark.parametrize(
    "word",
    [
        "@everyone",
        "#12",
        "!7",
        "%7",
        "https://evil.example",
        "www.evil.example",
        "a@b.c",
        "GH-7",
        "<b>",
    ],
)
def test_a_word_that_a_host_would_act_on_is_code(word: str) -> None:
    assert f"`{word}`" in sentence(f"asked by {word}.")
    assert f'`"{word}"`' in sentence(f'asked by "{word}".')
    assert f'`"{word}`' in sentence(f'Revert "{word} of it"')


def test_the_subject_of_a_revert_is_read_as_it_is() -> None:
    text = 'Revert "Take a slot for every answer" (Ada, 2026-11-22), "again".'
    assert sentence(text) == text


def test_commands_in_a_sentence_stay_commands() -> None:
    text = "Run `gitops resume qwen production`, then look."
    assert sentence(text) == text


def test_hostile_words_are_harmless() -> None:
    change = dataclasses.replace(DRIFT, by=EVIL, before=EVIL, path=EVIL)
    blocked = at_rest(
        State.BLOCKED, 9, blocked=Blocked(why=EVIL, remedy=EVIL), changes=(change,), notices=(EVIL,)
    )
    plan = build_plan(desired(model(name=EVIL)), live({}), {EVIL: {"production": blocked}}, now=NOW)
    text = render(plan)
    kinds = set(inline(text))
    assert not kinds & {"link_open", "image", "html_inline", "table_open"}
    assert inline(text).count("heading_open") == 1, "its own"
    assert kinds & {"html_block"} == {"html_block"}, "the marker alone"
    assert text.count("<!--") == 1
    assert "\x1b" not in text


def many(number: int, reason: str = "") -> Plan:
    names = [f"model-{each:05}" for each in range(number)]
    plan = build_plan(
        desired(*(model(name=name) for name in names)),
        live({name: live_model(name) for name in names}),
        {name: {"production": pushed(reason=reason)} for name in names},
        now=NOW,
    )
    return dataclasses.replace(
        plan,
        models=tuple(
            dataclasses.replace(
                model,
                environments=tuple(
                    dataclasses.replace(each, ships=SHIPS) for each in model.environments
                ),
            )
            for model in plan.models
        ),
    )


@pytest.mark.parametrize("number", [1, 60, 200, 2000])
def test_it_stays_short_enough_for_a_comment(number: int) -> None:
    text = render(many(number))
    assert len(text) < LIMIT
    assert text.rstrip().endswith("**")
    assert f"{number} of {number} model" in text


def test_one_endless_word_cannot_break_the_limit() -> None:
    endless = dataclasses.replace(DRIFT, before="x" * LIMIT)
    plan = build_plan(
        desired(), live(), {"qwen-3-8b": {"production": at_rest(changes=(endless,))}}, now=NOW
    )
    assert len(render(plan)) < LIMIT


@given(st.lists(st.tuples(st.text(), st.text(), st.text()), min_size=1, max_size=3))
def test_a_cell_stays_one_cell(rows: list[tuple[str, str, str]]) -> None:
    reader = MarkdownIt("commonmark").enable("table")
    kinds = [token.type for token in reader.parse(table(("a", "b", "c"), rows))]
    assert kinds.count("td_open") == 3 * len(rows)
    assert kinds.count("tr_open") == 1 + len(rows)


@given(st.text(), st.text())
def test_a_graph_holds_nothing_but_its_own_lines(name: str, environment: str) -> None:
    actions = tuple(
        PlannedAction(id=f"{environment}/{number}", kind="ready", environment=environment)
        for number in range(LEAST)
    )
    [one] = fleet().models[:1]
    plan = dataclasses.replace(
        fleet(), models=(dataclasses.replace(one, model=name, team=None, actions=actions),)
    )
    lines = graph(plan).splitlines()
    shape = re.compile(
        r'```(mermaid)?|flowchart LR|  (end|subgraph m0\["[\w ./·-]*"\])|    m0s\d+\["[\w ./·-]*"\]'
    )
    assert [line for line in lines if not shape.fullmatch(line)] == []
    assert len(lines) == LEAST + 5


def test_of_many_only_the_sentences_stay() -> None:
    few, enough = render(many(MANY)), render(many(MANY + 1))
    assert few.count("<details><summary>5 steps</summary>") == MANY
    assert "Checks, failure, the way back and steps" not in few
    assert enough.count("<details><summary>Checks, failure, the way back and steps") == MANY + 1
    assert few.count("Merge `@team's` `fix`") == MANY
    assert enough.count("Merge `@team's` `fix`") == 0, "the newest commit alone"
    assert enough.count("Ships 12 source commits:") == MANY + 1


def test_what_apply_refuses_is_told_first() -> None:
    plan = dataclasses.replace(many(1), notices=("apply refuses it",))
    lines = [line for line in render(plan).splitlines() if line]
    assert lines[2] == "> **Notice:** apply refuses it"


def test_an_arrow_that_says_nothing_is_not_drawn() -> None:
    [one] = fleet().models[:1]
    ids = [f"{number}" for number in range(LEAST)]
    actions = tuple(
        PlannedAction(id=each, kind="ready", environment="lab", depends_on=tuple(ids[:number]))
        for number, each in enumerate(ids)
    )
    plan = dataclasses.replace(
        fleet(), models=(dataclasses.replace(one, actions=actions), *fleet().models[6:])
    )
    arrows = [line.strip() for line in graph(plan).splitlines() if "-->" in line]
    assert arrows == [f"m0s{number} --> m0s{number + 1}" for number in range(LEAST - 1)]


def test_a_hold_that_nothing_was_asked_about_is_one_line_below_the_changes() -> None:
    text = render(fleet())
    line = "Still held: `dino/production`.\n\n<details><summary>Why, and what to do</summary>"
    assert text.index("**release**") < text.index("**blocked**") < text.index(line)
    assert text.index(line) < text.index("dino/production does not get")
    alone = dataclasses.replace(fleet(), models=fleet().models[4:])
    assert "- *held back* dino/production" in render(alone)
    assert "Still held" not in render(alone)


@pytest.mark.parametrize(
    "asks",
    [{"changes": (MORE_REPLICAS,)}, {"serving_status": "FAILED"}, {"row": 19}],
)
def test_a_hold_beside_a_change_of_its_own_is_told_whole(asks: dict[str, Any]) -> None:
    held = at_rest(State.HELD, **{"row": 11, "reason": "it was rolled back", **asks})
    plan = build_plan(
        desired(model(environment("staging"), environment("production"))),
        live(),
        {"qwen-3-8b": {"staging": pushed("staging"), "production": held}},
        now=NOW,
    )
    assert "- *held back* qwen-3-8b/production" in render(plan)
    assert "Still held" not in render(plan)


def test_what_is_good_to_know_comes_before_what_is_folded() -> None:
    plan = fleet()
    [first, *rest] = plan.models
    first = dataclasses.replace(first, notices=("production stays 7, Git asks for 3",))
    text = render(dataclasses.replace(plan, models=(first, *rest)))
    known = text.index("- `qwen-3-8b`: production stays 7")
    assert text.index("Changed outside of Git") < known < text.index("The order of the steps")
