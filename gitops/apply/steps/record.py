"""Record: write into the deploy log what was seen, and count what it means for this run."""

from __future__ import annotations

from typing import assert_never

from gitops.apply import forensics, recording
from gitops.apply.job import Ended, Job
from gitops.apply.steps.previous import alerted, let_go
from gitops.decide.steps import Record
from gitops.plan.events import Failure
from gitops.record.entry import Event
from gitops.record.history import CANDIDATE, STAYS
from gitops.render.failures import FailureKind
from gitops.state.differences import asked_for
from gitops.state.health import Health, health_of
from gitops.state.json import Json, JsonObject


def record(job: Job, step: Record) -> Ended | None:
    """Append the entry; an unreachable remote keeps it here for the next run."""
    let_go(job, step)
    lines = _forensics(job, step)
    success = step.event in {Event.RELEASED, Event.ADOPTED}
    opened = job.history.intent(step.intent)
    asked = asked_for(job.desired.settings, job.now())
    # A change of the release that was not made must not look as if somebody had undone it.
    asked |= {each.path: each.before for each in step.kept if each.origin == "release"}
    before: JsonObject | None = opened.settings_before if opened is not None else None
    written = recording.recorded(
        job,
        recording.entry(
            job,
            step.event,
            from_=step.from_,
            to=step.to,
            intent=step.intent,
            reason=step.reason,
            ended_by=step.ended_by,
            settings_before=before if success else None,
            settings_after=asked if success else None,
            figures=_figures(job, step),
            number=job.history.last_number + 1 if step.event is Event.RELEASED else None,
        ),
    )
    if written is None:
        # Another run closed this intent first: what it wrote is what happened.
        return None
    _count(job, step, lines)
    return None


def _forensics(job: Job, step: Record) -> tuple[str, ...]:
    """Save what is known of a bad release that was not undone by us, before it is recorded."""
    opened = job.history.intent(step.intent)
    verdict = alerted(job, step) if step.event is Event.RELEASED else None
    ended = step.event is Event.ROLLED_BACK and step.ended_by is None
    if verdict is None and not ended:
        return ()
    return forensics.keep(
        job,
        "release",
        deployment=step.to,
        reason=verdict.reason if verdict is not None else step.reason or "",
        since=opened.at - forensics.BEFORE if opened is not None else None,
    )


def _figures(job: Job, step: Record) -> dict[str, Json]:
    figures = dict(job.figures)
    if step.candidate:
        figures[CANDIDATE] = True
    if step.kept:
        figures[STAYS] = {each.path: each.before for each in step.kept}
    if step.event is Event.RELEASED and "watch" not in figures:
        figures["watch"] = "skipped"
    return figures


def _count(job: Job, step: Record, lines: tuple[str, ...]) -> None:
    """What an entry adds to the run's result; steps that failed have told of it already."""
    match step.event:
        case Event.ROLLED_BACK:
            _count_end(job, step, lines)
        case Event.HELD:
            if step.to is None:
                failure = job.failure(
                    FailureKind.PERSONS_RELEASE_FAILED,
                    candidate=step.from_,
                    detail=step.reason or "",
                )
                _end(job, 8, failure)
            else:
                job.finished("ok")
        case Event.RELEASED | Event.ADOPTED:
            _count_success(job, step, lines)
        case (
            Event.INTENT
            | Event.NOT_STARTED
            | Event.REJECTED
            | Event.UNVERIFIED
            | Event.SETTINGS
            | Event.LIFTED
        ):
            return
        case _:
            assert_never(step.event)


def _count_success(job: Job, step: Record, lines: tuple[str, ...]) -> None:
    verdict = alerted(job, step)
    if verdict is None:
        job.finished("ok")
        return
    failure = job.failure(
        FailureKind.WATCH_FAILED_ALERT_ONLY, candidate=step.to, detail=verdict.reason, lines=lines
    )
    _end(job, 8, failure)


def _count_end(job: Job, step: Record, lines: tuple[str, ...]) -> None:
    """A release that is over without us having undone it: by a person, or by Baseten."""
    current = job.live.current if job.live else None
    serving = job.side(current)
    back = step.from_ is None or (
        serving is not None
        and current is not None
        and health_of(current.status) not in {Health.FAILED, Health.STOPPED}
        and (
            serving.deployment_id == step.from_.deployment_id
            or (serving.digest is not None and serving.digest == step.from_.digest)
        )
    )
    # Where nobody looked on, nobody may claim that no traffic was moved.
    looked_on = step.intent in job.evidence.intents | job.evidence.seen
    moved = bool(job.evidence.traffic) or not looked_on
    if step.ended_by is not None:
        failure = job.failure(FailureKind.ENDED_BY_PERSON, candidate=step.to, person=step.ended_by)
        _end(job, 3 if back else 8, failure)
    elif not back:
        failure = job.failure(
            FailureKind.ROLLBACK_NOT_CONFIRMED,
            candidate=step.to,
            target=step.from_,
            detail=step.reason or "",
            lines=lines,
        )
        _end(job, 8, failure)
    elif moved:
        failure = job.failure(
            FailureKind.PROMOTION_FAILED_WITH_TRAFFIC,
            candidate=step.to,
            target=step.from_,
            detail=step.reason or "",
            lines=lines,
        )
        _end(job, 3, failure)
    else:
        failure = job.failure(
            FailureKind.PROMOTION_FAILED_BEFORE_TRAFFIC,
            candidate=step.to,
            detail=step.reason or "",
            lines=lines,
        )
        _end(job, 5, failure)


def _end(job: Job, code: int, failure: Failure) -> None:
    job.finished("failed", failure=failure)
    job.ended.append(
        Ended(exit_code=code, listed="rolled_back" if code == 3 else "failed", failure=failure)
    )
