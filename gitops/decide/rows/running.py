"""Rows 5 to 9: something is under way in the environment."""

from __future__ import annotations

from typing import Final

from gitops.decide import audit as audit_log
from gitops.decide.answers import (
    BLOCKED_CODE,
    CANDIDATE_FAILED,
    PERSON_NEEDED,
    ROLLED_BACK,
    STILL_RUNNING,
    GoOn,
    blocked,
    decision,
)
from gitops.decide.decision import Decision, State
from gitops.decide.judge import is_bad
from gitops.decide.sides import is_side, side_of
from gitops.decide.steps import CancelPromotion, Follow, Record, RollBack, Wait, Watch
from gitops.decide.view import View
from gitops.record.entry import Event
from gitops.record.history import OpenIntent
from gitops.state.health import Health
from gitops.state.recognise import Recognised

_NOBODY: Final = "somebody whom the audit log does not name"


def in_transition(view: View) -> Decision | None:
    """Row 5: a promotion winds down, or what is wanted serves and is on its way somewhere."""
    if view.promotion_status == "RAMPING_DOWN":
        why = f"a promotion in {view.name} is being undone"
    elif view.serves and view.current is not None and view.health is Health.TRANSITION:
        why = f"{view.current.called} is {view.current.deployment.status}"
    else:
        return None
    return _wait(view, why)


def candidate_is_wanted(view: View) -> Decision | None:
    """Row 6: what Git wants is on its way: follow, watch, record."""
    found = view.candidate
    if found is None or not view.wanted.is_served_by(found):
        return None
    intent = _announcing(view, found)
    ours = (intent is not None and intent.id in view.evidence.intents) or view.is_ours(found)
    if intent is None and view.candidate_is_over and ours:
        # What became of it is in the log.
        return None
    if not ours and view.audit is None:
        return blocked(
            view,
            f"{found.called} is being promoted to {view.name}, and without the audit log it "
            "cannot be told by whom",
            "wait for its end, or let a key that may read the audit log run this",
        )
    reason = _failure(view, found)
    if reason is not None:
        return _failed(view, found, intent, reason)
    return _follow(view, found, intent, ours=ours)


def _announcing(view: View, found: Recognised) -> OpenIntent | None:
    """The open intent, where it announced the promotion of this very candidate."""
    intent = view.intent
    if intent is None or intent.condemned or not is_side(found, intent.artifact):
        return None
    return intent


def _follow(view: View, found: Recognised, intent: OpenIntent | None, *, ours: bool) -> Decision:
    event = Event.RELEASED if ours else Event.ADOPTED
    intent_id = intent.id if intent is not None else None
    entry = None if ours else audit_log.promotion_of(view.audit_here, side_of(found))
    who = entry.actor if entry is not None else _NOBODY
    if entry is None and view.current is None:
        # The first deployment of a new model is promoted with nobody asking for it.
        who = "Baseten itself"
    watch = (Watch(environment=view.name, deployment_id=found.deployment.id, intent=intent_id),)
    return decision(
        view,
        State.FOLLOW,
        f"{found.called} is being promoted to {view.name}" + ("" if ours else f" by {who}"),
        steps=(
            Follow(environment=view.name, deployment_id=found.deployment.id, intent=intent_id),
            *(() if view.options.no_watch else watch),
            *_record(view, event, found, intent_id),
        ),
        notices=() if ours else (f"{who} started this promotion: a failure is left to a person",),
        exit_code=STILL_RUNNING,
    )


def _record(view: View, event: Event, found: Recognised, intent: str | None) -> tuple[Record, ...]:
    if not view.log_known:
        return ()
    return (
        Record(
            environment=view.name,
            event=event,
            from_=view.serving_side,
            to=side_of(found),
            intent=intent,
        ),
    )


def _failure(view: View, found: Recognised) -> str | None:
    if found.health in {Health.FAILED, Health.STOPPED}:
        return f"{found.called} is {found.deployment.status}"
    if view.promotion_status in {"FAILED", "CANCELED"}:
        return f"the promotion of {found.called} ended as {view.promotion_status}"
    verdict = view.evidence.watch.get(found.deployment.id)
    if is_bad(view, found.deployment.id) and verdict is not None:
        return verdict.reason
    return None


def _failed(view: View, found: Recognised, intent: OpenIntent | None, reason: str) -> Decision:
    side, name = side_of(found), view.name
    if not view.is_ours(found):
        # A person's release: say so and hold it, once, but leave undoing it to them.
        hold = (
            ()
            if view.hold is not None or not view.log_known
            else (
                Record(
                    environment=name, event=Event.HELD, from_=side, reason=reason, candidate=True
                ),
            )
        )
        return decision(view, State.HELD, reason, steps=hold, exit_code=PERSON_NEEDED)
    if intent is None:
        cancel = CancelPromotion(environment=name, deployment_id=found.deployment.id)
        return decision(view, State.CANCEL, reason, steps=(cancel,), exit_code=CANDIDATE_FAILED)
    moved = found.deployment.id in view.evidence.traffic or bool(
        view.live and view.live.promotion and view.live.promotion.percent
    )
    way_back = ROLLED_BACK if intent.origin is not None else PERSON_NEEDED
    return decision(
        view,
        State.FOLLOW,
        reason,
        steps=(
            RollBack(environment=name, intent=intent.id, bad=side, to=intent.origin, reason=reason),
        ),
        exit_code=way_back if moved else CANDIDATE_FAILED,
    )


def candidate_is_left_over(view: View) -> GoOn | None:
    """Row 7: an earlier run of ours promotes what nobody wants any more: cancel, go on."""
    found = view.candidate
    if found is None or _announcing(view, found) is None or view.candidate_is_over:
        return None
    if not view.promoted_by_us(side_of(found)):
        return None
    step = CancelPromotion(environment=view.name, deployment_id=found.deployment.id)
    return GoOn(view=view.after_cancel(), steps=(step,), state=State.CANCEL)


def candidate_is_our_way_back(view: View) -> Decision | None:
    """Row 8: our own rollback runs: follow it; its record follows from row 10."""
    found, intent = view.candidate, view.intent
    if found is None or intent is None or not is_side(found, intent.origin):
        return None
    if view.candidate_is_over:
        return None
    if not view.promoted_by_us(side_of(found)):
        return None
    follow = Follow(
        environment=view.name, deployment_id=found.deployment.id, intent=intent.id, undo=True
    )
    event = Event.HELD if intent.condemned else Event.ROLLED_BACK
    bad, back = intent.artifact, intent.origin
    record = Record(
        environment=view.name,
        event=event,
        from_=bad if intent.condemned else back,
        to=back if intent.condemned else bad,
        intent=intent.id,
    )
    return decision(
        view,
        State.FOLLOW,
        f"an earlier run is rolling {view.name} back to {found.called}",
        steps=(follow, record),
        exit_code=STILL_RUNNING,
    )


def candidate_is_foreign(view: View) -> Decision | None:
    """Row 9: something else is being promoted, and it is not ours to stop."""
    found = view.candidate
    if found is None:
        if view.promotion is None:
            return None
        return _wait(view, f"a promotion in {view.name} has begun, its candidate is not seen yet")
    if view.candidate_is_over:
        return None
    entry = audit_log.promotion_of(view.audit_here, side_of(found))
    who = f" by {entry.actor} at {entry.at:%Y-%m-%d %H:%M} UTC" if entry is not None else ""
    what = f"{found.called} is being promoted to {view.name}{who}"
    key = view.situation.model.key
    bad = any(is_bad(view, each) for each in view.evidence.watch)
    return blocked(
        view,
        f"{what}; {found.conflict}" if found.conflict else f"{what}, which Git does not ask for",
        f"wait for its end, or `gitops cancel {key} {view.name}`",
        exit_code=PERSON_NEEDED if bad else BLOCKED_CODE,
    )


def _wait(view: View, why: str) -> Decision:
    return decision(
        view,
        State.WAIT,
        why,
        steps=(Wait(environment=view.name, reason=why),),
        exit_code=STILL_RUNNING,
    )
