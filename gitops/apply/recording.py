"""What a run writes into the deploy log: intents before it acts, results after."""

from __future__ import annotations

from collections.abc import Mapping

from gitops.apply.job import Job
from gitops.errors import LogMoved
from gitops.plan.events import LogEntry
from gitops.record.entry import Entry, Event, Side
from gitops.state.json import Json, JsonObject


def entry(
    job: Job,
    event: Event,
    *,
    from_: Side | None = None,
    to: Side | None = None,
    intent: str | None = None,
    reason: str | None = None,
    ended_by: str | None = None,
    settings_before: JsonObject | None = None,
    settings_after: JsonObject | None = None,
    figures: Mapping[str, Json] | None = None,
    number: int | None = None,
) -> Entry:
    """An entry of this run about this environment, not written yet."""
    run, view = job.run, job.view
    opened = job.history.intent(intent)
    consents = {"allow": sorted(job.desired.allow)} if job.desired.allow else {}
    return Entry(
        at=job.now(),
        event=event,
        environment=job.name,
        intent=intent,
        from_=from_,
        to=to,
        model_id=view.live.id if view.live else "",
        model=job.model,
        release_file=view.desired.release_file,
        applied_commit=run.commit,
        branch=run.branch,
        by=run.by,
        where=run.where,
        run=run.id,
        number=number,
        settings_before=settings_before,
        settings_after=settings_after,
        figures={**(figures or {}), **consents},
        seconds=max((job.now() - opened.at).total_seconds(), 0.0) if opened else None,
        reason=reason,
        ended_by=ended_by,
    )


def announced(job: Job, intent: Entry) -> Entry:
    """The intent with its id: it is on the remote, or nothing may be started.

    Raises ``LogMoved`` or ``RemoteUnreachable``.
    """
    log = job.ports.log
    write = log.keep if job.options.no_log else log.append
    _raise_if_lock_lost(job)
    return _written(job, write(job.view.desired.key, intent))


def recorded(job: Job, result: Entry) -> Entry | None:
    """The result with its id: on the remote, or in this clone where that cannot be reached.

    None where somebody else wrote first what this entry knows nothing of: then the log is fetched,
    and the caller decides anew.
    """
    log = job.ports.log
    _raise_if_lock_lost(job)
    try:
        return _written(job, log.keep(job.view.desired.key, result))
    except LogMoved:
        log.fetch()
        job.view.read_log()
        return None


def _raise_if_lock_lost(job: Job) -> None:
    """What a run decided before another one took its lock belongs into no log any more."""
    if job.run.lease is not None:
        job.run.lease.check()


def _written(job: Job, written: Entry) -> Entry:
    job.view.read_log()
    job.learn.recorded(written.id)
    job.run.emit(
        LogEntry(
            time=job.now(),
            model=job.model,
            environment=job.name,
            event=written.event.value,
            entry=written.id,
            subject=f"{written.event.value}: {written.reason}" if written.reason else "",
            kept=job.ports.log.is_kept(job.view.desired.key, written.id),
        )
    )
    return written
