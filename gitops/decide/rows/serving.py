"""Rows 14 to 18: what Git wants serves."""

from __future__ import annotations

from dataclasses import replace

from gitops.decide import audit as audit_log
from gitops.decide.answers import CANDIDATE_FAILED, PERSON_NEEDED, blocked, decision
from gitops.decide.decision import Decision, State
from gitops.decide.hardware import hardware_notices
from gitops.decide.judge import alerted
from gitops.decide.notices import unmanaged
from gitops.decide.safety import consents_to_remove, permitted, without_consent
from gitops.decide.steps import Activate, Check, Ready, Record, Retry, Step, UpdateSettings
from gitops.decide.view import View
from gitops.record.entry import Event
from gitops.state.health import Health
from gitops.state.recognise import Recognised
from gitops.verify.verdict import Outcome


def stopped(view: View) -> Decision | None:
    """Row 14: it is inactive: activated, unless a person stopped it."""
    current = view.current
    if not view.serves or current is None or current.health is not Health.INACTIVE:
        return None
    stop = _stopped_by_a_person(view, current)
    if stop is not None:
        return stop
    deployment = current.deployment
    reason = view.evidence.failed_to_start.get(deployment.id)
    if reason is not None:
        return decision(view, State.ACTIVATE, reason, exit_code=PERSON_NEEDED)
    return decision(
        view,
        State.ACTIVATE,
        f"{current.called} in {view.name} is INACTIVE",
        steps=(
            Activate(environment=view.name, deployment_id=deployment.id),
            Ready(deployment_id=deployment.id),
        ),
    )


def _stopped_by_a_person(view: View, current: Recognised) -> Decision | None:
    """A block where a person stopped it, or where nothing tells whether one did."""
    if view.audit is None:
        if view.is_ours(current):
            return None
        return blocked(
            view,
            f"{current.called} in {view.name} is INACTIVE, and without the audit "
            "log it cannot be told whether a person stopped it",
            "activate it in Baseten, or let a key that may read the audit log run this",
        )
    entry = audit_log.stopped_by_another(view.audit, current.deployment)
    if entry is None:
        return None
    return blocked(
        view,
        f"{entry.actor} deactivated {current.called} in {view.name} "
        f"at {entry.at:%Y-%m-%d %H:%M} UTC",
        "activate it in Baseten, or write `mode: pause` while it has to stay off",
    )


def failed(view: View) -> Decision | None:
    """Row 15: it has failed: retried once in an apply. A build that a person stopped stays so."""
    current = view.current
    if not view.serves or current is None:
        return None
    deployment = current.deployment
    what = f"{current.called}, which serves {view.name}, is {deployment.status}"
    if current.health is Health.STOPPED:
        return blocked(view, what, "start its build again in Baseten, or release another commit")
    if current.health is not Health.FAILED:
        return None
    tried = deployment.id in view.evidence.retried
    reason = view.evidence.failed_to_start.get(deployment.id)
    if tried or reason is not None:
        why = f"{what} after a retry" if reason is None else f"{what}: {reason}"
        return decision(view, State.RETRY, why, exit_code=PERSON_NEEDED)
    return decision(
        view,
        State.RETRY,
        what,
        steps=(
            Retry(environment=view.name, deployment_id=deployment.id),
            Ready(deployment_id=deployment.id),
        ),
    )


def unverified(view: View) -> Decision | None:
    """Row 16: it was never verified here: its checks are run, once as long as Git asks for it."""
    current = view.current
    if not view.serves or current is None or not view.log_known:
        return None
    if view.succeeded_here or not view.environment.checks:
        return None
    deployment = current.deployment
    verdict = view.evidence.checks.get(deployment.id)
    allowed = permitted(view)
    changes, kept = allowed.changes, allowed.kept
    if verdict is not None and verdict.outcome is Outcome.PASS:
        return decision(
            view,
            State.VERIFY,
            verdict.reason,
            steps=(_adopt(view),),
            changes=changes,
            kept=kept,
        )
    if verdict is None and (view.unverified is None or view.options.retry):
        names = tuple(check.name for check in view.environment.checks)
        check = Check(environment=view.name, deployment_id=deployment.id, names=names)
        return decision(
            view,
            State.VERIFY,
            f"{current.called} serves {view.name} and was never verified there",
            steps=(check, _adopt(view)),
            changes=changes,
            kept=kept,
        )
    key = view.situation.model.key
    why = verdict.reason if verdict is not None else "its checks did not pass when they were run"
    note = Record(environment=view.name, event=Event.UNVERIFIED, to=view.serving_side, reason=why)
    return decision(
        view,
        State.VERIFY,
        f"what serves {view.name} could not be verified: {why}; release another commit, "
        f"or `gitops apply {key} --retry {key}/{view.name}`",
        steps=(note,) if view.unverified is None else (),
        changes=changes,
        kept=kept,
        exit_code=CANDIDATE_FAILED,
    )


def settings_differ(view: View) -> Decision | None:
    """Row 17: only settings differ."""
    if not view.serves or not view.changes:
        return None
    notices = (*_notices(view), *consents_to_remove(view, view.changes))
    allowed = permitted(view)
    changes, against = allowed.changes, allowed.blocked
    if against is not None:
        answer = blocked(view, against.why, against.remedy, changes=changes)
        return replace(answer, steps=_adoption(view), notices=notices)
    if not changes:
        return None
    drift = sum(change.origin == "drift" for change in changes)
    fields = "a setting differs" if len(changes) == 1 else f"{len(changes)} settings differ"
    some = "" if drift == len(changes) else f"{drift} of them "
    return decision(
        view,
        State.SETTINGS,
        fields + (f", {some}changed outside of Git" if drift else ""),
        steps=(*_adoption(view), UpdateSettings(environment=view.name, changes=changes)),
        changes=changes,
        kept=allowed.kept,
        notices=notices,
        exit_code=PERSON_NEEDED if alerted(view) else 0,
    )


def nothing_differs(view: View) -> Decision | None:
    """Row 18: Baseten is as Git says, but for settings that are kept until somebody consents."""
    if not view.serves:
        return None
    kept = permitted(view).kept
    return decision(
        view,
        State.CONVERGED,
        "Baseten serves what Git asks for",
        steps=_adoption(view),
        kept=kept,
        notices=(*_notices(view), *consents_to_remove(view, kept.changes if kept else ())),
        exit_code=PERSON_NEEDED if alerted(view) else 0,
    )


def _adoption(view: View) -> tuple[Step, ...]:
    """Write down that it serves, where the log names something else or nothing as last served."""
    if not view.log_known or (view.succeeded_here and view.wanted.is_side(view.log.last_served)):
        return ()
    return (_adopt(view),)


def _adopt(view: View) -> Record:
    return Record(
        environment=view.name,
        event=Event.ADOPTED,
        from_=view.log.last_served,
        to=view.serving_side,
        kept=without_consent(view),
    )


def _notices(view: View) -> tuple[str, ...]:
    found: list[str] = []
    current = view.current
    if current is not None and current.health is Health.UNHEALTHY:
        found.append(f"{current.called}, which serves {view.name}, is UNHEALTHY")
    found += unmanaged(view)
    found += hardware_notices(view)
    return tuple(found)
