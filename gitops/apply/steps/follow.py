"""Follow: a promotion runs; tell how far it is and judge what it brings, until it ends."""

from __future__ import annotations

from typing import Final

from gitops.apply.job import Ended, Job
from gitops.apply.steps.settings import write_until_read_back
from gitops.apply.steps.watching import figures_before, figures_since
from gitops.apply.waiting import Told, jumped
from gitops.decide import settings_to_make
from gitops.decide.steps import Follow
from gitops.errors import RequestRefused
from gitops.render.failures import FailureKind
from gitops.state.desired import Watch
from gitops.state.differences import differences, equal
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment, Promotion
from gitops.state.settings import Change
from gitops.verify.verdict import Outcome, Verdict, figures
from gitops.verify.watch import Watching, begin, look

STANDING_STILL: Final = frozenset({"PAUSED", "RAMPING_DOWN", "FAILED", "CANCELED"})
"""Statuses in which following is over and a decision is due."""


def follow(job: Job, step: Follow) -> Ended | None:  # noqa: C901, PLR0912 - a case a reason to stop
    """Look until the promotion's end, a person's pause, a certain verdict, or the file's limit.

    What it ended as is not decided here: the next decision reads what serves.
    """
    if step.intent is None:
        job.learn.followed(step.deployment_id)
    jumped(job)
    clock, limit = job.ports.clock, job.view.desired.timeouts.promotion
    begun = clock.monotonic()
    told = Told(clock)
    judged: Watching | None = None
    for pause in job.run.pace.pauses():
        live = job.view.reread(job.name)
        if live is None:
            return None
        if live.current is not None and live.current.id == step.deployment_id:
            return _arrived(job, step)
        candidate = live.candidate
        if candidate is None or candidate.id != step.deployment_id:
            return None
        if step.intent is not None and not step.undo:
            job.learn.seen(step.intent)
        promotion = live.promotion or Promotion(status="RELEASING")
        if promotion.percent > 0:
            job.learn.traffic(candidate.id)
        old = live.current
        replicas = (candidate.active_replicas, old.active_replicas if old is not None else None)
        if told.is_news(promotion.status, promotion.percent, candidate.status, replicas):
            job.progress(
                f"deployment {candidate.id} is {candidate.status}",
                status=promotion.status,
                percent=promotion.percent,
                old=old,
                new=candidate,
            )
        stands = promotion.status.upper() in STANDING_STILL
        if stands or health_of(candidate.status) in {Health.FAILED, Health.STOPPED}:
            return None
        if not step.undo and promotion.percent > 0:
            judged = judged or _begin(job, step.intent)
            if judged.verdict is None:
                judged = _judge(job, judged, candidate)
                if _condemned(job, candidate, judged.verdict, promotion):
                    return None
        if clock.monotonic() - begun >= limit:
            return _patience_ended(job, candidate, promotion, limit)
        clock.sleep(pause)
    raise AssertionError("the pauses never end")


def _begin(job: Job, intent: str | None) -> Watching:
    """The watch's own rules, without an end: only what is beyond doubt counts while traffic moves.

    The previous deployment's figures are those from before the promotion, as for the watch itself.
    """
    job.moved = job.now()
    asked = job.desired.watch or Watch(seconds=0)
    bounded = asked.seconds > 0 and not job.options.no_watch
    endless = Watch(
        seconds=job.view.desired.timeouts.promotion * 2,
        error_rate=asked.error_rate if bounded else None,
        latency=asked.latency if bounded else {},
        min_requests=asked.min_requests,
        unhealthy_for=asked.unhealthy_for,
    )
    return begin(
        endless,
        began=job.moved,
        lag=job.run.pace.metrics_lag,
        baseline=figures_before(job, intent) if bounded else None,
    )


def _judge(job: Job, judged: Watching, candidate: Deployment) -> Watching:
    judged = judged.shifted(jumped(job))
    now = job.now()
    window = figures_since(job, candidate.id, judged.began, now) if judged.has_bounds else None
    return look(judged, at=now, status=candidate.status, window=window)


def _condemned(
    job: Job, candidate: Deployment, verdict: Verdict | None, promotion: Promotion
) -> bool:
    """Whether the promotion has to end now. Where the watch only alerts, it is told and goes on."""
    if verdict is None or verdict.outcome is not Outcome.FAIL:
        return False
    watch = job.desired.watch
    if watch is not None and watch.on_failure == "alert":
        job.progress(f"{verdict.reason}; the watch only alerts, so the promotion goes on")
        return False
    job.learn.watch(candidate.id, verdict)
    job.figures["watch"] = {**figures(verdict), "percent": promotion.percent}
    return True


def _arrived(job: Job, step: Follow) -> Ended | None:
    job.promoted = job.now()
    live = job.live
    job.progress("it serves", percent=100, new=live.current if live is not None else None)
    if step.undo:
        return None
    # What an older API left out of the promotion is written now, before it is judged.
    missing = _left_out(job, step)
    if not missing:
        return None
    job.progress(f"Baseten left out {', '.join(each.path for each in missing)}: written now")
    try:
        missing = write_until_read_back(job, missing)
    except RequestRefused as refused:
        job.warnings.append(f"{job.tag}: {refused.message}")
        return None
    if missing:
        paths = ", ".join(each.path for each in missing)
        job.warnings.append(f"{job.tag}: Baseten does not show {paths} yet")
    return None


def _left_out(job: Job, step: Follow) -> tuple[Change, ...]:
    """The settings that the intent announced and that are still as it found them.

    Those that somebody has changed since, or that it left alone, are for the next decision. Where
    Baseten put a model's first deployment here by itself, nobody announced any: all that Git asks
    for and may have.
    """
    opened, live = job.history.intent(step.intent), job.live
    if live is None:
        return ()
    if opened is None:
        first = job.history.last is None
        return job.view.ask(job.desired, job.evidence, settings_to_make) if first else ()
    found = differences(job.desired.settings, live.settings, now=job.now())
    before, after = opened.settings_before or {}, opened.settings_after or {}
    return tuple(
        each
        for each in found
        if each.path in after
        and equal(each.path, after[each.path], each.after)
        and equal(each.path, before.get(each.path), each.before)
    )


def _patience_ended(job: Job, candidate: Deployment, promotion: Promotion, seconds: float) -> Ended:
    failure = job.failure(
        FailureKind.TIMED_OUT,
        candidate=candidate,
        doing="the promotion",
        seconds=seconds,
        percent=promotion.percent,
        detail=f"{promotion.status}, {promotion.percent} % of the traffic",
        still_running=True,
    )
    job.finished("failed", deployment_id=candidate.id, failure=failure)
    return Ended(exit_code=7, listed="running", failure=failure)
