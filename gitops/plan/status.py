"""How every environment is, as values: what Git wants, what serves, and what stands between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from gitops.decide import Decision, in_order
from gitops.plan.canonical import plain
from gitops.plan.model import ChangedField, Serving, State, Wanted
from gitops.plan.stated import changed, kept, reason, serving, wanted
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel
from gitops.state.health import health_of
from gitops.state.json import Json
from gitops.state.live import Live, LiveEnvironment, LiveModel

FORMAT_VERSION: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Underway:
    """A promotion in progress. ``percent`` is the candidate's share of traffic, 0-100."""

    status: str
    percent: int
    candidate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """One environment.

    ``target`` is the id of an existing deployment of what is wanted, ``target_status`` its status
    as Baseten names it. ``health``, that of what serves, is ready, transition, unhealthy,
    inactive, failed or stopped. ``replicas`` are those that run now, ``least`` and ``most`` the
    bounds in force; None where nothing serves or Baseten does not say. ``kept`` are fields that
    differ and stay as Baseten has them until somebody consents; ``remedy`` says how, too.
    ``held`` is set where Git's wish is held back here.
    """

    model: str
    environment: str
    state: State
    mode: str
    desired: Wanted
    target: str | None
    target_status: str | None
    serving: Serving | None
    health: str | None
    replicas: int | None
    least: int | None
    most: int | None
    promotion: Underway | None
    changes: tuple[ChangedField, ...]
    kept: tuple[ChangedField, ...]
    held: bool
    blocked: str | None
    remedy: str | None
    reason: str

    @property
    def drift(self) -> tuple[ChangedField, ...]:
        """The fields that were changed outside of Git."""
        return tuple(each for each in (*self.changes, *self.kept) if each.origin == "drift")

    @property
    def converged(self) -> bool:
        """Whether what Git wants serves, as Git wants it."""
        return self.state == "converged" and not self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at a fleet, in the order of the release files."""

    format_version: str = FORMAT_VERSION
    commit: str
    dirty: bool
    api_url: str
    workspace: str | None
    now: datetime
    environments: tuple[EnvironmentStatus, ...] = ()


def build_status(
    desired: Desired,
    live: Live,
    decisions: Mapping[str, Mapping[str, Decision]],
    *,
    now: datetime,
) -> Status:
    """The status of those models and environments that were decided about; see ``build_plan``."""
    return Status(
        commit=desired.commit,
        dirty=desired.dirty,
        api_url=live.workspace.api_url,
        workspace=live.workspace.name,
        now=now,
        environments=tuple(
            _environment(model, each, decisions[str(model.key)][each.name], _there(live, model))
            for model in desired.models
            if str(model.key) in decisions
            for each in in_order(model.environments)
            if each.name in decisions[str(model.key)]
        ),
    )


def to_json(status: Status) -> dict[str, Json]:
    """The document of ``gitops status --format json``."""
    return {each.name: plain(getattr(status, each.name)) for each in fields(status)}


def _there(live: Live, model: DesiredModel) -> LiveModel | None:
    return live.models.get(str(model.key))


def _environment(
    model: DesiredModel,
    environment: DesiredEnvironment,
    decision: Decision,
    there: LiveModel | None,
) -> EnvironmentStatus:
    look = there.environment(environment.name) if there else None
    current = look.current if look else None
    status = decision.serving_status
    needed = decision.blocked or decision.kept
    return EnvironmentStatus(
        model=str(model.key),
        environment=environment.name,
        state=decision.state.value,
        mode=model.mode if model.mode != "reconcile" else environment.mode,
        desired=wanted(environment, decision.built_from),
        target=decision.target.id if decision.target else None,
        target_status=decision.target.status if decision.target else None,
        serving=serving(decision),
        health=health_of(status).value if decision.serving is not None and status else None,
        replicas=current.active_replicas if current else None,
        least=_bound(look, "min_replica"),
        most=_bound(look, "max_replica"),
        promotion=_underway(look),
        changes=changed(decision),
        kept=kept(decision),
        held=decision.state.value == "held",
        blocked=decision.blocked.why if decision.blocked else None,
        remedy=needed.remedy if needed is not None else None,
        reason=reason(decision),
    )


def _bound(look: LiveEnvironment | None, name: str) -> int | None:
    value = look.settings.autoscaling.get(name) if look else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _underway(look: LiveEnvironment | None) -> Underway | None:
    if look is None or look.promotion is None or look.candidate is None:
        return None
    return Underway(
        status=look.promotion.status,
        percent=look.promotion.percent,
        candidate=look.candidate.id,
    )
