"""Ready: wait until a deployment can serve, or until it is certain that it cannot."""

from __future__ import annotations

from typing import Final

from gitops.apply import forensics
from gitops.apply.job import Ended, Job
from gitops.apply.waiting import Told
from gitops.decide.steps import Ready
from gitops.errors import BasetenError
from gitops.render.failures import FailureKind
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment

BUILD_STATUSES: Final = frozenset({"BUILDING"})
BUILD_FAILURES: Final = frozenset({"BUILD_FAILED", "BUILD_STOPPED"})
LOG_LINES: Final = 20


def ready(job: Job, step: Ready) -> Ended | None:  # noqa: C901 - one kind of status a case
    """Poll a deployment's status until it is ready, failed, or a limit of the file has passed."""
    deployment_id = step.deployment_id or _newest_made(job)
    if deployment_id is None:
        # Nothing was pushed and nothing is known: the next decision sees what is there.
        return None
    limits = job.view.desired.timeouts
    clock = job.ports.clock
    begun = phase_begun = clock.monotonic()
    told, building = Told(clock), True
    serving = job.live.current if job.live is not None else None
    serving = serving if serving is not None and serving.id != deployment_id else None
    for pause in job.run.pace.pauses():
        deployment = job.ports.reader.deployment(job.view.model_id, deployment_id)
        if deployment is None:
            if clock.monotonic() - begun >= job.run.pace.not_found:
                job.view.forget(deployment_id)
                return _vanished(job, deployment_id)
            clock.sleep(pause)
            continue
        if deployment_id in job.view.made:
            job.view.remember(deployment)
        status = deployment.status
        if told.is_news(status, deployment.active_replicas):
            message = f"deployment {deployment.id}"
            job.progress(message, status=status, old=serving, new=deployment)
        if building and status not in BUILD_STATUSES:
            building, phase_begun = False, clock.monotonic()
        match health_of(status):
            case Health.READY:
                job.view.learn_failed(deployment_id, None)
                job.finished("ok", message=status, deployment_id=deployment_id)
                return None
            case Health.FAILED | Health.STOPPED:
                _failed(job, deployment)
                return None
            case Health.INACTIVE:
                # Stopped while we waited: the next decision knows whether to start it again.
                job.finished("skipped", message=status, deployment_id=deployment_id)
                return None
            case Health.TRANSITION | Health.UNHEALTHY:
                limit = limits.build if building else limits.start
                if clock.monotonic() - phase_begun >= limit:
                    return _patience_ended(job, deployment, building=building, seconds=limit)
        clock.sleep(pause)
    raise AssertionError("the pauses never end")


def _newest_made(job: Job) -> str | None:
    made = sorted(job.view.made.values(), key=lambda each: each.created_at)
    return made[-1].id if made else None


def _failed(job: Job, deployment: Deployment) -> None:
    built = deployment.status not in BUILD_FAILURES
    lines = log_lines(job, deployment.id)
    reason = f"deployment {deployment.id} ended in {deployment.status}"
    failure = job.failure(
        FailureKind.START_FAILED if built else FailureKind.BUILD_FAILED,
        candidate=deployment,
        detail=reason,
        lines=(
            *lines,
            *forensics.keep(job, "start", deployment=deployment, reason=reason),
        ),
    )
    job.view.learn_failed(deployment.id, reason)
    job.finished("failed", message=reason, deployment_id=deployment.id, failure=failure)
    job.ended.append(Ended(exit_code=5, listed="failed", failure=failure))


def log_lines(job: Job, deployment_id: str) -> tuple[str, ...]:
    """The last lines of a deployment's log; none where they cannot be read."""
    try:
        return job.ports.reader.logs(job.view.model_id, deployment_id, limit=LOG_LINES)
    except BasetenError as error:
        return (f"(its log could not be read: {error.message})",)


def _patience_ended(job: Job, deployment: Deployment, *, building: bool, seconds: float) -> Ended:
    failure = job.failure(
        FailureKind.TIMED_OUT,
        candidate=deployment,
        doing="the build" if building else "the start",
        seconds=seconds,
        detail=f"deployment {deployment.id} is {deployment.status}",
        still_running=True,
    )
    job.finished("failed", deployment_id=deployment.id, failure=failure)
    return Ended(exit_code=7, listed="running", failure=failure)


def _vanished(job: Job, deployment_id: str) -> Ended:
    failure = job.failure(
        FailureKind.START_FAILED,
        detail=f"Baseten has no deployment {deployment_id} any more",
    )
    job.finished("failed", deployment_id=deployment_id, failure=failure)
    return Ended(exit_code=1, listed="failed", failure=failure)
