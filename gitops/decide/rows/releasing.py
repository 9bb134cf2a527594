"""Rows 20 and 21: what Git wants does not serve yet, and nothing stands in its way."""

from __future__ import annotations

from dataclasses import replace

from gitops.decide import audit as audit_log
from gitops.decide.answers import CANDIDATE_FAILED, blocked, decision
from gitops.decide.decision import Blocked, Decision, State
from gitops.decide.hardware import (
    hardware_asked_for,
    hardware_moves,
    other_hardware,
    other_hardware_than,
    unknown_hardware,
    unknown_to_truss,
)
from gitops.decide.notices import back_again, unmanaged
from gitops.decide.safety import Permission, consents_to_remove, missing_secrets, permitted
from gitops.decide.sides import side_of
from gitops.decide.steps import (
    Activate,
    Check,
    CreateEnvironment,
    Promote,
    Push,
    Ready,
    Record,
    Retry,
    Step,
    Watch,
)
from gitops.decide.target import existing
from gitops.decide.view import View
from gitops.record.entry import Event, Side
from gitops.state.artifact import Artifact
from gitops.state.health import Health
from gitops.state.live import Deployment
from gitops.state.recognise import Recognised, own_name
from gitops.state.settings import Change
from gitops.verify.verdict import Outcome


def deployment_exists(view: View) -> Decision | None:
    """Row 20: a deployment of it is there: ready, checked, promoted, watched, recorded."""
    conflict = _name_conflict(view)
    if conflict is not None:
        remedy = "rename or delete that deployment, or write another `rebuild` value"
        return blocked(view, conflict, remedy)
    namesakes = _namesakes(view)
    if len(namesakes) > 1:
        why = f"deployments {', '.join(namesakes)} are all called {view.wanted.reference}"
        return blocked(view, why, "name the one that is meant by its id", changes=view.changes)
    target = existing(view)
    if target is None:
        return None
    found = replace(_promote_existing(view, target), target=target.deployment)
    return replace(found, built_from=target.commit or found.built_from)


def _promote_existing(view: View, target: Recognised) -> Decision:
    deployment, health = target.deployment, target.health
    reason = view.evidence.failed_to_start.get(deployment.id)
    if health is Health.FAILED and deployment.id in view.evidence.retried:
        reason = reason or f"{target.called} is {deployment.status} after a retry"
    if reason is not None:
        return decision(
            view, State.PROMOTE, reason, changes=view.changes, exit_code=CANDIDATE_FAILED
        )
    allowed = _permitted(view, deployment)
    stop = unknown_hardware(view) or allowed.blocked
    stop = stop or other_hardware(view, deployment) or _stopped_elsewhere(view, target)
    if stop is not None:
        return blocked(view, stop.why, stop.remedy, changes=view.changes)
    steps: list[Step] = list(_creation(view))
    if health is Health.FAILED:
        steps.append(Retry(environment=view.name, deployment_id=deployment.id))
    elif health is Health.INACTIVE:
        steps.append(Activate(environment=view.name, deployment_id=deployment.id))
    if health is not Health.READY:
        steps.append(Ready(deployment_id=deployment.id))
    verdict = view.evidence.checks.get(deployment.id)
    if verdict is not None and verdict.outcome is not Outcome.PASS:
        return _not_passed(view, target, verdict.outcome, verdict.reason)
    if verdict is None:
        steps += _checks(view, deployment.id)
    return decision(
        view,
        State.PROMOTE,
        _reason(view, target.commit),
        steps=(*steps, *_promotion(view, deployment.id, side_of(target), allowed.changes)),
        changes=allowed.changes,
        kept=allowed.kept,
        notices=(*back_again(view, deployment, health), *_notices(view, deployment)),
    )


def _name_conflict(view: View) -> str | None:
    digest = view.wanted.digest
    if digest is None:
        return None
    for each in view.recognised:
        digits = own_name(each.deployment.name)
        if each.conflict is not None and digits is not None and digest.startswith(digits):
            return each.conflict
    return None


def _namesakes(view: View) -> tuple[str, ...]:
    """The ids of the deployments that have the very name Git gives; empty where it gives an id."""
    found = {each.deployment.id: each.deployment.name for each in view.recognised}
    if view.wanted.reference is None or view.wanted.reference in found:
        return ()
    return tuple(sorted(id_ for id_, name in found.items() if name == view.wanted.reference))


def _stopped_elsewhere(view: View, target: Recognised) -> Blocked | None:
    """Whether a person stopped it in another environment: to start it here starts it there too."""
    deployment, there = target.deployment, target.deployment.environment
    if target.health is not Health.INACTIVE or there is None or there.lower() == view.name.lower():
        return None
    entry = audit_log.stopped_by_another(view.audit or (), deployment)
    if entry is None:
        return None
    return Blocked(
        why=f"{entry.actor} deactivated {target.called} in {there} "
        f"at {entry.at:%Y-%m-%d %H:%M} UTC, and {view.name} needs it",
        remedy=f"activate it in Baseten, or write another `rebuild` value for {view.name}",
    )


def _not_passed(view: View, target: Recognised, outcome: Outcome, reason: str) -> Decision:
    rejected = Record(
        environment=view.name,
        event=Event.REJECTED,
        from_=view.serving_side,
        to=side_of(target),
        reason=reason,
    )
    definite = outcome is Outcome.FAIL and view.log_known
    return decision(
        view,
        State.PROMOTE,
        reason,
        steps=(rejected,) if definite else (),
        changes=view.changes,
        exit_code=CANDIDATE_FAILED,
    )


def none_exists(view: View) -> Decision | None:
    """Row 21: no deployment of it is there: pushed first, then as row 20."""
    artifact = view.environment.artifact
    if artifact is None:
        return blocked(
            view,
            _nothing_to_promote(view),
            "push it, or name one that is there",
            changes=view.changes,
        )
    allowed = _permitted(view, None)
    stop = missing_secrets(view) or unknown_hardware(view) or allowed.blocked
    stop = stop or other_hardware_than(view, artifact)
    if stop is not None:
        return blocked(view, stop.why, stop.remedy, changes=view.changes)
    push = Push(artifact=artifact, name=_free_name(view, artifact))
    create = _creation(view)
    # The environments of a model that is not there yet can only be made after its first push.
    first = (*create, push) if view.situation.live is not None else (push, *create)
    shared = next(
        (
            step.artifact
            for each in view.situation.decided.values()
            for step in each.steps
            if isinstance(step, Push) and step.artifact.digest == artifact.digest
        ),
        None,
    )
    built_from = (shared or artifact).commit
    found = decision(
        view,
        State.PROMOTE if shared else State.PUSH,
        _reason(view, built_from),
        steps=(
            *first,
            Ready(deployment_id=None),
            *_checks(view, None),
            *_promotion(view, None, None, allowed.changes),
        ),
        changes=allowed.changes,
        kept=allowed.kept,
        notices=(
            *back_again(view, None, None),
            *_push_notices(view, artifact),
            *_notices(view, None),
        ),
    )
    return replace(found, built_from=built_from)


def _nothing_to_promote(view: View) -> str:
    there = view.situation.live is not None
    model = "" if there else f"model {view.situation.model.key} is not on Baseten, so "
    return f"{model}there is no deployment {view.environment.deployment} that could be promoted"


def _free_name(view: View, artifact: Artifact) -> str:
    taken = {each.name for each in view.deployments}
    name, number = artifact.deployment_name, 1
    while name in taken:
        number += 1
        name = f"{artifact.deployment_name}-{number}"
    return name


def _push_notices(view: View, artifact: Artifact) -> tuple[str, ...]:
    found = [
        f"the files cannot pin this: {each[:1].lower()}{each[1:].rstrip('.')}"
        for each in artifact.mutable_inputs
    ]
    found += unknown_to_truss(view, artifact)
    if view.situation.live is None:
        found.append(
            "the first deployment of a new model may become production by itself: it is read back "
            "and checked at once, and not watched where it serves by then"
        )
    return tuple(found)


# What both rows share


def _permitted(view: View, target: Deployment | None) -> Permission:
    """What may be made of the settings: those that would stop a way back wait for it."""
    return permitted(view, hardware_asked_for(view, target), way_back=view.succeeded_here)


def _creation(view: View) -> tuple[Step, ...]:
    # Every model has a production environment from the start, and nobody can create one.
    if view.live is not None or view.name.lower() == "production":
        return ()
    return (CreateEnvironment(environment=view.name),)


def _checks(view: View, deployment_id: str | None) -> tuple[Step, ...]:
    names = tuple(check.name for check in view.environment.checks)
    if not names or (view.succeeded_here and not view.options.recheck):
        return ()
    return (Check(environment=view.name, deployment_id=deployment_id, names=names),)


def _promotion(
    view: View, deployment_id: str | None, to: Side | None, changes: tuple[Change, ...]
) -> tuple[Step, ...]:
    nothing_serves = view.current is None
    promote = Promote(
        environment=view.name,
        deployment_id=deployment_id,
        from_=view.serving_side,
        # An environment that is created on the way gets its settings when it is created.
        changes=() if _creation(view) else changes,
        instance_type=view.environment.instance_type or ("truss" if nothing_serves else None),
    )
    watch = view.environment.watch
    unwatched = view.options.no_watch or (watch is not None and watch.seconds <= 0)
    record = Record(environment=view.name, event=Event.RELEASED, from_=view.serving_side, to=to)
    return (
        promote,
        *(() if unwatched else (Watch(environment=view.name, deployment_id=deployment_id),)),
        *((record,) if view.log_known else ()),
    )


def _reason(view: View, built_from: str | None) -> str:
    current, named = view.current, view.environment.deployment
    commit = built_from or view.built_from
    what = f"commit {commit[:12]}" if commit is not None else f"deployment {named}"
    if current is None:
        return f"nothing serves {view.name}; Git asks for {what}"
    now = f"commit {current.commit[:12]}" if current.commit else current.called
    return f"{now} serves {view.name}; Git asks for {what}"


def _notices(view: View, target: Deployment | None) -> tuple[str, ...]:
    found: list[str] = [*hardware_moves(view, hardware_asked_for(view, target))]
    if view.current is None:
        found.append(
            f"there is no way back from the first release to {view.name}: nothing serves there yet"
        )
    return (*found, *unmanaged(view), *consents_to_remove(view, view.changes))
