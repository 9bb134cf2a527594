"""What a workspace is: all that is kept in a state file."""

from __future__ import annotations

from dataclasses import dataclass, field

from gitops.emulator.world.audit import Entry
from gitops.emulator.world.entities import ApiKey, AsyncRequest, Model, Secret, Team
from gitops.emulator.world.kept import Appended, Entity, Rows
from gitops.emulator.world.timeline import Planned


@dataclass(slots=True, kw_only=True, eq=False)
class State(Entity):
    """One workspace as data. What is not here or below it is gone when the emulator ends.

    `created_at` in epoch seconds. A new field needs a default, so that older states can be read.
    """

    workspace: str
    user_id: str
    organization_id: str
    created_at: float
    teams: Rows[str, Team] = field(default_factory=Rows)
    models: Rows[str, Model] = field(default_factory=Rows)
    secrets: Rows[str, Secret] = field(default_factory=Rows)
    restricted: Rows[tuple[str, str], tuple[str, ...]] = field(default_factory=Rows)
    """Users who may manage the environments of a name, by team; absent: everybody."""
    api_keys: Rows[str, ApiKey] = field(default_factory=Rows)
    """Keys made over the API, by prefix."""
    async_requests: Rows[str, AsyncRequest] = field(default_factory=Rows)
    planned: Rows[int, Planned] = field(default_factory=Rows)
    """What is going to happen, by its number."""
    entries: Appended[Entry] = field(default_factory=Appended)
    """The audit log, oldest first."""
