"""The things that exist in an emulated workspace. All times are epoch seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gitops.emulator.world.kept import Appended, Entity, Rows, StoredFile
from gitops.emulator.world.samples import Samples
from gitops.emulator.world.schedule import Schedules
from gitops.emulator.world.settings import Autoscaling, PromotionSettings

READY = frozenset({"ACTIVE", "UNHEALTHY"})
"""Statuses with replicas that take traffic."""
IDLE_OR_READY = frozenset({"ACTIVE", "SCALED_TO_ZERO"})
FAILED = frozenset({"BUILD_FAILED", "BUILD_STOPPED", "DEPLOY_FAILED", "FAILED"})
STARTING = frozenset({"BUILDING", "DEPLOYING", "LOADING_MODEL", "UPDATING"})

PromotionStatus = Literal[
    "RELEASING", "RAMPING_UP", "RAMPING_DOWN", "PAUSED", "SUCCEEDED", "FAILED", "CANCELED"
]
TERMINAL: frozenset[PromotionStatus] = frozenset({"SUCCEEDED", "FAILED", "CANCELED"})


@dataclass(slots=True, kw_only=True)
class Team(Entity):
    """A team; the default one cannot be deleted."""

    id: str
    name: str
    default: bool
    created_at: float


@dataclass(slots=True, kw_only=True)
class Secret(Entity):
    """A secret; the value never leaves except into a truss."""

    id: str
    name: str
    value: str
    team_id: str
    created_at: float


@dataclass(slots=True, kw_only=True)
class ApiKey(Entity):
    """A key made over the API: only its digest is kept, and a deleted one stays refused."""

    prefix: str
    digest: str
    type: str
    created_at: float
    name: str | None = None
    model_ids: tuple[str, ...] | None = None
    """The models that a key for calling or exporting is limited to; None: all."""
    team_id: str | None = None
    user_id: str | None = None
    last_used_at: float | None = None
    deleted: bool = False


@dataclass(slots=True, kw_only=True)
class AsyncRequest(Entity):
    """A request of `async_predict`, from being queued to its webhook's answer."""

    id: str
    model_id: str
    deployment_id: str
    body: bytes
    created_at: float
    expires_at: float
    status_at: float
    priority: int = 0
    attempts: int = 3
    """How often it is tried in all."""
    initial_delay: float = 1.0
    max_delay: float = 5.0
    status: str = "QUEUED"
    webhook: str | None = None
    webhook_status: str = "NO_WEBHOOK_PROVIDED"
    errors: list[tuple[str, str]] = field(default_factory=list)
    """Code and message."""


@dataclass(slots=True, kw_only=True)
class Startup:
    """One replica on its way to being ready."""

    replica_id: str
    started_at: float
    phases: list[tuple[str, float]]
    """Names of the phases that were begun, and when."""
    environment: str | None = None
    ended_at: float | None = None
    succeeded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRule:
    """A share of an environment's requests is sent a second time, to one target."""

    id: str
    deployment_id: str | None
    environment: str | None
    percent: int
    expires_at: float
    sampling_mode: str
    propagate_client_cancellation: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What was pushed: the config that came with the request and the uploaded archive."""

    config: Mapping[str, Any]
    raw_config: str | None = None
    archive: StoredFile | None = None
    """The uploaded file; None for a seeded deployment, which echoes."""


@dataclass(slots=True, kw_only=True)
class LogLine:
    """One line of a deployment's log."""

    at_nanoseconds: int
    message: str
    level: str | None = "INFO"
    replica: str | None = None
    request_id: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Deployment(Entity):
    """One deployment.

    `generation` counts status changes, so that a planned event can tell that it is no longer
    about the state it was planned for.

    """

    id: str
    name: str
    model_id: str
    created_at: float
    visible_at: float
    artifact: Artifact
    instance_type_id: str
    autoscaling: Autoscaling = field(default_factory=Autoscaling)
    backpressure: str | None = None
    labels: dict[str, Any] | None = None
    is_development: bool = False
    environment: str | None = None
    status: str = "BUILDING"
    generation: int = 0
    since: float = 0.0
    built: bool = False
    deployed: bool = False
    """Whether it ever became ready: until then its autoscaling settings read null."""
    replicas: int = 0
    replica_history: list[tuple[float, int]] = field(default_factory=list)
    starting_history: list[tuple[float, int]] = field(default_factory=list)
    in_flight: int = 0
    last_activity: float = 0.0
    idle_check_planned: bool = False
    growing: bool = False
    restarts: list[float] = field(default_factory=list)
    """When a truss process ended by itself and was started again."""
    deploy_timeout_minutes: int | None = None
    coming_up_since: float | None = None
    """When its last build or activation began."""
    enough_since: float | None = None
    """Since when fewer replicas would have been enough."""
    copied_from: str | None = None
    logs: Appended[LogLine] = field(default_factory=lambda: Appended(maxlen=5000))
    samples: Samples = field(default_factory=Samples)
    region: str | None = None
    startups: list[Startup] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class EnvironmentUpdate:
    """Settings that travel with a promotion and are saved when it completes."""

    autoscaling: Mapping[str, Any] | None = None
    promotion: Mapping[str, Any] | None = None
    backpressure: Mapping[str, Any] | None = None
    """`{"policy": …}` when the block was sent; a null policy clears it."""
    schedules: Schedules | None = None
    """All schedules as they will be."""
    schedule_changes: Mapping[str, Any] | None = None
    """How that was asked for, in the audit log's form."""
    region: str | None = None
    """The slug of a region; empty: Global."""


@dataclass(slots=True, kw_only=True, eq=False)
class Promotion:
    """A promotion in progress, or one that ended a moment ago."""

    candidate_id: str
    previous_id: str | None
    settings: PromotionSettings
    update: EnvironmentUpdate
    started_at: float
    visible_at: float
    rolling: bool
    keep_previous: bool
    canary: bool = False
    """Traffic moves over `ramp_up_duration_seconds`; cannot be steered but cancelled."""
    status: PromotionStatus = "RELEASING"
    percent: int = 0
    error_message: str | None = None
    generation: int = 0
    carried: int = 0
    """Rounding left over from sharing requests by percent."""
    began_with: Autoscaling | None = None
    """What the environment would have if nobody changed its settings meanwhile."""
    replicas: int = 0
    """Of the previous deployment when it began."""
    sticks_at: int | None = None
    """A fault keeps it at this percentage, or the first step above it."""
    sticks_for: float | None = None
    """Seconds; None: until the fault is lifted."""

    @property
    def gradual(self) -> bool:
        """Whether traffic moves in steps."""
        return self.rolling or self.canary

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status not in TERMINAL


@dataclass(slots=True, kw_only=True)
class Stint:
    """A time in which a deployment took traffic of an environment; `end` None: still."""

    deployment_id: str
    start: float
    end: float | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Environment(Entity):
    """One environment of a model."""

    id: str
    name: str
    model_id: str
    created_at: float
    autoscaling: Autoscaling
    promotion_settings: PromotionSettings
    instance_type_id: str
    backpressure: str | None = None
    current_id: str | None = None
    promotion: Promotion | None = None
    stints: list[Stint] = field(default_factory=list)
    """Which deployment took its traffic when."""
    schedules: Schedules | None = None
    schedules_due_at: float | None = None
    """When the next change by a schedule is planned for."""
    applied_schedule_id: str | None = None
    shadows: tuple[ShadowRule, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Model(Entity):
    """A model with its deployments and environments, both in order of creation."""

    id: str
    name: str
    team_id: str
    created_at: float
    archive_download: bool = True
    deployments: Rows[str, Deployment] = field(default_factory=Rows)
    environments: Rows[str, Environment] = field(default_factory=Rows)
    pushes: int = 0
    last_body: tuple[str, bytes] | None = None
    """Route and body of the last request it answered: what synthetic traffic repeats."""

    @property
    def production(self) -> Environment:
        """The environment that every model has."""
        return self.environments["production"]

    @property
    def development(self) -> Deployment | None:
        """The mutable slot, if it was ever pushed to."""
        return next((each for each in self.deployments.values() if each.is_development), None)
