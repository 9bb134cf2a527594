"""Live state: what Baseten says, as values. Times are aware datetimes in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gitops.state.json import Json, JsonObject
from gitops.state.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """``name`` is None where Baseten does not say; ``host`` is the API's, with its port."""

    name: str | None
    host: str
    api_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A team; exactly one is the default of a key."""

    id: str
    name: str
    default: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment. ``status`` is Baseten's word, also one that we do not know."""

    id: str
    name: str
    model_id: str
    status: str
    created_at: datetime
    labels: Mapping[str, Json] = field(default_factory=dict)
    environment: str | None = None
    active_replicas: int = 0
    instance_type_name: str | None = None
    autoscaling: JsonObject | None = None
    is_production: bool = False
    is_development: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """A promotion in progress; ``percent`` is the candidate's share of traffic, 0-100."""

    status: str
    percent: int = 0
    error: str | None = None
    rolling: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEnvironment:
    """An environment. Only ``current`` says what serves.

    ``in_force`` are the autoscaling settings that hold for it now, by a schedule perhaps; None
    where Baseten does not say. ``shadows`` are the ids of deployments that its shadow rules send
    to.
    """

    name: str
    current: Deployment | None = None
    candidate: Deployment | None = None
    promotion: Promotion | None = None
    settings: Settings = field(default_factory=Settings)
    in_force: JsonObject | None = None
    instance_type_id: str | None = None
    instance_type_name: str | None = None
    shadows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveModel:
    """A model. ``deployments`` is None where the list was not needed and so not read."""

    id: str
    name: str
    team: str | None
    created_at: datetime
    environments: tuple[LiveEnvironment, ...] = ()
    deployments: tuple[Deployment, ...] | None = None

    def environment(self, name: str) -> LiveEnvironment | None:
        """The environment of that name, compared as Baseten's lower-case names."""
        return next((each for each in self.environments if each.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry of Baseten's audit log.

    ``actor`` is a person's e-mail or ``API key PREFIX``; ``own`` is true where the key prefix is
    that of the key in use and the client names this tool; ``by_tool`` where some key was used and
    the client certainly names this tool; ``previous`` are settings before.
    """

    id: str
    at: datetime
    event_type: str
    actor: str
    source: str
    own: bool = False
    by_tool: bool = False
    person: bool = False
    environment: str | None = None
    deployment_id: str | None = None
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceType:
    """Hardware; ``usd_per_minute`` None where prices cannot be read."""

    id: str
    name: str
    gpu_count: int = 0
    usd_per_minute: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One look at a workspace. ``models`` maps the string form of a ``ModelKey`` to what is there.

    A model that is not there has no entry; ``ids`` are those of every model that can be seen, None
    where they were not kept. ``instance_types`` by id, ``secrets`` by team name: None where they
    were not read or could not be.
    """

    workspace: Workspace
    read_at: datetime
    teams: tuple[Team, ...] = ()
    models: Mapping[str, LiveModel] = field(default_factory=dict)
    instance_types: Mapping[str, InstanceType] | None = None
    secrets: Mapping[str, frozenset[str]] | None = None
    ids: frozenset[str] | None = None
