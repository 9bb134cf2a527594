"""Drift for people: what differs, by whom and when, and what accepting it wrote; and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import assert_never

from gitops.plan.actions import short
from gitops.plan.drift import Drifted, EnvironmentDrift
from gitops.plan.drift_document import Acceptance, Drift, ModelDrift, to_json
from gitops.plan.model import Serving, Wanted
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.palette import Role, Style, plain
from gitops.render.sentences import asked, serving
from gitops.render.text import harmless, printable
from gitops.render.words import count, instant, listed, some, value
from gitops.wording import sentence

INDENT = "    "


def as_json(drift: Drift) -> str:
    """The document, ending with a line break."""
    text = json.dumps(to_json(drift), indent=2, ensure_ascii=False, allow_nan=False)
    return harmless(text) + "\n"


def render(drift: Drift, style: Style = plain, width: int = WIDTH) -> str:
    """The drift as text ending with a line break; every foreign string is made printable."""
    blocks = [list(styled(safe(title(drift)), style, "heading", width))]
    blocks += [list(_model(each, style, width)) for each in drift.models if told(each)]
    blocks.append([line for each in notes(drift) for line in styled(each, style, None, width)])
    if drift.accepted is None and (advice := what_next(drift)):
        blocks.append(list(styled(advice, style, None, width)))
    blocks.append(list(styled(counts(drift), style, "heading", width)))
    if drift.accepted is not None:
        blocks.append(list(_accepted(drift.accepted, style, width)))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def title(drift: Drift) -> str:
    """Which commit is held against which workspace."""
    where = f"workspace {drift.workspace} at {drift.api_url}" if drift.workspace else drift.api_url
    dirty = " with uncommitted changes" if drift.dirty else ""
    return f"Commit {short(drift.commit)}{dirty} against {where}"


def told(model: ModelDrift) -> bool:
    """Whether there is anything to say about a model by itself."""
    return model.drifted or model.failed is not None


def counts(drift: Drift) -> str:
    """The last line: what drifted, of how many models."""
    total = drift.summary
    unjudged = count(total.unjudged, "environment")
    rest = f"; {unjudged} not judged" if total.unjudged else ""
    if not total.drifted:
        return f"Drift: none in {count(total.models, 'model')}{rest}."
    parts = [
        count(number, noun)
        for number, noun in (
            (total.settings, "setting"),
            (total.artifacts, "artifact"),
            (total.other, "other change"),
        )
        if number
    ]
    models = f"{total.drifted} of {count(total.models, 'model')}"
    return f"Drift: {listed(parts)} in {models}{rest}."


def what_next(drift: Drift) -> str:
    """What can be done about drift, in a few sentences."""
    told_about: list[str] = []
    environments = [each for model in drift.models for each in model.environments]
    kinds = [{item.kind for item in each.drift} for each in environments]
    if any(each & {"setting", "artifact"} for each in kinds):
        told_about.append("`gitops drift --accept` writes what Baseten has into the release files.")
    if any("artifact" in each for each in kinds):
        told_about.append("`gitops apply --undo-drift` takes back what somebody promoted.")
    settings = [
        item
        for each in environments
        for item in each.drift
        if item.kind == "setting" and each.mode != "observe"
    ]
    others = [item for item in settings if item.apply != "sets_back"]
    if settings and not others:
        told_about.append("The next `gitops apply` sets settings back.")
    elif len(others) < len(settings):
        told_about.append("The next `gitops apply` sets the other settings back.")
    if any(item.detail is None for item in others):
        told_about.append("`gitops apply` leaves settings there until the rest is settled.")
    return " ".join(told_about)


def notes(drift: Drift) -> list[str]:
    """What differs and is no drift, and what was not judged and why; names folded."""
    alike: dict[str, list[str]] = {}
    found: list[str] = []
    for model in drift.models:
        for each in model.environments:
            place = f"{model.name}/{each.environment}"
            if each.unjudged is not None:
                alike.setdefault(each.unjudged, []).append(place)
            found += [safe(f"{place}: {note}.") for note in each.notes]
    return found + [safe(f"Not judged: {some(places)}: {why}.") for why, places in alike.items()]


def headline(model: ModelDrift, environment: EnvironmentDrift) -> str:
    """An environment with drift, as the beginning of what follows."""
    observed = ", which is only observed" if environment.mode == "observe" else ""
    return f"{model.name}/{environment.environment}{observed}:"


def told_item(item: Drifted) -> str:
    """One thing that was changed, in a sentence without its end: what, and by whom."""
    return f"{what(item)} ({who(item)})" + (f"; {item.detail}" if item.detail else "")


def what(item: Drifted) -> str:
    """What was changed outside of Git."""
    git, live = item.git, item.live
    match item.kind:
        case "setting":
            held = f" and {value(item.held_at)} by the hold" if item.held_at is not None else ""
            return f"{item.path}: {value(git)} in Git{held}, {value(live)} on Baseten"
        case "artifact":
            asked = f"where Git asks for {_wanted(git)}"
            return f"{_serving(live)} serves, {asked}"
        case "promotion":
            return f"{_serving(live)} is being promoted, where Git asks for {_wanted(git)}"
        case "paused_promotion":
            return f"the promotion of {_serving(live)} is paused"
        case "deactivated":
            return f"{_serving(live)}, which serves, was deactivated"
        case "environment_deleted":
            return "the environment was deleted"
        case "model_renamed":
            return f"the model is called {live} now"
        case "model_deleted":
            return f"the model ({git}) was deleted"
        case "model_made_again":
            return f"the model ({git}) was deleted and made again ({live})"
        case _:
            assert_never(item.kind)


def who(item: Drifted) -> str:
    """By whom and when, or why that is not known."""
    if item.by is not None:
        return f"by {item.by}" + (f" at {_moment(item.at)}" if item.at else "")
    if item.unknown == "unreadable":
        return "by whom is unknown: the audit log cannot be read with this key"
    return "by somebody whom the audit log does not name"


def remedy(item: Drifted) -> str | None:
    """What to do about drift that an apply does not mend by itself."""
    match item.kind:
        case "setting":
            return item.remedy
        case "artifact":
            return None
        case "promotion":
            return "wait for its end, or end it with `gitops cancel MODEL ENV`"
        case "paused_promotion":
            return "`gitops resume MODEL ENV` lets it go on, `gitops cancel MODEL ENV` ends it"
        case "deactivated":
            return "activate it in Baseten, or write `mode: pause` while it has to stay off"
        case "environment_deleted":
            return "the next `gitops apply` makes it again; else take it out of the release file"
        case "model_renamed":
            return (
                f"name it {item.git} again in Baseten, or write `model: {item.live}` in its release"
                " file"
            )
        case "model_deleted" | "model_made_again":
            return "give it another name in its release file, which begins a deploy log of its own"
        case _:
            assert_never(item.kind)


def _wanted(git: object) -> str:
    return asked(git) if isinstance(git, Wanted) else "nothing"


def _serving(live: object) -> str:
    return serving(live if isinstance(live, Serving) else None)


def _moment(moment: str) -> str:
    return instant(datetime.fromisoformat(moment))


def _model(model: ModelDrift, style: Style, width: int) -> Iterator[str]:
    if model.failed is not None:
        text = safe(f"{model.name} could not be looked at: {model.failed}")
        yield from styled(text, style, "bad", width, lead=safe(model.name))
    if model.drift is not None:
        text = safe(f"{model.name}: {told_item(model.drift)}.")
        yield from styled(text, style, "drift", width, lead=safe(f"{model.name}:"))
        yield from _remedy(model.drift, style, width)
    for environment in model.environments:
        if environment.drift:
            yield from styled(safe(headline(model, environment)), style, "heading", width)
            for item in environment.drift:
                yield from _item(item, style, width)


def _item(item: Drifted, style: Style, width: int) -> Iterator[str]:
    text = safe(told_item(item))
    yield from styled(text, style, "drift", width, first=INDENT, rest=INDENT + "  ")
    yield from _remedy(item, style, width)


def _remedy(item: Drifted, style: Style, width: int) -> Iterator[str]:
    told_about = remedy(item)
    if told_about is not None:
        text = safe(f"what to do: {told_about}")
        yield from styled(text, style, None, width, first=INDENT + "  ", rest=INDENT + "    ")


def _accepted(accepted: Acceptance, style: Style, width: int) -> Iterator[str]:
    for each in accepted.written:
        yield style(printable(f"{each.file}:"), "heading")
        for line in each.diff.splitlines():
            role: Role = "add" if line.startswith("+") else "remove"
            text = INDENT + printable(line)
            yield style(text, role) if line[:1] in {"+", "-"} else text
    for note in accepted.notes:
        yield from styled(safe(note), style, None, width)
    for missing in accepted.not_written:
        place = f"{missing.model}/{missing.environment}"
        text = safe(f"Not accepted: {missing.path} of {place}: {missing.why}.")
        yield from styled(text, style, "bad", width)
        if missing.hint:
            yield from styled(safe(sentence(missing.hint)), style, None, width, first=INDENT)
    yield from styled(safe(outcome(accepted)), style, None, width)


def outcome(accepted: Acceptance) -> str:
    """Where what was accepted is now."""
    if not accepted.written:
        return "Nothing was written."
    files = listed([each.file for each in accepted.written])
    if accepted.branch is not None:
        return f"Branch {accepted.branch}, commit {accepted.commit}."
    if accepted.commit is not None:
        return f"Committed as {accepted.commit}."
    return f"Written to {files}, not committed."


def commit_message(taken: Sequence[tuple[str, Drifted]]) -> str:
    """The message of a commit that accepts what drifted; each with its MODEL/ENV."""
    places = list(dict.fromkeys(place for place, _ in taken))
    named = places[0] if len(places) == 1 else f"{len(places)} environments"
    head = [f"Accept drift of {named}", "", "Baseten was changed outside of Git:"]
    return "\n".join([*head, *(f"- {place}: {_accepts(item)}" for place, item in taken), ""])


def _accepts(item: Drifted) -> str:
    by = f" ({who(item)})" if item.by is not None else ""
    if isinstance(item.live, Serving):
        return printable(f"serves {serving(item.live)}{by}")
    return printable(f"{item.path}: {value(item.git)} -> {value(item.live)}{by}")
