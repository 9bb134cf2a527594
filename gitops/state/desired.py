"""Desired state: what a commit says every environment should serve. A value; made by compile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from gitops.state.artifact import Artifact
from gitops.state.json import Json, JsonObject
from gitops.state.names import ModelKey
from gitops.state.settings import Settings

Mode: TypeAlias = Literal["reconcile", "observe", "pause"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """``requires``: an environment that must have succeeded, and served for ``seconds``."""

    environment: str
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What a check expects of answers. None: not asked for. Latencies are bounds in seconds.

    ``schema`` is the JSON Schema itself (files already read at the applied commit).
    ``equals_given`` tells ``equals: null`` from no ``equals``.
    """

    status: tuple[int, ...] = (200,)
    schema: Json = None
    equals: Json = None
    equals_given: bool = False
    contains: str | None = None
    matches: str | None = None
    close_to: JsonObject | None = None
    at: str | None = None
    latency: Mapping[str, float] = field(default_factory=dict)
    error_rate: float = 0.0
    than_current: JsonObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One body to send; ``expect`` where the line of a request file brings its own.

    ``line`` is that line's number, 0 where the check itself holds the body.
    """

    body: Json
    expect: Expect | None = None
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A named check, compiled: request files are read, durations are seconds, overrides merged."""

    name: str
    probes: tuple[Probe, ...]
    path: str = "/predict"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: bool = False
    runs: int = 1
    concurrency: int = 1
    warmup: int = 0
    timeout: float = 60.0
    max_requests: int = 200
    expect: Expect = field(default_factory=Expect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How a release is judged after its promotion; times in seconds, ``error_rate`` a share 0-1."""

    seconds: float = 600.0
    error_rate: float | None = None
    latency: Mapping[str, float] = field(default_factory=dict)
    min_requests: int = 50
    unhealthy_for: float = 60.0
    keep_previous: bool = False
    on_inconclusive: Literal["pass", "fail"] = "pass"
    on_failure: Literal["rollback", "alert"] = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long to wait before saying "still running" (exit 7), in seconds."""

    build: float = 3600.0
    start: float = 1800.0
    promotion: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What to do with deployments that no environment serves; ``older_than`` in seconds."""

    keep: int | None = None
    older_than: float | None = None
    action: Literal["deactivate", "delete"] = "deactivate"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredEnvironment:
    """One environment of a release file, defaults merged, pin resolved.

    Exactly one of ``artifact`` and ``deployment`` (a name or id somebody else pushed) is set.
    ``follows_head`` is true for ``commit: HEAD``. ``watch`` None: watched until its promotion has
    ended and it is ready. ``provenance`` maps a dotted key to the file:line:column that gave it.
    ``unsupported`` names valid keys that this version cannot carry out; they block, see details.
    """

    name: str
    mode: Mode = "reconcile"
    artifact: Artifact | None = None
    deployment: str | None = None
    follows_head: bool = False
    requires: tuple[Requirement, ...] = ()
    settings: Settings = field(default_factory=Settings)
    instance_type: str | None = None
    checks: tuple[Check, ...] = ()
    watch: Watch | None = None
    protected: bool = False
    allow: frozenset[str] = frozenset()
    unsupported: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredModel:
    """One release file. ``environments`` keep the file's order."""

    key: ModelKey
    release_file: str
    truss: str | None = None
    mode: Mode = "reconcile"
    environments: tuple[DesiredEnvironment, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    retention: Retention | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing of it may even be looked at: no request is made for it."""
        return self.mode == "pause" or all(each.mode == "pause" for each in self.environments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits over the whole fleet; ``max_changed`` is a share 0-1, judged above five models."""

    max_changed: float = 0.5
    max_rollbacks: int = 3
    max_increase_usd_per_month: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What one commit (or, when ``dirty``, the working tree on top of it) says about the fleet.

    ``remote`` and ``branch`` say where the deploy log lives and which branch deploys (None: the
    remote's default), ``pins`` which commits may be pinned. ``warnings`` are problems of severity
    ``warning`` as text.
    """

    commit: str
    dirty: bool = False
    models: tuple[DesiredModel, ...] = ()
    limits: Limits = field(default_factory=Limits)
    remote: str = "origin"
    branch: str | None = None
    log_tags: bool = False
    pins: str = "ancestors"
    warnings: tuple[str, ...] = ()
