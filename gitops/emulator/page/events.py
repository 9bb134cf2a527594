"""What happened lately: the audit log with who did it, and what came about by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from gitops.emulator.page.deployments import tone
from gitops.emulator.page.history import Ended, History, StatusChange
from gitops.emulator.page.values import Event, Tone
from gitops.emulator.world.audit import Actor, Entry, Query
from gitops.emulator.world.entities import FAILED
from gitops.emulator.world.world import World

SHOWN = 25
_SETTLED = FAILED | {"ACTIVE", "UNHEALTHY", "SCALED_TO_ZERO", "INACTIVE"}

_DEEDS = {
    "MODEL_DEPLOYED": "pushed",
    "MODEL_DELETED": "deleted the model",
    "MODEL_RENAMED": "renamed the model",
    "MODEL_DEPLOYMENT_PROMOTED": "promoted",
    "MODEL_DEPLOYMENT_ACTIVATED": "activated",
    "MODEL_DEPLOYMENT_DEACTIVATED": "deactivated",
    "MODEL_DEPLOYMENT_RETRIED": "retried",
    "MODEL_DEPLOYMENT_DELETED": "deleted",
    "MODEL_DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED": "changed the autoscaling of",
    "REPLICA_TERMINATED": "terminated a replica of",
    "ENVIRONMENT_CREATED": "created the environment",
    "ENVIRONMENT_UPDATED": "changed the environment's settings",
    "ENVIRONMENT_DELETED": "deleted the environment",
    "SECRET_UPDATED": "set a secret",
    "SECRET_DELETED": "deleted a secret",
}
_STEERING = {
    "PAUSE": "paused the promotion",
    "RESUME": "resumed the promotion",
    "GRACEFUL_CANCEL": "cancelled the promotion",
    "FORCE_CANCEL": "cancelled the promotion at once",
    "FORCE_ROLL_FORWARD": "rolled the promotion forward",
}
_ENDS: dict[str, tuple[str, Tone]] = {
    "SUCCEEDED": ("serves now", "good"),
    "FAILED": ("was not promoted, it failed", "bad"),
    "CANCELED": ("is no longer being promoted", "idle"),
}


def latest(world: World, history: History) -> tuple[Event, ...]:
    """The latest events of all kinds, newest first."""
    entries, _ = world.audit.page(Query(limit=SHOWN))
    happened = [
        *(_deed(each) for each in entries),
        *_changes(history.changes),
        *(_end(each) for each in islice(reversed(history.ended), SHOWN)),
    ]
    # Each list is newest first already; what came about at the moment of a deed followed it.
    happened.sort(key=lambda each: (-each.at, each.who is not None))
    return tuple(happened[:SHOWN])


def _deed(entry: Entry) -> Event:
    data = entry.data
    return Event(
        key=f"a{entry.id}",
        at=entry.created,
        what=_what(entry.event_type, data),
        tone="idle",
        model=_text(data, "model_name"),
        environment=_text(data, "environment_name"),
        deployment=_text(data, "deployment_name"),
        who=who(entry.actor),
    )


def _what(event_type: str, data: Mapping[str, Any]) -> str:
    if event_type == "MODEL_PROMOTION_CONTROL_ACTION":
        return _STEERING.get(str(data.get("action")), "steered the promotion")
    return _DEEDS.get(event_type) or event_type.replace("_", " ").lower()


def _text(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def who(actor: Actor) -> str:
    """Whom the audit log names, without any part of a key: a short key's prefix is all of it."""
    if actor.type == "BASETEN_SYSTEM":
        return "Baseten"
    if actor.email is not None:
        return f"{actor.email} ({actor.source})"
    name = f"API key {actor.api_key_name}" if actor.api_key_name else "an API key"
    client = " ".join(each for each in (actor.client_name, actor.client_version) if each)
    return f"{name}, {client}" if client else name


def _changes(changes: Iterable[StatusChange]) -> Iterator[Event]:
    """The changes of one deployment on its way up or down are one event that grows."""
    ways: dict[str, list[StatusChange]] = {}
    told: list[list[StatusChange]] = []
    for change in changes:
        way = ways.get(change.deployment_id)
        if way is None or way[-1].status in _SETTLED:
            way = ways[change.deployment_id] = []
            told.append(way)
        way.append(change)
    for way in told:
        last = way[-1]
        yield Event(
            key=f"h{way[0].number}",
            at=last.at,
            what=last.status,
            tone=tone(last.status),
            model=last.model,
            environment=None,
            deployment=last.deployment,
            who=None,
            began=None if last is way[0] else (way[0].status, way[0].at),
        )


def _end(ended: Ended) -> Event:
    what, how = _ENDS.get(ended.status, (ended.status, "idle"))
    return Event(
        key=f"h{ended.number}",
        at=ended.at,
        what=what,
        tone=how,
        model=ended.model,
        environment=ended.environment,
        deployment=ended.candidate,
        who=None,
    )
