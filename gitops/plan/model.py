"""The plan as a value: what a person reviews, what is saved, and what apply is held to.

Field names and shapes are those of the plan document (``--format json``, ``--out``), so that one
definition gives the values, the JSON, its schema and the reading back. Fields may be added; none
changes its meaning within a format version. No secret's value and no absolute path is ever in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from gitops.plan.actions import ActionKind
from gitops.state.commit import CommitInfo, Direction

FORMAT_VERSION: Final = "1"

State: TypeAlias = Literal[
    "converged",
    "settings",
    "push",
    "promote",
    "follow",
    "watch",
    "verify",
    "activate",
    "retry",
    "cancel",
    "wait",
    "held",
    "superseded",
    "blocked",
    "paused",
]
"""The one word for an environment, as ``gitops.decide`` gives it."""

Rollback: TypeAlias = Literal["seconds", "cold start", "activation", "none"]
"""How long the way back takes: ``none`` where there is nothing to go back to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What serves an environment now. Digest and commit None where we did not push it."""

    deployment_id: str
    deployment_name: str | None = None
    digest: str | None = None
    commit: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What Git asks for: an artifact by its digest and commit, or a deployment by name or id.

    ``follows``: the release file says ``commit: HEAD``. ``built_from`` is the commit that the
    deployment of these files is, or will be, labelled with, which need not be the pinned one.
    """

    digest: str | None = None
    commit: str | None = None
    deployment: str | None = None
    follows: bool = False
    built_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedField:
    """One field that differs: Baseten has ``before``, Git says ``after``; JSON values.

    ``origin`` is ``drift`` where Baseten was changed outside of Git: ``by`` whom and ``at`` when,
    where the audit log says so.
    """

    path: str
    before: Any
    after: Any
    origin: Literal["release", "drift"] = "release"
    by: str | None = None
    at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An estimate of US dollars a month, each as floor and ceiling; None where it is not known."""

    before: tuple[float, float] | None = None
    after: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ships:
    """The source commits between what serves and what Git asks for that touch the truss.

    Newest first, and ``more`` that are not listed; ``cancelled`` is how many others take each other
    back on the way. ``back``: they are taken out. Where nothing served before, the one commit that
    is asked for. ``unknown`` says why nothing can be said; then there is no ``direction`` and no
    commit.
    """

    direction: Direction | None = None
    commits: tuple[CommitInfo, ...] = ()
    more: int = 0
    cancelled: int = 0
    unknown: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """What happens to one environment, and why.

    ``row`` is the row of the decision table that won. ``blocked`` says why nothing can be done and
    ``remedy`` what to do about it. ``target`` is the id of an existing deployment of what is
    wanted. ``kept`` are fields that differ and stay as Baseten has them until somebody consents.
    ``rollback`` None: nothing changes that could be rolled back, or not known.
    ``ships`` None: no artifact moves; a plan is not bound to it. ``bound`` maps what it is bound to
    (``artifact``, ``settings``, ``checks``, ``baseten``, ``steps``) to digests, so that what
    differs later can be named.
    """

    environment: str
    state: State
    serving: Serving | None
    desired: Wanted
    reason: str
    blocked: str | None = None
    changes: tuple[ChangedField, ...] = ()
    kept: tuple[ChangedField, ...] = ()
    rollback: Rollback | None = None
    cost_usd_per_month: Cost | None = None
    row: int
    mode: Literal["reconcile", "observe", "pause"] = "reconcile"
    remedy: str | None = None
    target: str | None = None
    history_known: bool = True
    ships: Ships | None = None
    bound: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction:
    """One action. ``environment`` None: a push, shared by all environments that want its artifact.

    ``depends_on`` are the ids of the actions of the same model that have to succeed first.
    """

    id: str
    kind: ActionKind
    environment: str | None
    depends_on: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """One model. ``team`` None: the file names none; ``model_id`` None: not there, or not read.

    Environments and actions are in the order in which they are carried out.
    """

    model: str
    team: str | None
    model_id: str | None
    release_file: str
    binding: str
    environments: tuple[EnvironmentPlan, ...] = ()
    actions: tuple[PlannedAction, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The model as options, ids and events name it."""
        return f"{self.team}/{self.model}" if self.team else self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts: models first (one may be counted in several), then actions by kind, then fields."""

    models: int = 0
    changed: int = 0
    unchanged: int = 0
    blocked: int = 0
    held: int = 0
    push: int = 0
    promote: int = 0
    update_settings: int = 0
    create_environment: int = 0
    cancel_promotion: int = 0
    activate: int = 0
    retry: int = 0
    check: int = 0
    drift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFact:
    """An entry of Baseten's audit log that the decisions could see."""

    id: str
    at: datetime
    event_type: str
    actor: str
    environment: str | None = None
    deployment_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the plan was made from that changes with time, so that it can be explained later.

    ``prices`` map an instance type's name to US dollars a minute and ``secrets`` a team's name to
    the secrets that trusses ask for and whether the workspace has them (names, never values);
    both None where they could not be read. ``audit`` is by model.
    """

    now: datetime
    read_at: datetime
    prices: Mapping[str, float] | None = None
    secrets: Mapping[str, Mapping[str, bool]] | None = None
    audit: Mapping[str, tuple[AuditFact, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What apply would do at one commit, to one workspace, as seen at one moment.

    ``repository`` identifies the repository independently of where it is cloned; ``managed`` is
    how many models the commit manages, of which ``models`` are those that were asked about.
    """

    format_version: Literal["1"] = FORMAT_VERSION
    gitops_version: str
    commit: str
    dirty: bool
    api_url: str
    workspace: str | None
    summary: Summary
    models: tuple[ModelPlan, ...] = ()
    notices: tuple[str, ...] = ()
    repository: str = ""
    managed: int = 0
    inputs: Inputs
