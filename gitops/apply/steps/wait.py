"""Wait: something is on its way that is not ours to hurry."""

from __future__ import annotations

from contextlib import suppress

from gitops.apply.job import Ended, Job
from gitops.apply.waiting import until
from gitops.decide.steps import Wait
from gitops.errors import RemoteUnreachable
from gitops.record.history import OpenIntent
from gitops.render.failures import FailureKind
from gitops.state.live import LiveEnvironment


def wait(job: Job, step: Wait) -> Ended | None:
    """Look until anything about the environment changes, and let the next decision judge that.

    An announced promotion that is not to be seen is looked for as long as Baseten may take to show
    one; then the next decision knows that it was looked for. Of one that this run saw run, and that
    is gone, the deploy log is asked who ended it.
    """
    job.say(step.reason)
    intent = job.history.open_intent
    unseen = job.live is None or (job.live.candidate is None and job.live.promotion is None)
    announced = intent is not None and unseen and intent.id not in job.evidence.looked
    if announced and intent is not None and intent.id in job.evidence.seen:
        _ask_the_log(job, intent)
        return None
    clock = job.ports.clock
    if job.waiting_since is None:
        job.waiting_since = clock.monotonic()
    before = _shape(job.live)
    limit = job.run.pace.visible if announced else _limit(job)
    for pause in job.run.pace.pauses():
        live = job.view.reread(job.name)
        if _shape(live) != before:
            return None
        if clock.monotonic() - job.waiting_since >= limit:
            break
        clock.sleep(pause)
    if announced and intent is not None:
        job.learn.looked(intent.id)
        job.waiting_since = None
        return None
    failure = job.failure(
        FailureKind.TIMED_OUT,
        doing=f"what is under way in {job.tag}",
        detail=step.reason,
        seconds=limit,
        still_running=True,
    )
    return Ended(exit_code=7, listed="running", failure=failure)


def _ask_the_log(job: Job, intent: OpenIntent) -> None:
    """Give the person who ended a promotion a moment to close its intent."""

    def closed() -> bool | None:
        job.ports.log.fetch()
        job.view.read_log()
        opened = job.history.open_intent
        return True if opened is None or opened.id != intent.id else None

    # Where the Git host is down, nobody can write there.
    with suppress(RemoteUnreachable):
        until(job, closed, limit=job.run.pace.signed)
    job.learn.looked(intent.id)


def _limit(job: Job) -> float:
    limits = job.view.desired.timeouts
    moving = job.live is not None and job.live.promotion is not None
    return limits.promotion if moving else limits.start


def _shape(live: LiveEnvironment | None) -> tuple[object, ...]:
    if live is None:
        return ()
    current, candidate, promotion = live.current, live.candidate, live.promotion
    return (
        (current.id, current.status) if current else None,
        (candidate.id, candidate.status) if candidate else None,
        (promotion.status, promotion.percent) if promotion else None,
    )
