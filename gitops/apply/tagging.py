"""Tags for the releases of protected environments, once the deploy log has them."""

from __future__ import annotations

from gitops.apply.job import Job
from gitops.record.entry import Event


def tag_releases(job: Job) -> None:
    """Tag the last release where that is asked for; what stands in the way is a warning.

    Also what an earlier run has left: it may have ended between the entry and the tag, or kept the
    entry, which the remote has by now.
    """
    tags, model = job.ports.tags, job.view.desired
    acts = job.desired.mode == "reconcile" and model.mode == "reconcile"
    if tags is None or not job.desired.protected or not acts:
        return
    released = [
        entry
        for entry in job.history.entries
        if entry.event is Event.RELEASED
        and entry.number is not None
        and not job.ports.log.is_kept(model.key, entry.id)
    ]
    if not released:
        return
    problem = tags.set(
        model.key,
        job.name,
        {entry.number: entry.applied_commit for entry in released if entry.number is not None},
        made=released[-1].run == job.run.id,
    )
    if problem is not None:
        job.warnings.append(f"{job.tag}: {problem}")
