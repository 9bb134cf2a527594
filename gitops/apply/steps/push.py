"""Push: upload an artifact and let Baseten build it, once however often we are asked."""

from __future__ import annotations

from gitops.apply.job import Ended, Job
from gitops.apply.waiting import until
from gitops.decide.steps import Push
from gitops.errors import RequestRefused, ResponseLost
from gitops.render.failures import FailureKind
from gitops.state.artifact import LABEL_DIGEST
from gitops.state.live import Deployment


def push(job: Job, step: Push) -> Ended | None:
    """Push the artifact. A lost answer, or a refusal, is looked up before anything is repeated.

    What Baseten refused once in this run is not sent again for the next environment that wants it.
    """
    known = job.view.refused_pushes.get(step.artifact.digest)
    if known is not None:
        return _refused(job, known)
    model_id = job.view.live.id if job.view.live else None
    archives = job.ports.archives
    job.progress(f"uploading {step.artifact.truss} at {step.artifact.commit[:12]}")
    try:
        made = job.ports.writer.push(
            job.view.desired.key,
            model_id,
            step.artifact,
            name=step.name,
            archive=lambda: archives.archive(step.artifact),
        )
    except ResponseLost as lost:
        found = until(job, lambda: _find(job, step), limit=job.run.pace.visible)
        if found is None:
            failure = job.failure(
                FailureKind.API_UNAVAILABLE, of_push=True, doing="the push", detail=lost.message
            )
            job.finished("failed", failure=failure)
            return Ended(exit_code=lost.exit_code, listed="failed", failure=failure)
        made = found
    except RequestRefused as refused:
        # Refused because an earlier push, whose answer was lost, has taken the name after all?
        found = _find(job, step)
        if found is None:
            job.view.refused_pushes[step.artifact.digest] = refused
            return _refused(job, refused)
        made = found
    job.view.remember(made)
    job.finished("ok", message=f"deployment {made.id}", deployment_id=made.id)
    return None


def _refused(job: Job, refused: RequestRefused) -> Ended:
    failure = job.failure(
        FailureKind.REQUEST_REFUSED, of_push=True, doing="the push", detail=refused.message
    )
    job.finished("failed", failure=failure)
    return Ended(exit_code=refused.exit_code, listed="failed", failure=failure)


def _find(job: Job, step: Push) -> Deployment | None:
    model = job.ports.reader.model(job.view.desired.key)
    if model is None:
        return None
    for each in job.ports.reader.deployments(model.id):
        label = each.labels.get(LABEL_DIGEST)
        if each.name == step.name and label in {None, step.artifact.digest}:
            return each
    return None
