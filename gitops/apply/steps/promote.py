"""Promote: the intent first, then the request, then see it begin."""

from __future__ import annotations

from gitops.apply import blocks, recording
from gitops.apply.job import Ended, Job
from gitops.apply.steps.previous import STAYS_WARM, WARM, stays_warm
from gitops.apply.steps.settings import is_promoting
from gitops.apply.waiting import until
from gitops.decide.steps import Promote
from gitops.errors import (
    AccessDenied,
    BasetenError,
    LogMoved,
    NotFound,
    RemoteUnreachable,
    RequestRefused,
    ResponseLost,
    Unavailable,
)
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import same_artifact
from gitops.render.failures import FailureKind
from gitops.state.differences import asked_for, equal, flatten
from gitops.state.json import Json
from gitops.state.live import Deployment, LiveEnvironment
from gitops.state.recognise import same_name
from gitops.state.settings import Change

DOING = "the promotion"


def promote(job: Job, step: Promote) -> Ended | None:
    """Announce the promotion in the deploy log, request it, and wait until it can be seen.

    Nothing is requested that was not announced. A refusal is read back, and taken for our own
    promotion where it is; a lost answer is looked up. Whatever cannot be told here is left to the
    next decision, which sees the open intent.
    """
    target = _target(job, step)
    if target is None:
        return None
    intent = _announce(job, step, target)
    if isinstance(intent, Ended):
        return intent
    try:
        changes = _unchanged_since(job, step)
        if changes is None:
            _not_started(job, intent, "somebody promotes something else there")
            return None
        promoted = job.ports.writer.promote(
            job.view.model_id,
            job.name,
            target.deployment_id,
            settings=_settings(job, step, changes) or None,
            override=STAYS_WARM if stays_warm(job, step) else None,
            preserve_instance_type=step.instance_type in {None, "environment"},
        )
    except ResponseLost as lost:
        job.progress(f"the answer was lost, looking: {lost.message}")
        _see(job, target, intent)
        return None
    except Unavailable:
        # It was never sent; without this entry the next run would have to find that out.
        _not_started(job, intent, "the request could not be sent")
        raise
    except (RequestRefused, NotFound, AccessDenied) as refused:
        return _refused(job, target, intent, refused)
    job.view.remember(promoted)
    job.learn.promoted(promoted.id)
    _see(job, _as_promoted(target, promoted), intent)
    return None


def _unchanged_since(job: Job, step: Promote) -> tuple[Change, ...] | None:
    """The settings that travel: those that are still as they were when it was decided.

    To announce them may have taken a while. What somebody has set meanwhile is left to the next
    decision, which asks for consent where it has to. None where another promotion has begun.
    """
    if not step.changes:
        return ()
    live = job.view.reread(job.name)
    if live is not None and _has_moved(live, step):
        return None
    shown = flatten(live.settings) if live is not None else {}
    return tuple(
        each for each in step.changes if equal(each.path, each.before, shown.get(each.path))
    )


def _settings(job: Job, step: Promote, changes: tuple[Change, ...]) -> dict[str, Json]:
    """What a promotion takes along, as blocks of its request."""
    settings: dict[str, Json] = dict(
        blocks.of_changes(changes, job.live.settings if job.live else None)
    )
    if step.instance_type not in {None, "environment", "truss"}:
        settings["instance_type_id"] = step.instance_type
    return settings


def _has_moved(live: LiveEnvironment, step: Promote) -> bool:
    """Whether something else serves, or is about to, than when it was decided."""
    current, begun = live.current.id if live.current else None, step.from_
    return is_promoting(live) or current != (begun.deployment_id if begun else None)


def is_side(job: Job, deployment: Deployment | None, side: Side) -> bool:
    """Whether a live deployment is one side of a release: its artifact, its id, or its copy."""
    if deployment is None:
        return False
    if deployment.id == side.deployment_id:
        return True
    found = job.side(deployment)
    if found is not None and found.digest is not None and side.digest is not None:
        return same_artifact(found, side)
    return side.deployment_name is not None and same_name(deployment.name, side.deployment_name)


def _target(job: Job, step: Promote) -> Side | None:
    target = job.decision.target if job.decision else None
    if target is None or (step.deployment_id is not None and target.id != step.deployment_id):
        if step.deployment_id is None:
            return None
        target = job.ports.reader.deployment(job.view.model_id, step.deployment_id)
    side = job.side(target)
    artifact = job.desired.artifact
    if side is None or artifact is None or side.digest not in {None, artifact.digest}:
        return side
    return Side(
        deployment_id=side.deployment_id,
        deployment_name=side.deployment_name,
        digest=artifact.digest,
        # What was built was built from the commit that its labels name, if they name one.
        commit=side.commit or artifact.commit,
    )


def _announce(job: Job, step: Promote, target: Side) -> Entry | Ended:
    entry = recording.entry(
        job,
        Event.INTENT,
        from_=step.from_,
        to=target,
        settings_before=flatten(job.live.settings) if job.live else {},
        # With the schedules that it takes away, so that the way back knows of them.
        settings_after={each.path: each.after for each in step.changes}
        | asked_for(job.desired.settings, job.now())
        # What is left alone is none of this release's doing, and not to be put back with it.
        | {each.path: each.before for each in job.left_alone},
        reason=job.decision.reason if job.decision else None,
        figures=WARM if stays_warm(job, step) else None,
    )
    try:
        intent = recording.announced(job, entry)
    except LogMoved as moved:
        # Whoever was first may have changed what serves since we looked.
        job.view.reread(job.name)
        failure = job.failure(
            FailureKind.LOG_MOVED, candidate=target, doing=DOING, detail=moved.message
        )
        job.finished("failed", failure=failure)
        return Ended(exit_code=moved.exit_code, listed="failed", failure=failure)
    except RemoteUnreachable as unreachable:
        failure = job.failure(
            FailureKind.LOG_UNREACHABLE, candidate=target, doing=DOING, detail=unreachable.message
        )
        job.finished("failed", failure=failure)
        return Ended(exit_code=unreachable.exit_code, listed="failed", failure=failure)
    job.learn.intent(intent.id)
    return intent


def _see(job: Job, target: Side, intent: Entry) -> None:
    """Wait until the promotion shows; where it does not in time, the next decision looks on."""

    def look() -> LiveEnvironment | None:
        live = job.view.reread(job.name)
        if live is None:
            return None
        here = is_side(job, live.candidate, target) or is_side(job, live.current, target)
        return live if here else None

    seen = until(job, look, limit=job.run.pace.visible)
    if seen is None:
        job.learn.looked(intent.id)
        job.progress("the promotion is not to be seen")
    else:
        job.learn.seen(intent.id)
    job.finished("ok", deployment_id=target.deployment_id)


def _refused(job: Job, target: Side, intent: Entry, refused: BasetenError) -> Ended | None:
    live = job.view.reread(job.name)
    candidate = live.candidate if live else None
    if is_side(job, candidate, target) or is_side(job, live.current if live else None, target):
        job.progress("Baseten refused, because this very promotion runs already")
        job.finished("ok", deployment_id=target.deployment_id)
        return None
    _not_started(job, intent, refused.message)
    if candidate is not None:
        # Somebody was faster; the next decision says who, and blocks.
        job.finished("skipped", message=refused.message)
        return None
    failure = job.failure(
        FailureKind.REQUEST_REFUSED, candidate=target, doing=DOING, detail=refused.message
    )
    job.finished("failed", failure=failure)
    return Ended(exit_code=refused.exit_code, listed="failed", failure=failure)


def _not_started(job: Job, intent: Entry, reason: str) -> None:
    recording.recorded(
        job,
        recording.entry(
            job,
            Event.NOT_STARTED,
            from_=intent.from_,
            to=intent.to,
            intent=intent.id,
            reason=reason,
        ),
    )


def _as_promoted(target: Side, promoted: Deployment) -> Side:
    return Side(
        deployment_id=promoted.id,
        deployment_name=promoted.name,
        digest=target.digest,
        commit=target.commit,
    )
