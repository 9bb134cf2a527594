"""Drift as Markdown, for an issue that a schedule keeps up to date, or for a comment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gitops.plan.drift import Drifted, EnvironmentDrift
from gitops.plan.drift_document import Acceptance, Drift, ModelDrift
from gitops.render.drift import counts, notes, outcome, remedy, title, told, told_item, what_next
from gitops.render.drift import who as by_whom
from gitops.render.layout import safe
from gitops.render.markdown import block, code, sentence
from gitops.render.words import value
from gitops.wording import sentence as whole

LIMIT: Final = 65_536
"""Characters that GitHub takes in one comment or issue; GitLab takes more."""

MARKER: Final = "<!-- gitops drift -->"
"""First line, by which a workflow finds the issue that it opened before."""


def markdown(drift: Drift) -> str:
    """The drift as Markdown, below ``LIMIT`` characters; it ends with a line break."""
    for detailed in (True, False):
        found = _document(drift, detailed=detailed)
        if len(found) < LIMIT:
            return found
    return _counted(drift)


def _document(drift: Drift, *, detailed: bool) -> str:
    blocks = [MARKER, f"**{_sentence(title(drift))}**"]
    for model in (each for each in drift.models if told(each)):
        blocks.extend(_model(model, detailed=detailed))
    blocks.extend(_sentence(each) for each in notes(drift))
    if drift.accepted is None:
        blocks.append(_sentence(what_next(drift)))
    if not detailed:
        blocks.append("Some details are left out here; `gitops drift --format json` has them all.")
    blocks.append(f"**{_sentence(counts(drift))}**")
    if drift.accepted is not None:
        blocks.extend(_accepted(drift.accepted, detailed=detailed))
    return "\n\n".join(each for each in blocks if each) + "\n"


def _model(model: ModelDrift, *, detailed: bool) -> Iterator[str]:
    if model.failed is not None:
        yield f"{code(model.name)} could not be looked at: {_sentence(model.failed)}"
    if model.drift is not None:
        yield f"### {code(model.name)}"
        yield _entry(model.drift)
    for environment in (each for each in model.environments if each.drift):
        yield f"### {code(f'{model.name}/{environment.environment}')}"
        if environment.mode == "observe":
            yield "It is only observed: apply changes nothing here."
        yield from _environment(environment, detailed=detailed)


def _environment(environment: EnvironmentDrift, *, detailed: bool) -> Iterator[str]:
    others = [each for each in environment.drift if each.kind != "setting"]
    if others:
        yield "\n".join(map(_entry, others))
    settings = [each for each in environment.drift if each.kind == "setting"]
    if settings and detailed:
        yield "\n".join(_table(settings))
        told_of = [each for each in settings if each.detail]
        if told_of:
            yield "\n".join(map(_detail, told_of))
    elif settings:
        yield f"Settings: {', '.join(code(each.path or '') for each in settings)}."


def _entry(item: Drifted) -> str:
    text = f"- {_sentence(told_item(item))}."
    told_about = remedy(item)
    return text if told_about is None else f"{text} {_sentence(whole(told_about))}"


def _detail(item: Drifted) -> str:
    text = f"- {code(item.path or '')}: {_sentence(item.detail or '')}."
    return text if item.remedy is None else f"{text} {_sentence(whole(item.remedy))}"


def _table(settings: list[Drifted]) -> Iterator[str]:
    yield "| setting | in Git | on Baseten | changed |"
    yield "| --- | --- | --- | --- |"
    for each in settings:
        git = code(value(each.git))
        if each.held_at is not None:
            git += f" (held at {code(value(each.held_at))})"
        cells = (code(each.path or ""), git, code(value(each.live)))
        yield "| " + " | ".join(map(_cell, (*cells, _sentence(by_whom(each))))) + " |"


def _cell(text: str) -> str:
    """A bar would begin the next cell, also inside a code span; a backslash would free it again."""
    return text.replace("|", "¦") if "\\" in text else text.replace("|", "\\|")


def _accepted(accepted: Acceptance, *, detailed: bool) -> Iterator[str]:
    for each in accepted.written:
        yield f"Accepted in {code(each.file)}:"
        if detailed:
            yield block(each.diff, "diff")
    for note in accepted.notes:
        yield _sentence(note)
    for missing in accepted.not_written:
        place = code(f"{missing.model}/{missing.environment}")
        hint = f" {_sentence(whole(missing.hint))}" if missing.hint else ""
        yield f"**Not accepted:** {code(missing.path)} of {place}: {_sentence(missing.why)}.{hint}"
    yield _sentence(outcome(accepted))


def _sentence(text: str) -> str:
    """A sentence with our deployments' long names cut."""
    return sentence(safe(text))


def _counted(drift: Drift) -> str:
    names = [each.name for each in drift.models if told(each)]
    room, shown = LIMIT // 2, []
    for name in names:
        entry = f"- {code(name)}"
        room -= len(entry) + 1
        if room < 0:
            break
        shown.append(entry)
    more = f"\n- and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    blocks = [MARKER, f"**{_sentence(title(drift))}**", "Models that drifted:"]
    blocks.append("\n".join(shown) + more)
    blocks.append("This is too much for a comment; `gitops drift --format json` has it all.")
    blocks.append(f"**{_sentence(counts(drift))}**")
    return "\n\n".join(blocks) + "\n"
