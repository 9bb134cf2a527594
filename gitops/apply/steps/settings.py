"""Environments and their settings: created, changed, put back, and always read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from gitops.apply import blocks, recording
from gitops.apply.job import Ended, Job
from gitops.apply.settled import pending
from gitops.apply.waiting import ASKED, until
from gitops.decide.steps import CreateEnvironment, RestoreSettings, UpdateSettings
from gitops.errors import RequestRefused, ResponseLost
from gitops.record.entry import Event
from gitops.record.history import STAYS
from gitops.render.failures import FailureKind
from gitops.render.words import count
from gitops.state.differences import asked_for, equal, flatten
from gitops.state.json import Json
from gitops.state.live import LiveEnvironment
from gitops.state.settings import Change


def create_environment(job: Job, step: CreateEnvironment) -> Ended | None:
    """Create an environment with its settings. One that somebody else just made is fine."""
    settings = blocks.of_settings(job.desired.settings)
    try:
        job.ports.writer.create_environment(job.view.model_id, step.environment, settings)
    except ResponseLost as lost:
        job.progress(f"the answer was lost, looking: {lost.message}")
    except RequestRefused as refused:
        if job.view.reread(step.environment) is None:
            return _refused(job, "the new environment", refused)
    found = until(job, lambda: job.view.reread(step.environment), limit=job.run.pace.visible)
    if found is None:
        failure = job.failure(
            FailureKind.TIMED_OUT, doing="the new environment", seconds=job.run.pace.visible
        )
        job.finished("failed", failure=failure)
        return Ended(exit_code=7, listed="running", failure=failure)
    job.finished("ok")
    return None


def update_settings(job: Job, step: UpdateSettings) -> Ended | None:
    """Write settings until they are read back, and note them in the deploy log."""
    before = flatten(job.live.settings) if job.live is not None else {}
    asked = asked_for(job.desired.settings, job.now())
    left_alone = job.left_alone
    ended = _write(job, step.changes)
    if ended is not None:
        return ended
    job.finished("ok", message=f"{count(len(step.changes), 'setting')} read back")
    current = job.side(job.live.current if job.live else None)
    recording.recorded(
        job,
        recording.entry(
            job,
            Event.SETTINGS,
            from_=current,
            to=current,
            settings_before=before,
            # Under a hold not all of what Git asks for is asked of Baseten: the rest stays.
            settings_after={path: before.get(path, value) for path, value in asked.items()}
            # What somebody changed on Baseten and is left alone is asked for all the same.
            | {each.path: each.after for each in left_alone}
            | {each.path: each.after for each in step.changes},
            reason=", ".join(each.path for each in step.changes),
            figures={STAYS: {each.path: each.before for each in left_alone}}
            if left_alone
            else None,
        ),
    )
    return None


def restore_settings(job: Job, step: RestoreSettings) -> Ended | None:
    """Put back what a release that is over had changed."""
    ended = _write(job, step.changes)
    if ended is not None:
        return ended
    job.finished("ok", message=f"{count(len(step.changes), 'setting')} put back")
    return None


def write_until_read_back(job: Job, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Write settings and poll until Baseten shows them; those that it does not show in time.

    Accepted and queued are not true yet. Where the answer is lost, what is read back decides; what
    is still as it was found is written again. Nothing is written while a promotion runs that
    somebody has begun meanwhile. Raises ``RequestRefused``.
    """
    wanted = tuple(changes)
    for again in range(ASKED):
        live = job.view.reread(job.name)
        wanted = pending(changes, live.settings) if live is not None else tuple(changes)
        if not wanted or (again and not _as_found(wanted, live)):
            return wanted
        if live is not None and is_promoting(live):
            job.progress("another promotion has begun: no setting is changed meanwhile")
            return wanted
        answered = _ask(job, blocks.of_changes(wanted, live.settings if live is not None else None))
        # What took effect without an answer may still be queued: the last time waits as long.
        last = answered or again == ASKED - 1
        patience = job.run.pace.settings if last else job.run.pace.visible
        if until(job, partial(_shows, job, wanted), limit=patience):
            return ()
        if answered:
            break
    live = job.live
    return pending(wanted, live.settings) if live is not None else wanted


def _ask(job: Job, body: Mapping[str, Json]) -> bool:
    """Whether Baseten has answered."""
    try:
        job.ports.writer.update_environment(job.view.model_id, job.name, body)
    except ResponseLost as lost:
        job.progress(f"the answer was lost, looking: {lost.message}")
        return False
    return True


def _shows(job: Job, wanted: Sequence[Change]) -> bool | None:
    found = job.view.reread(job.name)
    return True if found is not None and not pending(wanted, found.settings) else None


def _as_found(wanted: Sequence[Change], live: LiveEnvironment | None) -> bool:
    """Whether nobody has set any of it since it was decided."""
    shown = flatten(live.settings) if live is not None else {}
    return all(equal(each.path, each.before, shown.get(each.path)) for each in wanted)


def is_promoting(live: LiveEnvironment) -> bool:
    """Whether a promotion of something that does not serve yet runs there."""
    candidate, promotion = live.candidate, live.promotion
    if candidate is None or promotion is None:
        return False
    serves = live.current is not None and live.current.id == candidate.id
    return not serves and promotion.status.upper() not in {"SUCCEEDED", "FAILED", "CANCELED"}


def _write(job: Job, changes: Sequence[Change]) -> Ended | None:
    try:
        missing = write_until_read_back(job, changes)
    except RequestRefused as refused:
        return _refused(job, "the settings", refused)
    if not missing:
        return None
    failure = job.failure(
        FailureKind.SETTINGS_NOT_TAKEN,
        detail=", ".join(each.path for each in missing),
    )
    job.finished("failed", failure=failure)
    return Ended(exit_code=7, listed="running", failure=failure)


def _refused(job: Job, doing: str, refused: RequestRefused) -> Ended:
    failure = job.failure(FailureKind.REQUEST_REFUSED, doing=doing, detail=refused.message)
    job.finished("failed", failure=failure)
    return Ended(exit_code=1, listed="failed", failure=failure)
