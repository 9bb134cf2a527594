"""A plan for a comment on a pull request: sentences first, details folded, counts last.

Hosts cut or refuse a comment that is too long, so the text stays below ``LIMIT`` characters by
saying less per model: first without the actions, then without the fields, then by number alone.
The whole plan is always in the JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from gitops.plan.model import ChangedField, EnvironmentPlan, ModelPlan, Plan, Serving
from gitops.plan.summary import changes
from gitops.render.layout import safe
from gitops.render.markdown import code, sentence, table
from gitops.render.mermaid import graph
from gitops.render.plan_text import EXPLAINED, counts, loud, shared_notices, steps, title, told
from gitops.render.sentences import (
    costs,
    drifted,
    headline,
    judged,
    released,
    reverted,
    serving,
    who,
)
from gitops.render.ships import commit_words, failing, shipped
from gitops.render.words import count, short, some, value

LIMIT: Final = 65_536
"""Characters that GitHub takes in one comment; GitLab takes more."""

SHARED: Final = LIMIT - 4_096
"""Characters of a plan that shares its comment: what is below it has a sentence at the least."""

MOST_DRIFTED: Final = 100

SOURCES: Final = 5
"""Source commits that are named for one environment; where a plan is long, one."""

MANY: Final = 8
"""Environments above which nobody reads all about each: the sentences stay, the rest is folded."""

ROW_OF_A_HOLD: Final = 11
"""The row of the decision table by which what Git asks for all the time is held."""

_LEFT_OUT: Final = "Some details are left out here; the plan's JSON has them all."

_READY: Final = frozenset({"ACTIVE", "SCALED_TO_ZERO", None})
_STAYS: Final = frozenset({"blocked", "held", "superseded", "wait"})

MARKER: Final = "<!-- gitops plan -->"
"""First line, by which a workflow finds the comment that it wrote before."""


def render(plan: Plan, limit: int = LIMIT) -> str:
    """The plan as Markdown, below ``limit`` characters; it ends with a line break."""
    loudest = sum(loud(each) for model in plan.models for each in model.environments)
    fullest = _full if loudest <= MANY else _folding
    for detail, folded in ((fullest, ""), (_short, _LEFT_OUT), (_bare, _LEFT_OUT)):
        if text := _below(limit, _document(plan, detail, folded)):
            return text
    return _counted(plan)


def _below(limit: int, blocks: Iterator[str]) -> str:
    """The blocks as one text; empty where that is too long, which ends the reading of them."""
    found: list[str] = []
    length = -1
    for each in blocks:
        length += len(each) + 2
        if length >= limit:
            return ""
        found.append(each)
    return "\n\n".join(found) + "\n"


def _heading(plan: Plan) -> str:
    what = title(plan).replace(" -> ", " to ")
    return f"### Plan: {sentence(what[:1].lower() + what[1:])}"


_Detail = Callable[[ModelPlan, EnvironmentPlan], list[str]]


def _document(plan: Plan, detail: _Detail, folded: str) -> Iterator[str]:
    yield MARKER
    yield _heading(plan)
    yield from (f"> **Notice:** {_sentence(notice)}" for notice in plan.notices)
    held = _quietly_held(plan)
    later = {(model.name, each.environment) for model, each in held}
    for model in (each for each in plan.models if told(each)):
        yield from _model(model, detail, later)
    yield from _still_held(held, detail)
    yield from _drift(plan)
    yield from _good_to_know(plan)
    if steps_drawn := graph(plan):
        yield _folded("The order of the steps", steps_drawn)
    if unchanged := _unchanged(plan):
        yield unchanged
    if folded:
        yield folded
    yield f"**{sentence(counts(plan))}**"


_Held: TypeAlias = list[tuple[ModelPlan, EnvironmentPlan]]


def _quietly_held(plan: Plan) -> _Held:
    """Holds that ask nothing of anybody now, where there is something else to read about.

    A change that asks anew for what is held lifts the hold. One that waits for the hold of another
    environment may be what the reader asks for: both are told whole.
    """
    places = [(model, each) for model in plan.models for each in model.environments if loud(each)]
    held = [
        (model, each)
        for model, each in places
        if each.state == "held"
        and all(other.row == ROW_OF_A_HOLD for other in model.environments if other.state == "held")
        and each.serving is not None
        and each.serving.status in _READY
        and not released(each)
        and all(action.environment != each.environment for action in model.actions)
    ]
    return held if len(held) < len(places) else []


def _still_held(held: _Held, detail: _Detail) -> list[str]:
    if not held:
        return []
    names = [code(f"{model.name}/{each.environment}") for model, each in held]
    inside = [block for model, each in held for block in _environment(model, each, detail)]
    return [f"Still held: {some(names)}.", _folded("Why, and what to do", "\n\n".join(inside))]


def _model(model: ModelPlan, detail: _Detail, later: AbstractSet[tuple[str, str]]) -> list[str]:
    return [
        block
        for environment in model.environments
        if loud(environment) and (model.name, environment.environment) not in later
        for block in _environment(model, environment, detail)
    ]


def _environment(model: ModelPlan, environment: EnvironmentPlan, detail: _Detail) -> list[str]:
    head = f"- {_sign(environment)} {_sentence(headline(model, environment))}"
    return [head, *detail(model, environment)]


def _full(model: ModelPlan, environment: EnvironmentPlan) -> list[str]:
    """All there is to say of one environment, its steps folded."""
    blocks = _short(model, environment, most=SOURCES)
    if taken := _steps(model, environment):
        blocks.append(_nested(_folded(count(taken.count("\n") + 1, "step"), taken)))
    return blocks


def _folding(model: ModelPlan, environment: EnvironmentPlan) -> list[str]:
    """What ships and which fields change; the rest is folded."""
    blocks = _bare(model, environment)
    if ships := list(_sources(model, environment, 1)):
        blocks.append(_nested("\n".join(ships)))
    if fields := released(environment):
        blocks.append(_nested(_fields(fields)))
    more = ["\n".join(_facts(model, environment)), _steps(model, environment)]
    if any(more):
        head = "Checks, failure, the way back and steps" if more[0] else "Steps"
        blocks.append(_nested(_folded(head, "\n\n".join(filter(None, more)))))
    return blocks


def _short(model: ModelPlan, environment: EnvironmentPlan, *, most: int = 1) -> list[str]:
    blocks = _bare(model, environment)
    if facts := [*_sources(model, environment, most), *_facts(model, environment)]:
        blocks.append(_nested("\n".join(facts)))
    if fields := released(environment):
        blocks.append(_nested(_fields(fields)))
    return blocks


def _facts(model: ModelPlan, environment: EnvironmentPlan) -> list[str]:
    """How it is judged, what happens where it fails, and what it costs, as lines of a list."""
    fails = " ".join(filter(None, (failing(model, environment), reverted(environment))))
    told_of = (judged(model, environment), fails, costs(environment.cost_usd_per_month))
    return [f"- {_sentence(each)}" for each in told_of if each]


def _steps(model: ModelPlan, environment: EnvironmentPlan) -> str:
    return "\n".join(
        f"{number}. {code(action.kind)} {_sentence(why)}"
        for number, (action, why) in enumerate(steps(model, environment), start=1)
    )


def _sources(model: ModelPlan, environment: EnvironmentPlan, most: int) -> Iterator[str]:
    """What ships, as lines of a list: subjects and names are others' words."""
    found = shipped(model, environment)
    if found is None:
        return
    yield f"- {_sentence(found.sentence)}"
    for each in found.commits[:most]:
        yield f"  - {code(short(each.id))} {sentence(commit_words(each))}"
    if more := found.more + len(found.commits[most:]):
        yield f"  - and {count(more, 'more commit')}"


def _bare(_: ModelPlan, environment: EnvironmentPlan) -> list[str]:
    blocks: list[str] = []
    if environment.state in EXPLAINED and environment.reason:
        blocks.append(_nested(f"Why: {_sentence(environment.reason)}"))
    if environment.remedy:
        stop = "" if environment.remedy.endswith((".", "!", "?")) else "."
        blocks.append(_nested(f"What to do: {_sentence(environment.remedy)}{stop}"))
    if environment.state in _STAYS and environment.serving is not None:
        blocks.append(_nested(_sentence(_meanwhile(environment.serving))))
    return blocks


def _meanwhile(now: Serving) -> str:
    what = serving(now)
    if now.status in _READY:
        return f"It serves {what} meanwhile."
    return f"Its deployment is {what}, which is {now.status}."


def _fields(fields: Sequence[ChangedField]) -> str:
    rows = [(each.path, value(each.before), value(each.after)) for each in fields]
    return table(("field", "Baseten has", "Git says"), rows)


def _drift(plan: Plan) -> list[str]:
    rows: list[Sequence[str]] = []
    for model in plan.models:
        for environment in model.environments:
            if found := drifted(environment):
                place = f"{model.name}/{environment.environment}"
                rows += [
                    (place, each.path, value(each.before), value(each.after), who(each))
                    for each in found
                ]
    if not rows:
        return []
    more = len(rows) - MOST_DRIFTED
    return [
        "Changed outside of Git, and set back by apply where it acts:",
        table(("where", "field", "Baseten has", "Git says", "changed"), rows[:MOST_DRIFTED]),
        *([f"and {count(more, 'more field')}"] if more > 0 else []),
    ]


def _good_to_know(plan: Plan) -> list[str]:
    found = [
        f"- {some(list(map(code, names)))}: {_sentence(notice)}"
        for names, notice in shared_notices(plan)
    ]
    return ["Good to know:", "\n".join(found)] if found else []


def _sentence(text: str) -> str:
    """A sentence with our deployments' long names cut."""
    return sentence(safe(text))


def _unchanged(plan: Plan) -> str:
    quiet = [each.name for each in plan.models if not told(each)]
    if not quiet:
        return ""
    names = ", ".join(map(code, quiet[:200])) + (", …" if len(quiet) > 200 else "")
    return _folded(f"{count(len(quiet), 'model')} unchanged", names)


def _counted(plan: Plan) -> str:
    names = [each.name for each in plan.models if changes(each)]
    lines = [MARKER, _heading(plan)]
    room = LIMIT // 2
    shown: list[str] = []
    for name in names:
        entry = f"- {code(name)}"
        room -= len(entry) + 1
        if room < 0:
            break
        shown.append(entry)
    more = f"\n- and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    lines.append("Models that change:\n\n" + "\n".join(shown) + more)
    lines.append("This plan is too large for a comment; the plan's JSON has it all.")
    lines.append(f"**{sentence(counts(plan))}**")
    return "\n\n".join(lines) + "\n"


def _folded(head: str, inside: str) -> str:
    return f"<details><summary>{head}</summary>\n\n{inside}\n\n</details>"


def _sign(environment: EnvironmentPlan) -> str:
    match environment.state:
        case "blocked":
            return "**blocked**"
        case "held" | "superseded" | "wait":
            return "*held back*" if environment.state == "held" else "*waits*"
        case "push" | "promote":
            return "**release**"
        case _:
            return "*change*"


def _nested(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))
