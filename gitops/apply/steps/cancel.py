"""Cancel a promotion and wait until its traffic is back."""

from __future__ import annotations

from gitops.apply.job import Ended, Job
from gitops.apply.waiting import ASKED, until
from gitops.decide.steps import CancelPromotion
from gitops.errors import NotFound, RequestRefused, ResponseLost
from gitops.render.failures import FailureKind
from gitops.render.words import refusal


def cancel_promotion(job: Job, step: CancelPromotion) -> Ended | None:
    """Cancel a promotion that nobody wants any more, gracefully."""
    opened = job.history.open_intent
    if opened is not None:
        job.learn.cancelled(opened.id)
    if cancelled(job, step.deployment_id, force=False):
        job.finished("ok", deployment_id=step.deployment_id)
        return None
    failure = job.failure(
        FailureKind.TIMED_OUT,
        doing="the cancellation",
        seconds=job.run.pace.ramp_down,
        still_running=True,
    )
    job.finished("failed", deployment_id=step.deployment_id, failure=failure)
    return Ended(exit_code=7, listed="running", failure=failure)


def cancelled(job: Job, deployment_id: str, *, force: bool) -> bool:
    """Cancel the promotion of one deployment and wait until it is no candidate any more.

    With ``force`` all traffic returns at once. A graceful one that takes too long is forced, too.
    Where the answer is lost and nothing happens, it is requested again: that can do no harm. True
    also where the promotion ended in another way meanwhile: what serves is read afterwards.
    """
    for _ in range(ASKED):
        answered = _ask(job, deployment_id, force=force)
        if answered or until(job, lambda: _ends(job, deployment_id), limit=job.run.pace.visible):
            break
    if until(job, lambda: _gone(job, deployment_id), limit=job.run.pace.ramp_down):
        return True
    if force:
        return False
    _ask(job, deployment_id, force=True)
    return bool(until(job, lambda: _gone(job, deployment_id), limit=job.run.pace.visible))


def _ask(job: Job, deployment_id: str, *, force: bool) -> bool:
    """Whether Baseten has answered, be it with a refusal."""
    writer, model_id = job.ports.writer, job.view.model_id
    try:
        writer.cancel_promotion(model_id, job.name, force=force)
    except (ResponseLost, NotFound) as error:
        job.progress(f"looking whether it was cancelled: {error.message}")
        return not isinstance(error, ResponseLost)
    except RequestRefused as refused:
        # Over already, or of a kind that cannot be forced: the plain cancel is always there.
        job.progress(f"Baseten refused to cancel: {refusal(refused.message)}")
        if force and _gone(job, deployment_id) is None:
            return _ask(job, deployment_id, force=False)
    return True


def _ends(job: Job, deployment_id: str) -> bool | None:
    """Whether the promotion is over, or gives its traffic back."""
    if _gone(job, deployment_id):
        return True
    promotion = job.live.promotion if job.live is not None else None
    ramps_down = promotion is not None and promotion.status.upper() == "RAMPING_DOWN"
    return ramps_down or None


def _gone(job: Job, deployment_id: str) -> bool | None:
    live = job.view.reread(job.name)
    if live is None or live.candidate is None or live.candidate.id != deployment_id:
        return True
    # Baseten may leave a failed candidate where it is, with a promotion that is over.
    status = live.promotion.status.upper() if live.promotion is not None else None
    over = status in {None, "FAILED", "CANCELED", "SUCCEEDED"}
    return True if over else None
