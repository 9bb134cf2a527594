"""Watch: judge what serves by its health and its figures, until the verdict is certain."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gitops.apply.job import Ended, Job
from gitops.apply.steps.previous import read_back
from gitops.apply.waiting import Told, jumped
from gitops.decide.judge import condemned
from gitops.decide.steps import Watch
from gitops.errors import AccessDenied, BasetenError, NotFound, RequestRefused, Unavailable
from gitops.render.words import count, percent
from gitops.state.health import Health, health_of
from gitops.verify.observation import Window
from gitops.verify.verdict import Outcome, Verdict, figures
from gitops.verify.watch import Watching, begin, look

_A_MOMENT: Final = timedelta(milliseconds=100)


def watch(job: Job, step: Watch) -> Ended | None:
    """Look at what serves until its verdict is certain; something else serving ends the watch.

    The data that is judged begins with the promotion's end, where this run saw it, else now.
    """
    jumped(job)
    current = job.live.current if job.live else None
    deployment_id = step.deployment_id or (current.id if current else "")
    began = job.promoted or job.now()
    read_back(job, step.intent)
    state = begin(
        job.desired.watch,
        began=began,
        lag=job.run.pace.metrics_lag,
        baseline=figures_before(job, step.intent),
    )
    said = Told(job.ports.clock)
    for pause in job.run.pace.pauses():
        live = job.view.reread(job.name)
        serving = live.current if live is not None else None
        if serving is None or serving.id != deployment_id:
            return None
        if health_of(serving.status) in {Health.INACTIVE, Health.STOPPED}:
            return None
        state = state.shifted(jumped(job))
        now = job.now()
        window = _window(job, deployment_id, state, now) if state.has_bounds else None
        state = look(state, at=now, status=serving.status, window=window)
        told = _told(state, window)
        if said.is_news(told, serving.status, serving.active_replicas):
            job.progress(told, status=serving.status, new=serving)
        if state.verdict is not None:
            _judged(job, deployment_id, state)
            return None
        job.ports.clock.sleep(_pause(pause, state, now))
    raise AssertionError("the pauses never end")


def _window(job: Job, deployment_id: str, state: Watching, now: datetime) -> Window | None:
    """The figures to judge; ``until`` is set once Baseten has figures of the time after them.

    Metrics trail behind by minutes, and nothing says by how many: a replica count from after the
    watch's end is proof that everything before it has arrived. It is looked for first.
    """
    complete = False
    if now - state.ends > _A_MOMENT:
        after = figures_since(job, deployment_id, state.ends, now)
        complete = after is not None and after.replicas is not None
    # Until the watch is over only what is certain counts, and traffic that moved in steps counts
    # towards that from its first one.
    began = min(job.moved or state.began, state.began) if now < state.ends else state.began
    window = figures_since(job, deployment_id, began, min(now, state.ends))
    if window is None or not complete or window.until is not None:
        return window
    return replace(window, until=state.ends)


def figures_since(job: Job, deployment_id: str, start: datetime, end: datetime) -> Window | None:
    """A deployment's figures; None where they cannot be read.

    Unknown figures never fail a release: where the file wants them, they end up inconclusive.
    """
    if end <= start:
        return None
    try:
        with job.view.looks.asking():
            return job.ports.reader.window(job.view.model_id, deployment_id, start, end)
    except (Unavailable, RequestRefused, NotFound, AccessDenied) as error:
        told = f"no figures: {error.message}"
        if told != job.no_figures:
            job.no_figures = told
            job.progress(told)
        return None


def _pause(pause: float, state: Watching, now: datetime) -> float:
    """No longer than to the end of the data, so that a verdict does not wait for a long pause."""
    left = (state.ends - now).total_seconds()
    return min(pause, left) if left > 0 else pause


def figures_before(job: Job, intent_id: str | None) -> Window | None:
    """The previous deployment's own figures from before the promotion that is watched."""
    wanted = job.desired.watch
    intent = job.history.intent(intent_id)
    if wanted is None or intent is None or intent.from_ is None:
        return None
    if wanted.error_rate is None and not wanted.latency:
        return None
    seconds = min(max(wanted.seconds, 60.0), job.run.pace.baseline)
    start = intent.at - timedelta(seconds=seconds)
    try:
        return job.ports.reader.window(
            job.view.model_id, intent.from_.deployment_id, start, intent.at
        )
    except BasetenError as error:
        job.progress(f"no figures of the deployment before: {error.message}")
        return None


def _judged(job: Job, deployment_id: str, state: Watching) -> None:
    verdict = state.verdict
    assert verdict is not None
    job.learn.watch(deployment_id, verdict)
    job.figures["watch"] = figures(verdict)
    if state.as_bad:
        job.learn.as_bad(deployment_id)
        job.warnings.append(f"{job.tag}: {verdict.reason}; the deployment before was as bad")
    if not condemned(verdict, job.desired.watch):
        job.finished(
            "ok",
            message=_passed(verdict),
            deployment_id=deployment_id,
            figures=figures(verdict),
        )
        return
    # Bad: the action stays open, for what follows (a rollback, an alert) tells how it ends.
    job.progress(verdict.reason)


def _passed(verdict: Verdict) -> str:
    if verdict.outcome is not Outcome.INCONCLUSIVE:
        return verdict.reason
    return (
        f"{verdict.reason}; that counts as passed, as on_inconclusive is pass "
        "(on_inconclusive: fail rolls back)"
    )


def _told(state: Watching, window: Window | None) -> str:
    if not state.has_bounds or window is None or window.requests is None:
        return "watching"
    rate = window.error_rate
    errors = f", {percent(rate)} failed" if rate is not None else ""
    return f"watching: {count(round(window.requests), 'request')}{errors}"
