"""A plan for people: sentences first, then what changes, then what is good to know, counts last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gitops.plan.actions import short
from gitops.plan.model import ChangedField, EnvironmentPlan, ModelPlan, Plan, PlannedAction
from gitops.plan.summary import changes
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.palette import Role, Style, plain
from gitops.render.sentences import (
    changed,
    costs,
    drifted,
    headline,
    origin,
    released,
    reverted,
    sign,
)
from gitops.render.ships import commit_words, shipped
from gitops.render.text import printable
from gitops.render.words import count, some

SOURCES: Final = 5
"""Source commits that are named for one environment."""

QUIET: Final = frozenset({"converged", "paused"})
"""States that are folded away, unless something is to be said about them."""


EXPLAINED: Final = frozenset({"follow", "watch", "verify", "activate", "retry", "cancel"})
"""States whose sentence does not say why; the reason is told below it."""


INDENT: Final = "    "
STEP: Final = " " * 26
"""Where the reason of a step begins, and goes on below."""


def render(plan: Plan, style: Style = plain, width: int = WIDTH) -> str:
    """The plan as text ending with a line break; every foreign string is made printable.

    ``width`` in columns: sentences are wrapped, changed fields are not.
    """
    blocks = [
        list(styled(safe(title(plan)), style, "heading", width)),
        *(_model(model, style, width) for model in plan.models if told(model)),
        _drift(plan, style),
        [line for each in plan.notices for line in _notice(each, style, width)],
        _unchanged(plan, style, width),
        _good_to_know(plan, style, width),
        list(styled(counts(plan), style, "heading", width)),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def counts(plan: Plan) -> str:
    """The last line: how many models, which actions."""
    total = plan.summary
    actions = [
        (total.create_environment, "environment to create", "environments to create"),
        (total.push, "push", "pushes"),
        (total.check, "check", "checks"),
        (total.activate, "activation", "activations"),
        (total.retry, "retry", "retries"),
        (total.cancel_promotion, "promotion to cancel", "promotions to cancel"),
        (total.promote, "promotion", "promotions"),
        (total.update_settings, "settings update", "settings updates"),
        (_unfinished(plan), "release to finish", "releases to finish"),
    ]
    work = ", ".join(count(number, one, many) for number, one, many in actions if number)
    rest = ", ".join(
        text
        for number, text in (
            (total.blocked, f"{total.blocked} blocked"),
            (total.held, f"{total.held} held"),
            (total.drift, count(total.drift, "drifted field")),
        )
        if number
    )
    models = f"{total.changed} of {count(total.models, 'model')} to change"
    if not total.models:
        return "Plan: nothing to change; no model is concerned."
    if not total.changed:
        models = f"nothing to change in {count(total.models, 'model')}"
    text = "; ".join(filter(None, (models, work, rest)))
    return f"Plan: {text}."


def _unfinished(plan: Plan) -> int:
    """Releases of earlier runs that are only followed, watched or rolled back now."""
    begun = {
        (model.name, each.environment)
        for model in plan.models
        for each in model.actions
        if each.kind == "promote"
    }
    return sum(
        each.kind == "watch" and (model.name, each.environment) not in begun
        for model in plan.models
        for each in model.actions
    )


def title(plan: Plan) -> str:
    """Which commit is planned for which workspace."""
    where = f"workspace {plan.workspace} at {plan.api_url}" if plan.workspace else plan.api_url
    dirty = " with uncommitted changes (such a plan cannot be saved)" if plan.dirty else ""
    return f"Commit {short(plan.commit)}{dirty} -> {where}"


def told(model: ModelPlan) -> bool:
    """Whether a model is more than one of the unchanged ones."""
    return changes(model) or any(map(loud, model.environments))


def shared_notices(plan: Plan) -> list[tuple[list[str], str]]:
    """What is good to know: the models that a sentence is about, and the sentence, told once."""
    about: dict[str, list[str]] = {}
    for model in plan.models:
        for notice in model.notices:
            about.setdefault(notice, []).append(model.name)
    return [(names, notice) for notice, names in about.items()]


def loud(environment: EnvironmentPlan) -> bool:
    """Whether an environment has a sentence of its own."""
    return (
        environment.state not in QUIET
        or any(each.origin == "release" for each in environment.changes)
        or environment.mode == "observe"
    )


def _model(model: ModelPlan, style: Style, width: int) -> list[str]:
    return [
        line
        for environment in model.environments
        if loud(environment)
        for line in _environment(model, environment, style, width)
    ]


def _environment(
    model: ModelPlan, environment: EnvironmentPlan, style: Style, width: int
) -> Iterator[str]:
    place = safe(f"{model.name}/{environment.environment}")
    sentence = safe(headline(model, environment))
    yield from styled(sentence, style, _role(environment), width, lead=place)
    if environment.state in EXPLAINED:
        yield from _below(f"why: {environment.reason}", style, "dim", width)
    if environment.remedy:
        yield from _below(f"what to do: {environment.remedy}", style, None, width)
    yield from _sources(model, environment, style, width)
    yield from _fields(released(environment), style, indent=INDENT)
    for number, (action, why) in enumerate(steps(model, environment), start=1):
        step = safe(f"{number}. {action.kind:<18} {why}").rstrip()
        yield from styled(step, style, None, width, first=INDENT, rest=STEP)
    for told_last in (reverted(environment), costs(environment.cost_usd_per_month)):
        if told_last:
            yield from _below(told_last, style, "dim", width)


def _sources(
    model: ModelPlan, environment: EnvironmentPlan, style: Style, width: int
) -> Iterator[str]:
    """What ships; the one commit of a first release is in its steps already."""
    found = shipped(model, environment)
    if found is None or environment.serving is None:
        return
    yield from _below(found.sentence, style, None, width)
    for each in found.commits[:SOURCES]:
        line = safe(f"{short(each.id)} {commit_words(each)}")
        yield from styled(line, style, None, width, first=INDENT + "  ", rest=INDENT + "    ")
    if more := found.more + len(found.commits[SOURCES:]):
        yield from styled(
            f"and {count(more, 'more commit')}", style, "dim", width, first=INDENT + "  "
        )


def _below(text: str, style: Style, role: Role | None, width: int) -> Iterator[str]:
    return styled(safe(text), style, role, width, first=INDENT, rest=INDENT + "  ")


def steps(model: ModelPlan, environment: EnvironmentPlan) -> list[tuple[PlannedAction, str]]:
    """An environment's actions with their reasons; a push that it shares is told with the first."""
    own = [each for each in model.actions if each.environment == environment.environment]
    needed = {name for each in own for name in each.depends_on}
    pushes = [each for each in model.actions if each.environment is None and each.id in needed]
    sharing = [
        other.environment
        for push in pushes
        for other in model.actions
        if push.id in other.depends_on and other.environment
    ]
    first = not sharing or sharing[0] == environment.environment
    told_before = f"the same one as for {sharing[0]}" if sharing else ""
    return [(each, each.reason if first else told_before) for each in pushes] + [
        (each, each.reason) for each in own
    ]


def _role(environment: EnvironmentPlan) -> Role:
    match environment.state:
        case "blocked":
            return "bad"
        case "held" | "superseded" | "wait":
            return "held"
        case "push" | "promote":
            return "add"
        case "converged" | "paused":
            return "dim"
        case _:
            return "change"


def _fields(fields: Sequence[ChangedField], style: Style, *, indent: str) -> Iterator[str]:
    width = max((len(printable(each.path)) for each in fields), default=0)
    sides = [printable(changed(each)) for each in fields]
    reach = max(map(len, sides), default=0)
    for each, sideways in zip(fields, sides, strict=True):
        because = printable(origin(each))
        tail = f"{sideways:<{reach}}   ({because})" if because else sideways
        role: Role = "add" if each.before is None else "change"
        role = "drift" if each.origin == "drift" else role
        yield indent + style(f"{sign(each)} {printable(each.path):<{width}}  {tail}", role)


def _drift(plan: Plan, style: Style) -> list[str]:
    lines: list[str] = []
    for model in plan.models:
        for environment in model.environments:
            if found := drifted(environment):
                lines.append(printable(f"    {model.name}/{environment.environment}"))
                lines.extend(_fields(found, style, indent="        "))
    if not lines:
        return []
    return [style("Changed outside of Git, and set back by apply where it acts:", "drift"), *lines]


def _notice(notice: str, style: Style, width: int) -> Iterator[str]:
    return styled(safe(f"Notice: {notice}"), style, "drift", width)


def _good_to_know(plan: Plan, style: Style, width: int) -> list[str]:
    found = shared_notices(plan)
    if not found:
        return []
    told_once = (
        line
        for names, notice in found
        for line in styled(
            safe(f"{some(names)}: {notice}"),
            style,
            None,
            width,
            lead=safe(f"{some(names)}:"),
            first=INDENT,
            rest=INDENT + "  ",
        )
    )
    return [style("Good to know:", "heading"), *told_once]


def _unchanged(plan: Plan, style: Style, width: int) -> list[str]:
    quiet = [
        printable(model.name)
        for model in plan.models
        if not told(model) and not any(map(drifted, model.environments))
    ]
    if not quiet:
        return []
    head = f"Unchanged: {count(len(quiet), 'model')}"
    for shown in range(len(quiet), 0, -1):
        more = f" and {len(quiet) - shown} more" if shown < len(quiet) else ""
        line = f"{head} ({', '.join(quiet[:shown])}{more})."
        if len(line) <= width:
            return [style(line, "dim")]
    return [style(f"{head}.", "dim")]
