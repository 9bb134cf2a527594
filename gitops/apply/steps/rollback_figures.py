"""What a rollback is confirmed by: replicas against their minimum, and how many requests failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from gitops.apply.job import Job
from gitops.apply.waiting import until
from gitops.decide.steps import RollBack
from gitops.errors import BasetenError
from gitops.record.entry import Entry
from gitops.state.json import Json
from gitops.state.live import LiveEnvironment
from gitops.verify.observation import Window


def minimum(live: LiveEnvironment) -> int | None:
    """The least replicas in force, schedules counted: what Baseten says holds, else the settings.

    The settings of the deployment itself follow schedules too; the environment's do not.
    """
    own = live.current.autoscaling if live.current is not None else None
    known = {**live.settings.autoscaling, **(own or {}), **(live.in_force or {})}
    found = known.get("min_replica")
    return found if isinstance(found, int) else None


def figures_of(job: Job, step: RollBack, intent: Entry | None, begun: datetime) -> dict[str, Json]:
    """Replicas against their minimum, and error rates before, during and after. None: unknown."""
    live = job.live
    current = live.current if live is not None else None
    figures: dict[str, Json] = dict(job.figures)
    rates: dict[str, Json] = {"before": None, "during": None, "after": None}
    promoted = intent.at if intent is not None else begun
    if step.to is not None:
        before = timedelta(seconds=job.run.pace.baseline)
        rates["before"] = _rate(job, step.to.deployment_id, promoted - before, promoted)
    rates["during"] = _rate(job, step.bad.deployment_id, promoted, begun)
    if current is not None and rates["during"] is not None:
        serving, since = current.id, job.now()
        rates["after"] = until(
            job,
            lambda: _rate(job, serving, since, job.now()),
            limit=job.run.pace.afterwards,
        )
    figures["rollback"] = {
        "replicas": current.active_replicas if current is not None else None,
        "minimum": minimum(live) if live is not None else None,
        "error_rate": rates,
        "failed_share": _failed_share(job, step, job.moved or promoted),
        "seconds": (job.now() - begun).total_seconds(),
    }
    return figures


def _failed_share(job: Job, step: RollBack, since: datetime) -> float | None:
    """Of all requests to the environment since traffic moved, the share that the release failed.

    None where figures of one of the two sides are unknown.
    """
    sides = [each for each in (step.bad, step.to) if each is not None]
    windows = [_window(job, each.deployment_id, since, job.now()) for each in sides]
    requests = errors = 0.0
    for window in windows:
        if window is None or window.requests is None or window.errors is None:
            return None
        requests, errors = requests + window.requests, errors + window.errors
    return errors / requests if requests else None


def _rate(job: Job, deployment_id: str, start: datetime, end: datetime) -> float | None:
    window = _window(job, deployment_id, start, end)
    return window.error_rate if window is not None else None


def _window(job: Job, deployment_id: str, start: datetime, end: datetime) -> Window | None:
    if end <= start:
        return None
    try:
        return job.ports.reader.window(job.view.model_id, deployment_id, start, end)
    except BasetenError as error:
        job.progress(f"no figures: {error.message}")
        return None
