"""Status for people, one sentence an environment, and for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Final, assert_never

from gitops.plan.canonical import plain as canon
from gitops.plan.model import ChangedField
from gitops.plan.status import EnvironmentStatus, Status, to_json
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.palette import Role, Style, plain
from gitops.render.sentences import asked, pinned, serving
from gitops.render.text import harmless, printable
from gitops.render.words import count, listed, value
from gitops.state.health import Health, health_of

__all__ = ["as_json", "render", "sentence"]

BELOW: Final = "    "


def as_json(status: Status) -> str:
    """The document as it is printed; ``sentence`` of every environment is part of it."""
    shown = [
        {
            "sentence": sentence(each),
            **{one.name: canon(getattr(each, one.name)) for one in fields(each)},
        }
        for each in status.environments
    ]
    body = {**to_json(status), "environments": shown}
    return harmless(json.dumps(body, indent=2, allow_nan=False)) + "\n"


def render(status: Status, style: Style = plain, width: int = WIDTH) -> str:
    """A sentence for every environment, safe for a terminal, and one that counts them.

    ``width`` in columns: where a sentence is longer, all but what serves goes below, indented.
    """
    lines = [line for each in status.environments for line in _lines(each, style, width)]
    good = sum(_role(each) == "good" for each in status.environments)
    total = count(len(status.environments), "environment")
    where = printable(status.workspace or status.api_url)
    lines.append(style(f"{good} of {total} in {where} as Git wants.", "heading"))
    return "\n".join(lines) + "\n"


def _lines(status: EnvironmentStatus, style: Style, width: int) -> Iterator[str]:
    whole, lead, role = safe(sentence(status)), safe(_place(status)), _role(status)
    head, semicolon, tail = whole.partition("; ")
    if len(whole) <= width or not semicolon:
        yield from styled(whole, style, role, width, lead=lead, rest=BELOW)
        return
    yield from styled(f"{head};", style, role, width, lead=lead, rest=BELOW)
    yield from styled(tail, style, role, width, first=BELOW, rest=BELOW)


def sentence(status: EnvironmentStatus) -> str:
    """One sentence, from MODEL/ENV on: what serves, whether Git wants that, what comes next."""
    place = _place(status)
    if status.state == "paused":
        return f"{place} is paused in its release file, so nothing was asked about it."
    if status.state == "blocked" and status.serving is None:
        # What is there under another name may serve all the same.
        return f"{place} is {_next(status)}."
    parts = [f"{place} serves {serving(status.serving)}{_figures(status)}"]
    if status.promotion is not None:
        parts.append(
            f"a promotion has {status.promotion.percent}% of its traffic on deployment "
            f"{status.promotion.candidate} ({status.promotion.status})"
        )
    parts.append(_next(status))
    if status.drift:
        who = ", ".join(dict.fromkeys(each.by for each in status.drift if each.by))
        fields = count(len(status.drift), "setting")
        verb = "was" if len(status.drift) == 1 else "were"
        parts.append(f"{fields} {verb} changed outside of Git{f' by {who}' if who else ''}")
    if status.kept:
        them = listed([_stays(each) for each in status.kept])
        remedy = f" ({_end(status.remedy)})" if status.remedy else ""
        parts.append(f"{them} until somebody consents{remedy}")
    if status.mode == "observe":
        parts.append("it is only observed")
    return "; ".join(filter(None, parts)) + "."


def _stays(field: ChangedField) -> str:
    scalar = not isinstance(field.before, Mapping)
    return f"{field.path} stays {value(field.before) if scalar else 'as it is'}"


def _place(status: EnvironmentStatus) -> str:
    return f"{status.model}/{status.environment}"


def _figures(status: EnvironmentStatus) -> str:
    if status.serving is None:
        return ""
    found = [status.serving.status] if status.serving.status else []
    if status.replicas is not None:
        found.append(count(status.replicas, "replica"))
    return f" ({', '.join(found)})" if found else ""


def _failed(status: str | None) -> bool:
    return status is not None and health_of(status) is Health.FAILED


def _next(status: EnvironmentStatus) -> str:  # noqa: C901, PLR0912 - one case a state
    new = asked(status.desired, moves=status.state == "promote")
    as_wanted = _as_wanted(status)
    match status.state:
        case "converged" if status.health == "unhealthy":
            return f"{as_wanted}, and it fails its health checks"
        case "converged":
            return as_wanted
        case "settings":
            return f"{as_wanted}, with {count(len(status.changes), 'setting')} to change"
        case "promote" if _failed(status.target_status):
            return f"Git wants {new}, whose deployment {status.target} is {status.target_status}"
        case "promote" if status.target is not None:
            return f"Git wants {new}, which is there to be promoted"
        case "push" | "promote":
            return f"Git wants {new}, which is not built yet"
        case "follow":
            return f"Git wants {new}, which is on its way"
        case "watch":
            return _end(status.reason)
        case "verify":
            return f"{as_wanted}, and it was never verified there"
        case "activate":
            return f"{as_wanted}, and it has to be started"
        case "retry":
            return f"{as_wanted}, and it failed"
        case "cancel":
            return f"Git wants {new}, and a promotion that nobody wants is in the way"
        case "wait":
            return f"waiting: {_end(status.reason)}"
        case "held":
            return f"Git wants {new}: {_end(status.reason)}"
        case "superseded":
            return _end(status.reason)
        case "blocked":
            remedy = f" ({_end(status.remedy)})" if status.remedy else ""
            return f"blocked: {_end(status.blocked or status.reason)}{remedy}"
        case "paused":
            return ""
        case _:
            assert_never(status.state)


def _as_wanted(status: EnvironmentStatus) -> str:
    pin = pinned(status.desired)
    return f"that is what Git wants, the same files as {pin}" if pin else "that is what Git wants"


def _role(status: EnvironmentStatus) -> Role:
    match status.state:
        case "blocked" | "retry":
            return "bad"
        case "held" | "superseded":
            return "held"
        case "converged" if status.kept:
            return "held"
        case "paused":
            return "dim"
        case "converged" if status.health == "ready":
            return "good"
        case _:
            return "change"


def _end(sentence: str) -> str:
    return sentence.rstrip().rstrip(".")
