"""What `gitops prune` would do, did, and left: as text, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from gitops.decide.retention import Fate
from gitops.plan.prune import ModelPrune, Pruned, PrunePlan, asks, to_json
from gitops.record.entry import Side
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.markdown import code, sentence
from gitops.render.palette import Role, Style, plain
from gitops.render.text import harmless
from gitops.render.words import commit_and_deployment, count, one_line, some

LIMIT: Final = 65_536
"""Characters that GitHub takes in one comment."""

_ROLES: Final[dict[str, Role]] = {"deactivate": "change", "delete": "remove"}

_WORDS: Final = {
    "deactivated": "deactivated",
    "deleted": "deleted",
    "gone": "gone already",
    "spared": "spared",
    "stopping": "still stopping",
    "restored": "started again",
    "failed": "failed",
    "not_done": "not done",
}


def text(plan: PrunePlan, style: Style = plain, width: int = WIDTH) -> str:
    """The plan for a terminal: what goes and what stays, each with its reason, the counts last.

    Of several models, those with nothing to do are told in a line each, the last ones.
    """
    told = [it for it in plan.models if len(plan.models) == 1 or _is_loud(it)]
    blocks = ["\n".join(_model(model, style, width)) for model in told]
    quiet = [_quiet(model, style) for model in plan.models if model not in told]
    if quiet:
        blocks.append("\n".join(quiet))
    return "\n\n".join([*blocks, counts(plan)]) + "\n"


def markdown(plan: PrunePlan, results: Sequence[Pruned] | None = None) -> str:
    """The same for a comment on a pull request, below ``LIMIT`` characters."""
    for whole in (True, False):
        found = "\n\n".join(_document(plan, results, whole=whole)) + "\n"
        if len(found) < LIMIT:
            return found
    return "\n\n".join(_closing(plan, results)) + "\n"


def document(plan: PrunePlan, results: Sequence[Pruned] | None, exit_code: int) -> str:
    """The same as one JSON document."""
    body = to_json(plan, None if results is None else tuple(results), exit_code)
    return harmless(json.dumps(body, indent=2)) + "\n"


def ended(results: Sequence[Pruned], style: Style = plain, width: int = WIDTH) -> str:
    """How it ended: what did not go as planned, one by one, and the counts."""
    lines: list[str] = []
    for each in results:
        if each.exit_code:
            said = f": {each.message}" if each.message else ""
            shown = safe(
                one_line(f"{each.model}: deployment {each.deployment_id} {_word(each)}{said}")
            )
            lines += styled(shown, style, "bad", width)
    return "\n".join([*lines, _summed(results)]) + "\n"


def counts(plan: PrunePlan) -> str:
    """The last line: how many go, and how many stay."""
    if not plan.models:
        return "No release file has `retention`: nothing is ever deactivated or deleted."
    stay = f"{count(plan.stays, 'deployment stays', 'deployments stay')}"
    parts = [
        f"{plan.count(action)} to {action}"
        for action in ("deactivate", "delete")
        if plan.count(action)
    ]
    return f"{', '.join(parts)}; {stay}." if parts else f"Nothing to prune; {stay}."


def _summed(results: Sequence[Pruned]) -> str:
    numbers: dict[str, int] = {}
    for each in results:
        numbers[_word(each)] = numbers.get(_word(each), 0) + 1
    order = [word for word in _WORDS.values() if word in numbers]
    return f"{', '.join(f'{numbers[word]} {word}' for word in order)}."


def _word(result: Pruned) -> str:
    return _WORDS.get(result.result, result.result)


def _model(model: ModelPrune, style: Style, width: int) -> Iterator[str]:
    name = safe(one_line(str(model.key)))
    yield style(name, "heading") + f"  retention: {asks(model.retention)}"
    if model.left_alone is not None:
        shown = safe(one_line(f"Left alone: {model.left_alone}."))
        yield from styled(shown, style, "held", width, first="  ", rest="    ")
    for fate in model.work:
        shown = safe(one_line(f"{_goes(fate)}: {fate.reason}"))
        role = _ROLES[fate.action or ""]
        yield from styled(shown, style, role, width, first="  - ", rest="      ")
    for verb, things, reason in _alike(model.stays):
        shown = safe(one_line(f"{verb} {some(things)}: {reason}"))
        yield from styled(shown, style, "dim", width, first="    ", rest="      ")


def _goes(fate: Fate) -> str:
    return f"{fate.action} {_thing(fate)}, {fate.deployment.status}"


def _is_loud(model: ModelPrune) -> bool:
    return bool(model.work) or model.left_alone is not None


def _quiet(model: ModelPrune, style: Style) -> str:
    name = style(safe(one_line(str(model.key))), "heading")
    stay = count(len(model.stays), "deployment stays", "deployments stay")
    return f"{name}  retention: {asks(model.retention)}: nothing to prune, {stay}"


def _alike(stays: Sequence[Fate]) -> Iterator[tuple[str, list[str], str]]:
    """What stays for the same reason, told once; the newest first."""
    found: dict[tuple[str, str], list[str]] = {}
    for fate in reversed(stays):
        # Where a model is left alone, what would go is worth knowing.
        verb = f"would {fate.action}" if fate.action is not None else "keep"
        found.setdefault((verb, fate.reason), []).append(_thing(fate))
    for (verb, reason), things in found.items():
        yield verb, things, reason


def _thing(fate: Fate) -> str:
    deployment = fate.deployment
    return commit_and_deployment(
        Side(
            deployment_id=deployment.id,
            deployment_name=deployment.name,
            digest=fate.digest,
            commit=fate.commit,
        )
    )


def _document(plan: PrunePlan, results: Sequence[Pruned] | None, *, whole: bool) -> Iterator[str]:
    for model in plan.models:
        if not _is_loud(model):
            continue
        yield f"**{code(str(model.key))}** retention: {asks(model.retention)}"
        if model.left_alone is not None:
            yield f"Left alone: {sentence(one_line(model.left_alone))}."
        if model.work:
            yield "\n".join(
                f"- {sentence(safe(one_line(f'{_goes(fate)}: {fate.reason}')))}"
                for fate in model.work
            )
        if whole and model.stays:
            inside = "\n".join(
                f"- {sentence(safe(one_line(f'{verb} {some(things)}: {reason}')))}"
                for verb, things, reason in _alike(model.stays)
            )
            number = count(len(model.stays), "deployment stays", "deployments stay")
            yield f"<details><summary>{number}</summary>\n\n{inside}\n\n</details>"
    yield from _closing(plan, results)


def _closing(plan: PrunePlan, results: Sequence[Pruned] | None) -> Iterator[str]:
    yield f"**{sentence(counts(plan))}**"
    if results is not None:
        for each in results:
            if each.exit_code:
                said = f": {sentence(safe(one_line(each.message)))}" if each.message else ""
                which = f"{code(each.model)} deployment {code(each.deployment_id)}"
                yield f"- {which} {_word(each)}{said}"
        yield f"**{sentence(_summed(results))}**"
