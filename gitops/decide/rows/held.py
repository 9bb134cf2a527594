"""Row 11: what Git asks for is held here."""

from __future__ import annotations

from dataclasses import replace

from gitops.decide.answers import (
    CANDIDATE_FAILED,
    PERSON_NEEDED,
    ROLLED_BACK,
    GoOn,
    decision,
)
from gitops.decide.decision import Decision, State
from gitops.decide.judge import is_bad, judge
from gitops.decide.safety import Permission, permitted
from gitops.decide.sides import is_side
from gitops.decide.steps import Ready, Record, Retry, Step, UpdateSettings
from gitops.decide.view import View
from gitops.record.entry import Event
from gitops.record.holds import Hold
from gitops.state.health import Health


def wanted_is_held(view: View) -> Decision | GoOn | None:
    """Row 11: report the hold, with the settings that it leaves to change."""
    hold = view.hold
    if hold is None:
        return None
    if view.options.retry and not _made_now(view, hold):
        return _lifted(view, hold)
    pending = None if view.serves else judge(view)
    steps = pending.steps if pending is not None else _mended(view)
    code = pending.exit_code if pending is not None else _code(view, hold)
    allowed = permitted(view) if view.current is not None else Permission(changes=())
    changes, against = allowed.changes, allowed.blocked
    if changes and against is None:
        steps = (*steps, UpdateSettings(environment=view.name, changes=changes))
    return replace(
        decision(
            view,
            State.HELD,
            _reason(view, hold),
            steps=steps,
            changes=changes,
            kept=allowed.kept,
            exit_code=code,
        ),
        blocked=against,
    )


def _mended(view: View) -> tuple[Step, ...]:
    """What serves instead and has failed is tried again, once in an apply, as in row 15."""
    if view.current is None or view.serves:
        return ()
    deployment = view.current.deployment
    if view.health is Health.TRANSITION and deployment.id in view.evidence.retried:
        return (Ready(deployment_id=deployment.id),)
    if not _has_failed(view):
        return ()
    if deployment.id in view.evidence.retried or deployment.id in view.evidence.failed_to_start:
        return ()
    return (
        Retry(environment=view.name, deployment_id=deployment.id),
        Ready(deployment_id=deployment.id),
    )


def _has_failed(view: View) -> bool:
    """Whether what serves instead of the held artifact has failed; a person's own is theirs."""
    if view.serves or view.health is not Health.FAILED:
        return False
    return is_side(view.current, view.log.last_served)


def _lifted(view: View, hold: Hold) -> GoOn:
    log = replace(view.log, holds=tuple(each for each in view.log.holds if each != hold))
    step = Record(environment=view.name, event=Event.LIFTED, to=hold.side, reason="--retry")
    return GoOn(
        view=view.with_log(log),
        steps=(step,),
        notices=(f"the hold in {view.name} is lifted by --retry: {_cause(hold)}",),
    )


def _reason(view: View, hold: Hold) -> str:
    key = view.situation.model.key
    serving = view.current
    failed = (
        f"{serving.called}, which serves {view.name} instead, is {serving.deployment.status}; "
        if serving is not None and _has_failed(view)
        else ""
    )
    return (
        f"{failed}held since {hold.entry.at:%Y-%m-%d %H:%M} UTC: {_cause(hold)}; "
        f"release another commit, or `gitops apply {key} --retry {key}/{view.name}`"
    )


def _cause(hold: Hold) -> str:
    entry = hold.entry
    if entry.ended_by is not None:
        return f"{entry.ended_by} ended its release"
    if entry.event is Event.HELD and entry.to is not None:
        return "it was rolled back by hand"
    what = {
        Event.REJECTED: "it failed its checks",
        Event.ROLLED_BACK: "it was rolled back",
        Event.HELD: "it was found bad",
    }.get(entry.event, "it is held")
    return f"{what} ({entry.reason})" if entry.reason else what


def _made_now(view: View, hold: Hold) -> bool:
    """Whether this very run made the hold: then the run is red, and --retry has had its try."""
    evidence, entry = view.evidence, hold.entry
    if entry.id in evidence.recorded or entry.intent in evidence.intents | evidence.seen:
        return True
    return any(
        verdict.outcome.value == "fail"
        for deployment, verdict in (*evidence.checks.items(), *evidence.watch.items())
        if deployment == hold.side.deployment_id
    )


def _code(view: View, hold: Hold) -> int:
    """What the hold adds to this run: nothing, unless this run made it."""
    entry = hold.entry
    if not _made_now(view, hold):
        return PERSON_NEEDED if _has_failed(view) else 0
    if entry.event is Event.REJECTED:
        return CANDIDATE_FAILED
    if entry.event is Event.HELD:
        return PERSON_NEEDED if entry.to is None else 0
    confirmed = is_side(view.current, entry.from_) and view.health is Health.READY
    if view.serves:
        return PERSON_NEEDED
    # A promotion may have made a copy: any deployment of this release counts, and there is but one.
    moved = bool(view.evidence.traffic) or any(is_bad(view, each) for each in view.evidence.watch)
    if entry.ended_by is not None or moved:
        return ROLLED_BACK if confirmed else PERSON_NEEDED
    return CANDIDATE_FAILED
