"""Decisions become a plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gitops._version import __version__
from gitops.decide import Decision, in_order
from gitops.decide.steps import Wait
from gitops.plan.assemble import actions
from gitops.plan.binding import binding, bound
from gitops.plan.cost import estimate
from gitops.plan.model import (
    AuditFact,
    EnvironmentPlan,
    Inputs,
    ModelPlan,
    Plan,
)
from gitops.plan.rollback import kept_warm, way_back
from gitops.plan.safety import limit_notices
from gitops.plan.stated import changed, kept, reason, serving, wanted
from gitops.plan.summary import summarise
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel
from gitops.state.live import AuditEntry, Live, LiveModel
from gitops.wording import listed

_PAUSED: Final = 1
"""The row of what Git says to leave alone: it is not judged at all."""


def build_plan(
    desired: Desired,
    live: Live,
    decisions: Mapping[str, Mapping[str, Decision]],
    *,
    now: datetime,
    repository: str = "",
    managed: int | None = None,
    audit: Mapping[str, Sequence[AuditEntry]] | None = None,
    notices: Mapping[str, Sequence[str]] | None = None,
    gone: Sequence[str] = (),
    history_read: bool = True,
) -> Plan:
    """The plan of those models and environments that were decided about.

    ``decisions`` maps the string form of a ``ModelKey`` to decisions by environment name: a model
    or an environment without one is not part of the plan. ``managed`` counts the models that the
    commit manages, where ``desired`` holds only some of them. ``repository`` is an id that every
    clone shares. ``audit`` holds, by model, the entries that decisions could see, and ``notices``
    further sentences to be told, by model; ``gone`` those about models that Git names no more.
    ``history_read`` False: the deploy log could not be fetched, and what could be judged was judged
    by what this clone knows of it.
    """
    models = tuple(
        _model(
            model,
            live,
            decisions[str(model.key)],
            notices=(notices or {}).get(str(model.key), ()),
            history_read=history_read,
        )
        for model in desired.models
        if str(model.key) in decisions
    )
    plan = Plan(
        gitops_version=__version__,
        commit=desired.commit,
        dirty=desired.dirty,
        api_url=live.workspace.api_url,
        workspace=live.workspace.name,
        summary=summarise(models),
        models=models,
        repository=repository,
        managed=len(desired.models) if managed is None else managed,
        inputs=_inputs(desired, live, now=now, audit=audit or {}),
    )
    return replace(plan, notices=(*limit_notices(plan, desired.limits), *gone))


def _model(
    model: DesiredModel,
    live: Live,
    decisions: Mapping[str, Decision],
    *,
    notices: Sequence[str],
    history_read: bool,
) -> ModelPlan:
    there = live.models.get(str(model.key))
    ordered = tuple(each for each in in_order(model.environments) if each.name in decisions)
    acts = actions(model, ordered, decisions)
    warm = [
        told
        for each in ordered
        if (
            told := kept_warm(
                each,
                decisions[each.name],
                there.environment(each.name) if there else None,
                live.instance_types,
            )
        )
    ]
    environments = tuple(
        _environment(model, each, decisions[each.name], there, live, history_read=history_read)
        for each in ordered
    )
    unknown = _notices(ordered, decisions, history_read=history_read)
    return ModelPlan(
        model=model.key.name,
        team=model.key.team,
        model_id=there.id if there else None,
        release_file=model.release_file,
        binding=binding({each.environment: each.bound for each in environments}),
        environments=environments,
        actions=acts,
        notices=tuple(dict.fromkeys((*unknown, *warm, *notices))),
    )


def _environment(
    model: DesiredModel,
    environment: DesiredEnvironment,
    decision: Decision,
    there: LiveModel | None,
    live: Live,
    *,
    history_read: bool,
) -> EnvironmentPlan:
    look = there.environment(environment.name) if there else None
    mode = model.mode if model.mode != "reconcile" else environment.mode
    acts = mode == "reconcile" and any(not isinstance(step, Wait) for step in decision.steps)
    return EnvironmentPlan(
        environment=environment.name,
        state=decision.state.value,
        serving=serving(decision),
        desired=wanted(environment, decision.built_from),
        reason=reason(decision),
        blocked=decision.blocked.why if decision.blocked else None,
        remedy=decision.blocked.remedy if decision.blocked else None,
        changes=changed(decision),
        kept=kept(decision),
        rollback=way_back(environment, decision, look) if acts else None,
        cost_usd_per_month=estimate(
            environment,
            live=look,
            target=decision.target,
            instance_types=live.instance_types,
            changes=acts,
            kept=decision.kept.changes if decision.kept else (),
        ),
        row=decision.row,
        mode=mode,
        target=decision.target.id if decision.target else None,
        history_known=history_read and decision.history_known,
        bound=bound(environment, decision, model_id=there.id if there else None, live=look),
    )


def _notices(
    environments: Sequence[DesiredEnvironment],
    decisions: Mapping[str, Decision],
    *,
    history_read: bool,
) -> list[str]:
    found = _folded([(each.name, decisions[each.name].notices) for each in environments])
    unknown = [each.name for each in environments if not decisions[each.name].history_known]
    if unknown:
        found.append(
            f"history unknown: the deploy log could not be read, so what it would say about "
            f"{', '.join(unknown)} is not judged"
        )
    judged = [name for each in environments if decisions[name := each.name].row != _PAUSED]
    by_clone = [name for name in judged if name not in unknown]
    if by_clone and not history_read:
        found.append(
            f"history unknown: the deploy log could not be read, so {listed(by_clone)}"
            f" {'is' if len(by_clone) == 1 else 'are'} judged by what this clone knows of it"
        )
    return found


def _folded(notices: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """Sentences that differ by their environment's name alone, as one that names them all."""
    alike: dict[str, list[str]] = {}
    for name, sentences in notices:
        own = re.compile(rf"(?<![\w./-]){re.escape(name)}(?![\w./-])")
        for sentence in sentences:
            names = alike.setdefault(own.sub("\0", sentence, count=1), [])
            if name not in names:
                names.append(name)
    return [form.replace("\0", listed(names)) for form, names in alike.items()]


def _inputs(
    desired: Desired,
    live: Live,
    *,
    now: datetime,
    audit: Mapping[str, Sequence[AuditEntry]],
) -> Inputs:
    prices = (
        None
        if live.instance_types is None
        else {
            each.name: each.usd_per_minute
            for each in sorted(live.instance_types.values(), key=lambda one: one.name)
            if each.usd_per_minute is not None
        }
    )
    return Inputs(
        now=now,
        read_at=live.read_at,
        prices=prices or None,
        secrets=_secrets(desired, live),
        audit={
            model: tuple(
                AuditFact(
                    id=each.id,
                    at=each.at,
                    event_type=each.event_type,
                    actor=each.actor,
                    environment=each.environment,
                    deployment_id=each.deployment_id,
                )
                for each in entries
            )
            for model, entries in sorted(audit.items())
            if entries
        },
    )


def _secrets(desired: Desired, live: Live) -> Mapping[str, Mapping[str, bool]] | None:
    """Only the names that trusses ask for: what else a workspace keeps stays its own business."""
    if live.secrets is None:
        return None
    default = next((team.name for team in live.teams if team.default), "")
    asked: dict[str, set[str]] = {}
    for model in desired.models:
        for environment in model.environments:
            if environment.artifact and environment.artifact.secrets:
                names = asked.setdefault(model.key.team or default, set())
                names.update(environment.artifact.secrets)
    return {
        team: {name: name in live.secrets.get(team, frozenset()) for name in sorted(names)}
        for team, names in sorted(asked.items())
    }
