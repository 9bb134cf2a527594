"""One environment of a release file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag

from gitops.release.checks import (
    TAG_LIST,
    TAG_MAP,
    TAG_NAME,
    CheckUse,
    Latency,
    item_kind,
    kind,
)
from gitops.release.scalars import Duration, Maybe, Name, Share
from gitops.release.settings import Autoscaling, Backpressure, Promotion, Schedule, Strict

Mode: TypeAlias = Literal["reconcile", "observe", "pause"]


class Requirement(Strict):
    """An environment that has to have succeeded with the same artifact first."""

    environment: Name = Field(description="Name of the other environment.", examples=["staging"])
    for_: Duration = Field(
        default=0.0,
        alias="for",
        description="How long it has to have served there. Default: 0s.",
        examples=["30m"],
        json_schema_extra={"default": "0s"},
    )


RequirementItem: TypeAlias = Annotated[
    Annotated[Name, Tag(TAG_NAME)] | Annotated[Requirement, Tag(TAG_MAP)],
    Discriminator(item_kind),
]
Requires: TypeAlias = Annotated[
    Annotated[Name, Tag(TAG_NAME)]
    | Annotated[list[RequirementItem], Field(min_length=1), Tag(TAG_LIST)]
    | Annotated[Requirement, Tag(TAG_MAP)],
    Discriminator(kind),
]


class Watch(Strict):
    """How a release is judged after its promotion."""

    for_: Duration = Field(
        default=600.0,
        alias="for",
        description=(
            "How long the data is judged, from the promotion's end; 0s: no watch. Default: 10m."
        ),
        examples=["10m"],
        json_schema_extra={"default": "10m"},
    )
    error_rate: Maybe[Share] = Field(
        default=None, description="Share of requests that may fail, 0-1.", examples=[0.02]
    )
    latency: Maybe[Latency] = Field(
        default=None, description="Bounds on how long answers take, e.g. `{p95: 2s}`."
    )
    min_requests: int = Field(
        default=50, ge=0, description="With fewer requests the watch is inconclusive. Default: 50."
    )
    unhealthy_for: Duration = Field(
        default=60.0,
        description="UNHEALTHY for so long fails; FAILED fails at once. Default: 60s.",
        json_schema_extra={"default": "60s"},
    )
    keep_previous: bool = Field(
        default=False,
        description=(
            "The previous deployment keeps its replicas until the watch has passed. Default: false."
        ),
    )
    on_inconclusive: Literal["pass", "fail"] = Field(
        default="pass", description="What an inconclusive watch counts as. Default: pass."
    )
    on_failure: Literal["rollback", "alert"] = Field(
        default="rollback",
        description="What a failed watch does: roll back, or only say so. Default: rollback.",
    )


class Environment(Strict):
    """What one environment serves, with which settings, after which checks."""

    commit: Maybe[Name] = Field(
        default=None,
        description=(
            "HEAD: the truss of the commit that is applied. A full commit id (40 or 64 hex digits) "
            "pins; it has to be an ancestor of the applied commit. Abbreviations, branches and "
            "tags are refused. Either this or `deployment`."
        ),
        examples=["HEAD", "4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4"],
        json_schema_extra={
            "anyOf": [
                {"const": "HEAD"},
                {"type": "string", "pattern": "^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})$"},
                {"type": "number", "description": "An id of digits only, read as it is written."},
            ],
            "type": ["string", "number"],
        },
    )
    deployment: Maybe[Name] = Field(
        default=None,
        description=(
            "Name or id of a deployment that somebody else pushes; it is promoted, never built. "
            "Instead of `commit`."
        ),
        examples=["abc1234"],
    )
    mode: Maybe[Mode] = Field(
        default=None,
        description=(
            "reconcile: keep it equal to this file. observe: plan and report, never change. pause: "
            "make no request. Default: the file's mode."
        ),
        json_schema_extra={"default": "reconcile"},
    )
    requires: Maybe[Requires] = Field(
        default=None,
        description=(
            "Environments in which the artifact has to have succeeded first: a name, a list, or "
            "`{environment, for}`. A rollback does not queue."
        ),
        examples=["staging", {"environment": "staging", "for": "30m"}],
    )
    autoscaling: Autoscaling = Field(
        default_factory=Autoscaling,
        description="Baseten's autoscaling settings; only those written are managed.",
    )
    promotion: Promotion = Field(
        default_factory=Promotion,
        description="Baseten's promotion settings; only those written are managed.",
    )
    instance_type: Maybe[Name] = Field(
        default=None,
        description=(
            "Whose hardware a promotion uses: `environment`, `truss`, or the id of an instance "
            "type. Needed only where the environment's and the truss's differ."
        ),
        examples=["environment", "truss"],
    )
    backpressure: Maybe[Backpressure] = Field(
        default=None, description="What happens to requests when every replica is full."
    )
    schedules: Maybe[dict[Name, Schedule]] = Field(
        default=None,
        description=(
            "Autoscaling schedules by name. Once this is written, the whole set is managed."
        ),
    )
    checks: list[CheckUse] = Field(
        default_factory=list,
        description=(
            "Checks that a candidate passes before it is promoted: names, or one name with changed "
            "expectations: `[smoke, {latency: {expect: {latency: {p95: 3s}}}}]`."
        ),
        examples=[["smoke"]],
    )
    watch: Maybe[Watch] = Field(
        default=None,
        description=(
            "How a release is judged after its promotion. Absent: a protected environment is "
            "watched by the defaults, another until its promotion has ended and it is ready."
        ),
    )
    protected: Maybe[bool] = Field(
        default=None,
        description=(
            "Whether changes that take capacity away need `allow`. Default: true for production, "
            "else false."
        ),
    )
    allow: list[Literal["scale_to_zero", "fewer_replicas", "instance_type"]] = Field(
        default_factory=list,
        description=(
            "Consent to changes that take capacity away, until this environment's next release."
        ),
    )
