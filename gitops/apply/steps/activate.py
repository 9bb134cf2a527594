"""Activate an inactive deployment, and retry a failed one: both only start something."""

from __future__ import annotations

from gitops.apply.job import Ended, Job
from gitops.apply.waiting import ASKED, until
from gitops.decide.steps import Activate, Retry
from gitops.errors import RequestRefused, ResponseLost
from gitops.render.failures import FailureKind
from gitops.state.health import Health, health_of


def activate(job: Job, step: Activate) -> Ended | None:
    """Start a deployment and see it leave INACTIVE."""
    try:
        ask_to_start(job, step.deployment_id)
    except RequestRefused as refused:
        failure = job.failure(
            FailureKind.REQUEST_REFUSED, doing="the activation", detail=refused.message
        )
        job.finished("failed", deployment_id=step.deployment_id, failure=failure)
        return Ended(exit_code=1, listed="failed", failure=failure)
    status = _left(job, step.deployment_id, Health.INACTIVE)
    if status is None:
        failure = job.failure(
            FailureKind.TIMED_OUT,
            doing="the activation",
            seconds=job.run.pace.visible,
            still_running=True,
        )
        job.finished("failed", deployment_id=step.deployment_id, failure=failure)
        return Ended(exit_code=7, listed="running", failure=failure)
    job.finished("ok", message=status, deployment_id=step.deployment_id)
    return None


def ask_to_start(job: Job, deployment_id: str) -> None:
    """Request an activation; where the answer is lost and nothing happens, once more.

    To repeat one is harmless. Raises ``RequestRefused``.
    """
    for _ in range(ASKED):
        try:
            job.ports.writer.activate(job.view.model_id, deployment_id)
        except ResponseLost as lost:
            job.progress(f"the answer was lost, looking: {lost.message}")
            if _left(job, deployment_id, Health.INACTIVE) is not None:
                return
        else:
            return


def retry(job: Job, step: Retry) -> Ended | None:
    """Ask once for a failed deployment to be tried again."""
    deployment_id = step.deployment_id
    job.view.learn_retried(deployment_id)
    refusal: str | None
    try:
        refusal = job.ports.writer.retry(job.view.model_id, deployment_id)
    except ResponseLost as lost:
        job.progress(f"the answer was lost, looking: {lost.message}")
        refusal = None
    except RequestRefused as refused:
        refusal = refused.message
    if refusal is None and _left(job, deployment_id, Health.FAILED) is None:
        refusal = "it stayed as it was"
    if refusal is not None:
        # The decision that follows says what this means here: a candidate or what serves.
        job.view.learn_failed(deployment_id, f"Baseten did not retry it: {refusal}")
        job.finished("skipped", message=refusal, deployment_id=deployment_id)
        return None
    job.view.learn_failed(deployment_id, None)
    job.finished("ok", deployment_id=deployment_id)
    return None


def _left(job: Job, deployment_id: str, health: Health) -> str | None:
    """The status once it is of another kind than ``health``."""

    def look() -> str | None:
        found = job.ports.reader.deployment(job.view.model_id, deployment_id)
        return found.status if found is not None and health_of(found.status) is not health else None

    return until(job, look, limit=job.run.pace.visible)
