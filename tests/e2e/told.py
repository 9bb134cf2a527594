"""What the deploy log on a remote says, read by Git alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.repositories import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An entry of the deploy log, as the remote's Git holds it."""

    id: str
    body: Mapping[str, Any]

    @property
    def event(self) -> str:
        """What happened."""
        return str(self.body["event"])

    @property
    def environment(self) -> str:
        """Where."""
        return str(self.body["environment"])

    @property
    def why(self) -> str:
        """Its reason, or what its watch found."""
        watch = self.body["figures"].get("watch")
        found = watch.get("reason") if isinstance(watch, Mapping) else watch
        return str(self.body.get("reason") or found)

    def __str__(self) -> str:
        return f"{self.environment} {self.event}"


def log_of(remote: Repository, model: str) -> list[Told]:
    """A model's deploy log, oldest entry first."""
    refs = [name for name in remote.refs("refs/gitops/log/") if name.rpartition("/")[2] == model]
    if not refs:
        return []
    [ref] = refs
    raw = remote.git("log", "--reverse", "--format=%H%x00%B%x01", ref)
    found = []
    for each in raw.split("\x01"):
        commit, _, message = each.strip().partition("\x00")
        if commit:
            body = message.partition("\n\n")[2]
            found.append(Told(id=commit, body=json.loads(body)))
    return found
