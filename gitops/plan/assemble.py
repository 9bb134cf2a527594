"""The actions of one model: its environments' steps, put in order and tied to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from gitops.decide.decision import Decision
from gitops.decide.steps import (
    Activate,
    CancelPromotion,
    Check,
    CreateEnvironment,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    RestoreSettings,
    Retry,
    RollBack,
    Step,
    UpdateSettings,
    Wait,
    Watch,
)
from gitops.plan.actions import action_id, kind_of, short
from gitops.plan.model import PlannedAction
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.wording import duration, version


def actions(
    model: DesiredModel,
    environments: Sequence[DesiredEnvironment],
    decisions: Mapping[str, Decision],
) -> tuple[PlannedAction, ...]:
    """The model's actions; ``environments`` in the order in which they are taken.

    An environment's actions follow each other. A push is listed once, before the first that needs
    it, and waits for nobody; so is the one retry that a failed deployment gets, with the first
    environment that wants it. Promotions of one artifact are chained; what an environment comes
    after has to be over first.
    """
    found: dict[str, PlannedAction] = {}
    last: dict[str, str] = {}
    promoted: dict[str, str] = {}
    retried: dict[str, str] = {}
    for environment in environments:
        decision = decisions.get(environment.name)
        if decision is None or environment.mode != "reconcile" or model.mode != "reconcile":
            continue
        wanted = environment.artifact.digest if environment.artifact else environment.deployment
        needs = tuple(last[name] for name in decision.after if name in last)
        previous: str | None = None
        for step in decision.steps:
            kind, name = kind_of(step), _name(model, environment, step, retried)
            if kind is None or name is None:
                continue
            if name in found:
                previous = name
                continue
            depends = (previous,) if previous else ()
            if kind != "push":
                depends, needs = (*depends, *needs), ()
            if kind == "promote" and wanted in promoted:
                depends = (*depends, promoted[wanted])
            found[name] = PlannedAction(
                id=name,
                kind=kind,
                environment=None if kind == "push" else environment.name,
                depends_on=tuple(dict.fromkeys(depends)),
                reason=_reason(step, environment, model, decision),
            )
            previous = name
            if kind == "promote" and wanted:
                promoted[wanted] = name
        if previous:
            last[environment.name] = previous
    return tuple(found.values())


def _name(
    model: DesiredModel, environment: DesiredEnvironment, step: Step, retried: dict[str, str]
) -> str | None:
    name = action_id(model.key, environment.name, step)
    if isinstance(step, Retry) and name is not None:
        return retried.setdefault(step.deployment_id, name)
    return name


def _reason(  # noqa: C901, PLR0912 - one case a step
    step: Step, environment: DesiredEnvironment, model: DesiredModel, decision: Decision
) -> str:
    match step:
        case Push():
            truss = step.artifact.truss or model.truss
            return f"builds {truss} at {short(step.artifact.commit)}; no deployment holds it"
        case Ready():
            return "waits until it can serve"
        case Check():
            return f"runs {', '.join(step.names)}" if step.names else "runs its checks"
        case Activate():
            return f"starts deployment {step.deployment_id} again"
        case Retry():
            return f"tries deployment {step.deployment_id} again, once"
        case CreateEnvironment():
            return "the environment is not there yet"
        case UpdateSettings() | RestoreSettings():
            return "sets " + ", ".join(change.path for change in step.changes)
        case CancelPromotion():
            return f"nobody wants deployment {step.deployment_id} any more"
        case Promote():
            return _promotion(step, environment, decision.built_from)
        case Watch():
            return _watch(environment, decision)
        case Follow():
            return "follows the promotion that runs"
        case RollBack():
            return f"goes back to {version(step.to)}" if step.to else "has nothing to go back to"
        case Wait() | Record():
            return ""
        case _:
            assert_never(step)


def _promotion(step: Promote, environment: DesiredEnvironment, built_from: str | None) -> str:
    artifact = environment.artifact
    if artifact is not None:
        what = f"commit {short(built_from or artifact.commit)}"
    else:
        what = f"deployment {environment.deployment}"
    settings = " with its settings" if step.changes else ""
    if step.from_ is None:
        return f"{what}{settings}; nothing served before"
    return f"{what} in place of {version(step.from_)}{settings}"


def _watch(environment: DesiredEnvironment, decision: Decision) -> str:
    watch = environment.watch
    if watch is None:
        return "until its promotion has ended and it is ready"
    first = any(isinstance(each, Promote) and each.from_ is None for each in decision.steps)
    then = "needs a person" if first else "rolls back"
    if watch.on_failure != "rollback":
        then = "only alerts"
    return f"judges it under traffic for {duration(watch.seconds)}, and {then} if it is bad"
