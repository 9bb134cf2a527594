"""The document of ``gitops compile`` as the shapes that its schema tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from gitops.render.documents import Keeping


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredArtifact:
    """What is to be pushed: ``files`` is how many, ``digest`` the identity of all of them."""

    digest: str
    commit: str
    truss: str
    rebuild: str | None
    deployment_name: str
    files: int
    secrets: list[str]
    mutable_inputs: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRequirement:
    """An environment that must have succeeded, and served for so many seconds."""

    environment: str
    seconds: Annotated[float, Field(serialization_alias="for")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredSettings:
    """Settings in Baseten's names and units; only those that the release file manages."""

    autoscaling: Mapping[str, Any]
    promotion: Mapping[str, Any]
    backpressure: Mapping[str, Any] | None
    schedules: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredExpect:
    """What a check expects of answers; latencies in seconds. What is not asked for is left out."""

    status: list[int]
    error_rate: float | None
    latency: Mapping[str, float]
    equals: Any
    schema: Any
    contains: str
    matches: str
    close_to: Mapping[str, Any]
    at: str
    than_current: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredProbe:
    """One request of a check."""

    body: Any
    expect: DesiredExpect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredCheck:
    """One check; ``timeout`` in seconds."""

    check: str
    path: str
    headers: Mapping[str, str]
    stream: bool
    runs: int
    concurrency: int
    warmup: int
    timeout: float
    max_requests: int
    expect: DesiredExpect
    requests: list[DesiredProbe]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredWatch:
    """How a release is watched; times and latencies in seconds."""

    seconds: Annotated[float, Field(serialization_alias="for")]
    error_rate: float | None
    latency: Mapping[str, float]
    min_requests: int
    unhealthy_for: float
    keep_previous: bool
    on_inconclusive: Literal["pass", "fail"]
    on_failure: Literal["rollback", "alert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredPlace:
    """One environment. ``provenance``: which file and line gave each value, with ``--explain``."""

    environment: str
    mode: str
    artifact: DesiredArtifact | None
    deployment: str | None
    follows_head: bool
    requires: list[DesiredRequirement]
    settings: DesiredSettings
    instance_type: str | None
    checks: list[DesiredCheck]
    watch: DesiredWatch | None
    protected: bool
    allow: list[str]
    unsupported: list[str]
    provenance: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredTimeouts:
    """How long each part of a release may take, in seconds."""

    build: float
    start: float
    promotion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredRelease:
    """One model."""

    model: str
    team: str | None
    release_file: str
    truss: str | None
    mode: str
    timeouts: DesiredTimeouts
    retention: Keeping | None
    environments: list[DesiredPlace]


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredLimits:
    """Limits over the whole fleet; ``max_changed`` is a share 0-1."""

    max_changed: float
    max_rollbacks: int
    max_increase_usd_per_month: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredLog:
    """``tags``: releases are tagged in Git."""

    tags: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredReport:
    """What ``gitops compile`` prints: desired state, the same bytes in every clone."""

    format_version: str
    commit: str
    dirty: bool
    branch: str | None
    remote: str | None
    deploy_log: DesiredLog
    limits: DesiredLimits
    models: list[DesiredRelease]
    warnings: list[str]


OPTIONAL: Final[Mapping[str, frozenset[str]]] = {
    "DesiredExpect": frozenset(
        {"equals", "schema", "contains", "matches", "close_to", "at", "than_current"}
    ),
    "DesiredPlace": frozenset({"provenance"}),
}
"""Fields that a document may lack, by their shape."""
