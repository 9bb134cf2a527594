"""The things that exist in an emulated workspace. All times are epoch seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gitops.emulator.world.samples import Samples
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
class Team:
    """A team; the default one cannot be deleted."""

    id: str
    name: str
    default: bool
    created_at: float


@dataclass(slots=True, kw_only=True)
class Secret:
    """A secret; the value never leaves except into a truss."""

    id: str
    name: str
    value: str
    team_id: str
    created_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What was pushed: the config that came with the request and the uploaded archive."""

    config: Mapping[str, Any]
    raw_config: str | None = None
    archive: Path | None = None
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
class Deployment:
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
    in_flight: int = 0
    last_activity: float = 0.0
    idle_check_planned: bool = False
    growing: bool = False
    copied_from: str | None = None
    logs: deque[LogLine] = field(default_factory=lambda: deque(maxlen=5000))
    samples: Samples = field(default_factory=Samples)


@dataclass(slots=True, kw_only=True)
class EnvironmentUpdate:
    """Settings that travel with a promotion and are saved when it completes."""

    autoscaling: Mapping[str, Any] | None = None
    promotion: Mapping[str, Any] | None = None
    backpressure: Mapping[str, Any] | None = None
    """`{"policy": …}` when the block was sent; a null policy clears it."""


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
    status: PromotionStatus = "RELEASING"
    percent: int = 0
    error_message: str | None = None
    generation: int = 0
    carried: int = 0
    """Rounding left over from sharing requests by percent."""

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
class Environment:
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


@dataclass(slots=True, kw_only=True, eq=False)
class Model:
    """A model with its deployments and environments, both in order of creation."""

    id: str
    name: str
    team_id: str
    created_at: float
    archive_download: bool = True
    deployments: dict[str, Deployment] = field(default_factory=dict)
    environments: dict[str, Environment] = field(default_factory=dict)
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
