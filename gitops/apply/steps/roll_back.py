"""Roll back: bring back what served before an intent, its settings too, and confirm it."""

from __future__ import annotations

from datetime import datetime

from gitops.apply import forensics, recording
from gitops.apply.job import Ended, Job, Listed
from gitops.apply.steps.cancel import cancelled
from gitops.apply.steps.promote import is_side
from gitops.apply.steps.rollback_figures import figures_of, minimum
from gitops.apply.steps.settings import write_until_read_back
from gitops.apply.steps.way_back import serves_again
from gitops.apply.waiting import until
from gitops.decide.steps import RollBack
from gitops.errors import BasetenError, RepositoryError, RequestRefused
from gitops.plan.events import Failure, RollbackFinished, RollbackStarted
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import BRANCH
from gitops.render.failures import FailureKind
from gitops.render.words import refusal
from gitops.state.back import put_back
from gitops.state.health import Health, health_of
from gitops.state.json import Json
from gitops.state.live import Deployment, LiveEnvironment


def roll_back(job: Job, step: RollBack) -> Ended | None:
    """Undo a release; where Baseten stops answering on the way, a person has to know."""
    begun = job.now()
    _tell_start(job, step, begun)
    outage = job.run.outage
    try:
        if outage is None:
            return _undo(job, step, begun)
        # Whatever was never sent may be sent again: it looks first what is there.
        return outage.waited_out(lambda: _undo(job, step, begun))
    except BasetenError as error:
        kind = FailureKind.ROLLBACK_NOT_CONFIRMED
        return _stopped(job, step, begun, kind, error.message, answers=False)


def _undo(job: Job, step: RollBack, begun: datetime) -> Ended | None:
    """Undo a release, record it, and leave its artifact held. Nothing is deleted.

    It needs no deploy log to begin: the result is kept here where the Git host is down. A person's
    pause or promotion in the way is never overruled.
    """
    intent = job.history.intent(step.intent)
    live = job.view.reread(job.name)
    in_the_way = _persons(job, live, step)
    if in_the_way is not None:
        return _stopped(job, step, begun, in_the_way)
    candidate = live.candidate if live else None
    current = live.current if live else None
    share = live.promotion.percent if live and live.promotion else 0
    moved = bool(job.evidence.traffic) or share > 0 or is_side(job, current, step.bad)
    if candidate is not None and is_side(job, candidate, step.bad):
        job.progress(f"cancelling the promotion of deployment {candidate.id}")
        if not cancelled(job, candidate.id, force=True):
            return _unconfirmed(job, step, begun, "the promotion could not be cancelled")
        live = job.live
    if step.to is None and live is not None and is_side(job, live.current, step.bad):
        _no_way_back(job, step, begun)
        return None
    if step.to is not None:
        problem = serves_again(job, step.to, intent)
        if problem is not None:
            return _unconfirmed(job, step, begun, problem)
    problem = _restore(job, intent) or (_confirm(job, step.to) if step.to else None)
    if problem is not None:
        return _unconfirmed(job, step, begun, problem)
    # What serves is safe now; only then it is worth a while to keep what did not.
    lines = _forensics(job, step, intent)
    figures = figures_of(job, step, intent, begun)
    try:
        written = _write(job, step, figures)
    except RepositoryError as error:
        # Told all the same: it serves again. The intent stays open, and the next run closes it.
        written, lines = True, (*lines, f"the deploy log could not be written: {error.message}")
    if written:
        _tell_end(job, step, begun, figures, moved=moved, share=share, lines=lines)
    return None


def _forensics(
    job: Job, step: RollBack, intent: Entry | None, *, answers: bool = True
) -> tuple[str, ...]:
    since = intent.at - forensics.BEFORE if intent is not None else None
    return forensics.keep(
        job, "release", deployment=step.bad, reason=step.reason, since=since, ask=answers
    )


def _tell_start(job: Job, step: RollBack, begun: datetime) -> None:
    job.run.emit(
        RollbackStarted(
            time=begun,
            model=job.model,
            environment=job.name,
            reason=step.reason,
            from_deployment=step.bad.deployment_id,
            to_deployment=step.to.deployment_id if step.to else None,
        )
    )


def _persons(job: Job, live: LiveEnvironment | None, step: RollBack) -> FailureKind | None:
    """A pause, or that neither side is promoted or serves: a person's doing, and theirs to end."""
    if live is None:
        return None
    if live.candidate is None:
        return None if _is_either(job, live.current, step) else FailureKind.BLOCKED_BY_PERSON
    if live.promotion is not None and live.promotion.status.upper() == "PAUSED":
        return FailureKind.BLOCKED_BY_PERSON
    ours = _is_either(job, live.candidate, step)
    return None if ours else FailureKind.BLOCKED_BY_PERSON


def _is_either(job: Job, deployment: Deployment | None, step: RollBack) -> bool:
    """Whether a deployment is one of the two sides, or there is none."""
    if deployment is None:
        return True
    return any(is_side(job, deployment, side) for side in (step.bad, step.to) if side is not None)


def _restore(job: Job, intent: Entry | None) -> str | None:
    live = job.view.reread(job.name)
    if intent is None or live is None:
        return None
    before, after = intent.settings_before or {}, intent.settings_after or {}
    changes = put_back(before, after, live.settings, job.now())
    if not changes:
        return None
    try:
        missing = write_until_read_back(job, changes)
    except RequestRefused as refused:
        return f"Baseten refused the settings from before: {refusal(refused.message)}"
    if missing:
        return f"Baseten does not show {', '.join(each.path for each in missing)} as before"
    return None


def _confirm(job: Job, target: Side) -> str | None:
    """The deployment before serves, and is as many replicas as its settings in force ask for."""

    def look() -> bool | None:
        live = job.view.reread(job.name)
        current = live.current if live is not None else None
        if live is None or current is None or not is_side(job, current, target):
            return None
        if health_of(current.status) is not Health.READY:
            return None
        wanted = minimum(live)
        return True if wanted is None or current.active_replicas >= wanted else None

    if until(job, look, limit=job.run.pace.confirm):
        return None
    live = job.live
    current = live.current if live is not None else None
    if live is None or current is None or not is_side(job, current, target):
        return "it does not serve"
    least = minimum(live)
    replicas = f" with {current.active_replicas} of {least} replicas" if least is not None else ""
    return f"deployment {current.id} is {current.status}{replicas}"


def _write(job: Job, step: RollBack, figures: dict[str, Json]) -> bool:
    """Close the intent; False where another run closed it first."""
    by_hand = _is_by_hand(job, step)
    entry = recording.entry(
        job,
        Event.HELD if by_hand else Event.ROLLED_BACK,
        from_=step.bad if by_hand else step.to,
        to=step.to if by_hand else step.bad,
        intent=step.intent,
        reason=step.reason,
        figures=figures,
    )
    return recording.recorded(job, entry) is not None


def _is_by_hand(job: Job, step: RollBack) -> bool:
    opened = job.history.intent(step.intent)
    return opened is not None and opened.event is Event.HELD


def _tell_end(
    job: Job,
    step: RollBack,
    begun: datetime,
    figures: dict[str, Json],
    *,
    moved: bool,
    share: int,
    lines: tuple[str, ...],
) -> None:
    if _is_by_hand(job, step):
        kind, code = FailureKind.ROLLED_BACK_BY_HAND, 0
    elif not moved:
        kind, code = FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC, 5
    elif step.bad.deployment_id in job.evidence.watch and job.promoted is not None:
        kind, code = FailureKind.WATCH_FAILED, 3
    elif job.evidence.traffic and job.promoted is None:
        kind, code = FailureKind.PROMOTION_FAILED_WITH_TRAFFIC, 3
    else:
        kind, code = FailureKind.WATCH_FAILED, 3
    opened = job.history.intent(step.intent)
    branch = opened.figures.get(BRANCH) if opened is not None else None
    failure = job.failure(
        kind,
        candidate=step.bad,
        target=step.to,
        detail=step.reason,
        percent=share,
        branch=branch if isinstance(branch, str) else "",
        lines=lines,
    )
    _emit_finished(
        job,
        begun,
        confirmed=True,
        message="the deployment before serves, confirmed",
        figures=figures,
        failure=failure,
        commit=step.to.commit if step.to is not None else None,
    )
    if code:
        listed: Listed = "rolled_back" if code == 3 else "failed"
        job.ended.append(Ended(exit_code=code, listed=listed, failure=failure))
    job.finished("failed", message=step.reason, figures=figures, failure=failure)


def _no_way_back(job: Job, step: RollBack, begun: datetime) -> None:
    """Nothing served before: leave it serving, hold it, and call a person."""
    failure = job.failure(
        FailureKind.NOTHING_TO_GO_BACK_TO,
        candidate=step.bad,
        detail=step.reason,
        lines=_forensics(job, step, job.history.intent(step.intent)),
    )
    entry = recording.entry(
        job,
        Event.HELD,
        from_=step.bad,
        intent=step.intent,
        reason=step.reason,
        figures=job.figures,
    )
    recording.recorded(job, entry)
    _end_badly(job, begun, failure)


def _unconfirmed(job: Job, step: RollBack, begun: datetime, why: str) -> Ended:
    """The intent stays open: the next run goes on from what it finds."""
    live = job.view.reread(job.name)
    kind = _persons(job, live, step) or FailureKind.ROLLBACK_NOT_CONFIRMED
    return _stopped(job, step, begun, kind, why)


def _stopped(
    job: Job,
    step: RollBack,
    begun: datetime,
    kind: FailureKind,
    why: str = "",
    *,
    answers: bool = True,
) -> Ended:
    live = job.live
    promotion = live.promotion if live is not None else None
    met = live.candidate if live is not None and kind is FailureKind.BLOCKED_BY_PERSON else None
    failure = job.failure(
        kind,
        candidate=met or step.bad,
        target=step.to,
        detail=why or step.reason,
        paused=promotion is not None and promotion.status.upper() == "PAUSED",
        percent=promotion.percent if promotion is not None else None,
        lines=_forensics(job, step, job.history.intent(step.intent), answers=answers),
    )
    _end_badly(job, begun, failure)
    return job.ended.pop()


def _end_badly(job: Job, begun: datetime, failure: Failure) -> None:
    _emit_finished(
        job, begun, confirmed=False, message=failure.happened, figures=job.figures, failure=failure
    )
    job.finished("failed", failure=failure)
    job.ended.append(Ended(exit_code=8, listed="failed", failure=failure))


def _emit_finished(
    job: Job,
    begun: datetime,
    *,
    confirmed: bool,
    message: str,
    figures: dict[str, Json],
    failure: Failure,
    commit: str | None = None,
) -> None:
    current = job.live.current if job.live is not None else None
    now = job.now()
    job.run.emit(
        RollbackFinished(
            time=now,
            model=job.model,
            environment=job.name,
            confirmed=confirmed,
            serving=current.id if current is not None else None,
            commit=commit,
            message=message,
            seconds=round((now - begun).total_seconds(), 3),
            figures=figures,
            failure=failure,
        )
    )
