"""How deployments, commits, durations, moments and values are put into words, everywhere alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from gitops.plan.actions import ActionKind, short
from gitops.record.entry import Side
from gitops.state.json import Json, JsonObject
from gitops.state.recognise import called
from gitops.wording import duration, listed

__all__ = [
    "commit_and_deployment",
    "count",
    "doing",
    "duration",
    "instant",
    "listed",
    "one_line",
    "percent",
    "refusal",
    "short",
    "some",
    "value",
]


def one_line(text: str) -> str:
    """The text with every run of white space, line breaks included, made one space."""
    return " ".join(text.split())


def commit_and_deployment(side: Side) -> str:
    """A deployment as people think of it: by the commit it was built from, where that is known."""
    if side.commit and side.deployment_id:
        return f"commit {short(side.commit)} (deployment {side.deployment_id})"
    if side.commit:
        return f"commit {short(side.commit)}"
    return called(side.deployment_id, side.deployment_name)


_NOUNS: Final[dict[ActionKind, str]] = {
    "push": "the push",
    "ready": "the build and start",
    "check": "the checks",
    "activate": "the activation",
    "retry": "the retry",
    "create_environment": "the creation of the environment",
    "update_settings": "the change of settings",
    "cancel_promotion": "the cancellation of the promotion",
    "promote": "the promotion",
    "watch": "the watch",
}


def doing(kind: ActionKind) -> str:
    """An action as something that goes on: ``the build and start``, ``the checks``."""
    return _NOUNS[kind]


ROLLBACK: Final = "the rollback"
"""A rollback as something that goes on."""


def refusal(message: str) -> str:
    """A refusal's own words, for a sentence that says already that Baseten refused something."""
    return message.removeprefix("Baseten refused ")


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def value(content: Json) -> str:
    """A setting's value on one line, as YAML would let one write it; absent is ``(not set)``."""
    match content:
        case None:
            return "(not set)"
        case str():
            return content if content and content == one_line(content) else json.dumps(content)
        case float() if content == int(content):
            return str(int(content))
        case Mapping() if "cadence" in content:
            return one_line(_schedule(content))
        case _:
            return json.dumps(content, ensure_ascii=False, sort_keys=True)


def _schedule(content: JsonObject) -> str:
    """An autoscaling schedule: when it holds, and then what; the environment's where not named."""
    inner = content.get("autoscaling")
    settings = dict(inner) if isinstance(inner, Mapping) else {}
    least, most = settings.pop("min_replica", None), settings.pop("max_replica", None)
    more = "".join(f", {name} {it}" for name, it in sorted(settings.items()) if it is not None)
    disabled = " (disabled)" if content.get("enabled") is False else ""
    return f"{_window(content)}: {least} to {most} replicas{more}{disabled}"


def _window(content: JsonObject) -> str:
    if content.get("cadence") == "ONE_TIME":
        return f"once, {content.get('start_at')} to {content.get('end_at')}"
    days = content.get("weekdays")
    names = [str(day)[:3].capitalize() for day in days] if isinstance(days, Sequence) else []
    start, end, begin, close = (
        f"{it:02d}" if isinstance(it := content.get(name), int) else ""
        for name in ("start_hour", "end_hour", "start_minute", "end_minute")
    )
    when = f"{start}:{begin}-{end}:{close}"
    if content.get("cadence") == "HOURLY":
        hours = f" from {start} to {end}" if start and end else ""
        when = f"every hour{hours} :{begin}-:{close}"
    return f"{','.join(names)} {when} {content.get('timezone') or ''}".rstrip()


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 model``, ``2 models``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def some(names: Sequence[str], most: int = 4) -> str:
    """``a, b and c``; of many the first ones, and how many more there are."""
    if len(names) <= most:
        return listed(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def percent(share: float) -> str:
    """A share between 0 and 1 as ``45.3%``."""
    return f"{share:.1%}"
