"""What was asked of the emulator, in order."""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass
from typing import Any

from gitops.emulator.faults import RequestFault
from gitops.emulator.http.json_text import parsed

_KEY_FIELDS = 40
_KEPT = 100_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request. `status` None: the connection was dropped without an answer."""

    method: str
    path: str
    query: str
    status: int | None
    body_digest: str | None
    fields: dict[str, Any]
    fault: str | None = None
    answered: bool = True
    body_bytes: int = 0
    """How much of a body came, whatever became of it."""

    def to_json(self) -> dict[str, Any]:
        """The entry as the control endpoint shows it."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "body_digest": self.body_digest,
            "body_bytes": self.body_bytes,
            "fields": self.fields,
            "fault": self.fault,
        }


class Journal:
    """Requests so far, the oldest leave first."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: deque[Entry] = deque(maxlen=_KEPT)

    def note(
        self, method: str, path: str, query: str, body: bytes, fault: RequestFault | None
    ) -> Entry:
        """Begin an entry; its status is set when it is known."""
        entry = Entry(
            method=method,
            path=path,
            query=query,
            status=None,
            body_digest=hashlib.sha256(body).hexdigest() if body else None,
            fields=_fields(path, body),
            fault=fault.kind if fault else None,
        )
        self.entries.append(entry)
        return entry


def _fields(path: str, body: bytes) -> dict[str, Any]:
    """The scalar parts of a JSON body by dotted name; secrets' values stay out."""
    if not body or len(body) > 1_000_000:
        return {}
    try:
        value = parsed(body)
    except ValueError:
        return {}
    found: dict[str, Any] = {}

    def walk(prefix: str, inner: Any) -> None:
        if len(found) >= _KEY_FIELDS:
            return
        if isinstance(inner, dict):
            for key, each in inner.items():
                if key not in {"config", "raw_config", "user_env"}:
                    walk(f"{prefix}.{key}" if prefix else str(key), each)
        elif not isinstance(inner, list):
            found[prefix] = inner

    walk("", value)
    if path.endswith("/secrets"):
        found.pop("value", None)
    return found
