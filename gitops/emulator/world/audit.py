"""The audit log: who did what, written together with the deed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitops.emulator.world.identifiers import Identifiers
from gitops.emulator.world.kept import Appended
from gitops.emulator.world.refusal import invalid

GROUPS: dict[str, frozenset[str]] = {
    "DEPLOYED": frozenset({"MODEL_DEPLOYED"}),
    "PROMOTED": frozenset({"MODEL_DEPLOYMENT_PROMOTED", "MODEL_PROMOTION_CONTROL_ACTION"}),
    "ACTIVATED_DEACTIVATED": frozenset(
        {
            "MODEL_DEPLOYMENT_ACTIVATED",
            "MODEL_DEPLOYMENT_DEACTIVATED",
            "MODEL_DEPLOYMENT_RETRIED",
        }
    ),
    "AUTOSCALING_SETTINGS": frozenset({"MODEL_DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED"}),
    "REQUEST_BACKPRESSURE_SETTINGS": frozenset(
        {"MODEL_DEPLOYMENT_REQUEST_BACKPRESSURE_SETTINGS_CHANGED"}
    ),
    "INSTANCE_TYPE_CHANGED": frozenset({"MODEL_DEPLOYMENT_INSTANCE_TYPE_CHANGED"}),
    "ENVIRONMENT_SETTINGS": frozenset(
        {"ENVIRONMENT_CREATED", "ENVIRONMENT_UPDATED", "ENVIRONMENT_DELETED"}
    ),
    "REPLICA_TERMINATED": frozenset({"REPLICA_TERMINATED"}),
    "DELETED": frozenset({"MODEL_DELETED", "MODEL_DEPLOYMENT_DELETED"}),
    "METADATA": frozenset({"MODEL_RENAMED"}),
    "SECRETS": frozenset({"SECRET_UPDATED", "SECRET_DELETED"}),
    "API_KEYS": frozenset(),
    "GATEWAY": frozenset(),
    "CODE": frozenset(),
    "WEBHOOK_SIGNING_SECRETS": frozenset(),
    "USER_MANAGEMENT": frozenset(),
    "DIRECTORY_GROUP_MANAGEMENT": frozenset(),
    "SSH": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who sends a request, and with what."""

    type: str
    source: str
    email: str | None = None
    user_id: str | None = None
    api_key_prefix: str | None = None
    api_key_name: str | None = None
    client_name: str | None = None
    client_version: str | None = None


SYSTEM = Actor(type="BASETEN_SYSTEM", source="SYSTEM")
"""The platform itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One deed. `created` in epoch seconds."""

    id: str
    created: float
    event_type: str
    data: Mapping[str, Any]
    actor: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Filters of the two audit-log endpoints; None and empty mean all."""

    model_id: str | None = None
    limit: int = 20
    descending: bool = True
    cursor: str | None = None
    search: str | None = None
    groups: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    deployment_ids: tuple[str, ...] = ()
    environment_names: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None


class AuditLog:
    """All entries, oldest first."""

    def __init__(self, ids: Identifiers, entries: Appended[Entry]) -> None:
        """Entries are added to `entries`."""
        self._ids = ids
        self._entries = entries

    def __iter__(self) -> Iterator[Entry]:
        """Entries, oldest first."""
        return iter(self._entries)

    def write(self, at: float, actor: Actor, event_type: str, data: Mapping[str, Any]) -> None:
        """Add an entry."""
        self._entries.append(
            Entry(
                id=self._ids.new(12),
                created=at,
                event_type=event_type,
                data={"event_type": event_type, **data},
                actor=actor,
            )
        )

    def page(self, query: Query) -> tuple[list[Entry], str | None]:
        """One page of the entries that match, and the cursor of the next.

        Raises:
            Refusal: an unknown event type group or a cursor that was not given out.
        """
        types: set[str] | None = None
        if query.groups:
            unknown = [group for group in query.groups if group not in GROUPS]
            if unknown:
                raise invalid(f"Unknown event type group {unknown[0]!r}.")
            types = set().union(*(GROUPS[group] for group in query.groups))
        matching = [entry for entry in self._entries if _matches(entry, query, types)]
        if query.descending:
            matching.reverse()
        if query.cursor is not None:
            position = next(
                (i for i, entry in enumerate(matching) if entry.id == query.cursor), None
            )
            if position is None:
                raise invalid("Invalid cursor.")
            matching = matching[position + 1 :]
        page = matching[: query.limit]
        return page, page[-1].id if len(matching) > query.limit else None


def _matches(entry: Entry, query: Query, types: set[str] | None) -> bool:
    data = entry.data
    return (
        (query.model_id is None or data.get("model_id") == query.model_id)
        and (types is None or entry.event_type in types)
        and (not query.user_ids or entry.actor.user_id in query.user_ids)
        and (not query.deployment_ids or data.get("deployment_id") in query.deployment_ids)
        and (not query.environment_names or data.get("environment_name") in query.environment_names)
        and (not query.sources or entry.actor.source in query.sources)
        and (query.start is None or entry.created >= query.start)
        and (query.end is None or entry.created <= query.end)
        and (query.search is None or query.search.lower() in str(dict(data)).lower())
    )
