"""A release file and gitops.yaml, whole: the language, version 1."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from gitops.release.checks import Check
from gitops.release.environment import Environment, Mode
from gitops.release.scalars import (
    ENVIRONMENT,
    Duration,
    Maybe,
    Name,
    PositiveDuration,
    RepositoryPath,
    Share,
)
from gitops.release.settings import Strict

EnvironmentName: TypeAlias = Annotated[str, StringConstraints(pattern=ENVIRONMENT, max_length=63)]


class Timeouts(Strict):
    """How long to wait before "still running" (exit 7), which is not a failure."""

    build: PositiveDuration = Field(
        default=3600.0,
        description="For a build. Default: 60m.",
        json_schema_extra={"default": "60m"},
    )
    start: PositiveDuration = Field(
        default=1800.0,
        description="For a deployment to become ready. Default: 30m.",
        json_schema_extra={"default": "30m"},
    )
    promotion: PositiveDuration = Field(
        default=3600.0,
        description="For a promotion to end. Default: 60m.",
        json_schema_extra={"default": "60m"},
    )


class Retention(Strict):
    """What `gitops prune` does with published deployments that no environment serves."""

    keep: Maybe[int] = Field(
        default=None, ge=0, description="How many of the newest stay.", examples=[5]
    )
    older_than: Maybe[Duration] = Field(
        default=None, description="Only those older than this go.", examples=["30d"]
    )
    action: Literal["deactivate", "delete"] = Field(
        default="deactivate",
        description=(
            "deactivate: stopped, can be activated again. delete: gone for good. Default: "
            "deactivate."
        ),
    )


class Release(Strict):
    """Which commit of which truss each environment of one model serves."""

    version: Literal[1] = Field(description="Version of this language: 1.")
    model: Name = Field(
        description=(
            "The model's name on Baseten. Two files may not name the same model in the same team."
        ),
        examples=["qwen-3-8b"],
    )
    team: Maybe[Name] = Field(
        default=None,
        description=(
            "The team that owns the model. Default: from gitops.yaml, else the API key's default "
            "team."
        ),
        examples=["ml-platform"],
    )
    truss: Maybe[RepositoryPath] = Field(
        default=None,
        description=(
            "The directory that holds config.yaml, from the repository's root. Required unless "
            "every environment names a `deployment`."
        ),
        examples=["trusses/qwen-3-8b"],
    )
    rebuild: Maybe[Name] = Field(
        default=None,
        description=(
            "Any new value makes new artifacts from the same files, for what Git cannot see: a "
            "base image behind a moving tag, weights that moved, a rotated secret."
        ),
        examples=["2026-11-20"],
    )
    mode: Mode = Field(
        default="reconcile",
        description=(
            "reconcile: keep Baseten equal to this file. observe: plan and report, never change. "
            "pause: make no request. Default: reconcile."
        ),
    )
    environments: dict[EnvironmentName, Environment] = Field(
        min_length=1, description="Environments by name. One that is not named is left alone."
    )
    checks: dict[Name, Check] = Field(
        default_factory=dict, description="Named checks that environments refer to."
    )
    timeouts: Timeouts = Field(
        default_factory=Timeouts, description="How long to wait before saying that it still runs."
    )
    retention: Maybe[Retention] = Field(
        default=None,
        description="What to do with deployments that no environment serves. Absent: nothing.",
    )


class Defaults(Strict):
    """What every release file starts from."""

    environments: dict[EnvironmentName, Environment] = Field(
        default_factory=dict,
        description=(
            "Merged under every release file's environment of that name; never creates one. Maps "
            "merge by key; lists and other values are replaced by the nearer one."
        ),
    )
    checks: dict[Name, Check] = Field(
        default_factory=dict,
        description=(
            "Named checks that every release file may use; a file's own check of the same name "
            "replaces it."
        ),
    )


class Limits(Strict):
    """How much one plan may change."""

    max_changed: Share = Field(
        default=0.5,
        description=(
            "Share of the managed models that one plan may change, judged above 5 models; more "
            "needs --allow-many. Default: 0.5."
        ),
    )
    max_rollbacks: int = Field(
        default=3,
        ge=1,
        description=(
            "After so many rollbacks in one apply no further promotion is started. Default: 3."
        ),
    )
    max_increase_usd_per_month: Maybe[float] = Field(
        default=None,
        ge=0,
        description=(
            "A plan whose estimated ceiling rises by more US dollars a month needs --allow-cost."
        ),
        examples=[500],
    )


class DeployLog(Strict):
    """The deploy log."""

    tags: bool = Field(
        default=False,
        description=(
            "Also set a tag released/MODEL/ENV/N (released/TEAM/MODEL/ENV/N where a team is set) "
            "on the applied commit of every successful release of a protected environment. "
            "Default: false."
        ),
    )


class Config(Strict):
    """gitops.yaml at the repository's root: optional, and so is every key but `version`."""

    version: Literal[1] = Field(description="Version of this language: 1.")
    releases: RepositoryPath = Field(
        default="releases", description="The folder of release files. Default: releases."
    )
    team: Maybe[Name] = Field(default=None, description="The team of models whose file names none.")
    branch: Maybe[Name] = Field(
        default=None,
        description=(
            "The deploy branch: an apply of a commit older than the last one applied from it is "
            "superseded. Default: the remote's default branch."
        ),
        examples=["main"],
    )
    remote: Name = Field(
        default="origin",
        description="The Git remote of the deploy log and the locks. Default: origin.",
    )
    pins: Literal["ancestors", "any"] = Field(
        default="ancestors",
        description=(
            "ancestors: a pinned commit has to be an ancestor of the applied one, so that nothing "
            "unreviewed ships. any: it only has to be in the repository. Default: ancestors."
        ),
    )
    defaults: Defaults = Field(
        default_factory=Defaults, description="What every release file starts from."
    )
    limits: Limits = Field(default_factory=Limits, description="How much one plan may change.")
    deploy_log: DeployLog = Field(default_factory=DeployLog, description="The deploy log.")
