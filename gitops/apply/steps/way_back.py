"""The promotion that brings back what served before: in place, at once, on its own hardware."""

from __future__ import annotations

from typing import Final

from gitops.apply import blocks
from gitops.apply.job import Job
from gitops.apply.steps.activate import ask_to_start
from gitops.apply.steps.promote import is_side
from gitops.apply.waiting import ASKED, Told, until
from gitops.errors import AccessDenied, NotFound, RequestRefused, ResponseLost
from gitops.record.entry import Entry, Side
from gitops.render.words import refusal
from gitops.state.back import put_back
from gitops.state.health import Health, health_of
from gitops.state.json import JsonObject
from gitops.state.live import Deployment, LiveEnvironment
from gitops.state.schedules import PREFIX

FAST: Final[JsonObject] = {
    "rolling_deploy": False,
    "redeploy_on_promotion": False,
    "promotion_cleanup_strategy": "SCALE_TO_ZERO",
}
"""For this promotion only. The bad deployment stays, without replicas, to be looked into."""


def serves_again(job: Job, target: Side, intent: Entry | None) -> str | None:
    """Make ``target`` serve; None once it does, else why it does not.

    Every answer that is lost or refused is looked up: only what serves counts.
    """
    live = job.view.reread(job.name)
    if live is None:
        return "the environment is not there any more"
    if is_side(job, live.current, target):
        return None
    ours = False
    if live.candidate is None:
        problem = _ready(job, target)
        if problem is None:
            ours, problem = _request(job, target, intent, live)
        if problem is not None:
            return problem
    elif not is_side(job, live.candidate, target):
        return f"deployment {live.candidate.id} is being promoted instead"
    return _arrive(job, target, ours=ours)


def _ready(job: Job, target: Side) -> str | None:
    """Start what served before, where it was stopped; None once it can serve."""
    reader, model_id = job.ports.reader, job.view.model_id
    found = reader.deployment(model_id, target.deployment_id)
    if found is None:
        return f"deployment {target.deployment_id} is not on Baseten any more"
    if health_of(found.status) is Health.INACTIVE:
        job.progress(f"activating deployment {found.id}", status=found.status)
        try:
            ask_to_start(job, found.id)
        except RequestRefused as error:
            job.progress(f"looking whether it starts: {error.message}")

    def look() -> Deployment | None:
        seen = reader.deployment(model_id, target.deployment_id)
        if seen is None:
            return None
        moving = {Health.TRANSITION, Health.INACTIVE}
        return None if health_of(seen.status) in moving else seen

    started = until(job, look, limit=job.run.pace.confirm)
    if started is None:
        return f"deployment {target.deployment_id} did not start in time"
    if health_of(started.status) in {Health.READY, Health.UNHEALTHY}:
        # Baseten moves no traffic to it before it is healthy.
        return None
    return f"deployment {started.id} is {started.status}"


def _request(
    job: Job, target: Side, intent: Entry | None, live: LiveEnvironment
) -> tuple[bool, str | None]:
    """Whether the promotion that runs then was asked for here; why there is none."""
    before = intent.settings_before or {} if intent is not None else {}
    after = intent.settings_after or {} if intent is not None else {}
    # What served before has to serve again even where Baseten would refuse a schedule by now:
    # they are put back by themselves afterwards.
    changes = [
        each
        for each in put_back(before, after, live.settings, job.now())
        if not each.path.startswith(PREFIX)
    ]
    settings = blocks.of_changes(changes, live.settings) or None
    asked = False
    for _ in range(ASKED):
        try:
            promoted = job.ports.writer.promote(
                job.view.model_id,
                job.name,
                target.deployment_id,
                settings=settings,
                override=FAST,
                preserve_instance_type=False,
            )
        except ResponseLost as lost:
            asked = True
            job.progress(f"the answer was lost, looking: {lost.message}")
            if until(job, lambda: _shows(job, target), limit=job.run.pace.visible):
                return True, None
            if not _is_as_found(job, live):
                # Whoever was faster is not overruled.
                return True, None
        except (RequestRefused, NotFound, AccessDenied) as refused:
            if not _shows(job, target):
                return False, f"Baseten refused the way back: {refusal(refused.message)}"
            # A person promotes it, and was faster; or a request of ours that was lost.
            return asked, None
        else:
            job.view.remember(promoted)
            return True, None
    return True, "no answer to the way back arrives, and nothing of it is to be seen"


def _is_as_found(job: Job, found: LiveEnvironment) -> bool:
    """Whether what serves has not changed since, and nothing is on its way to."""
    live, current = job.live, found.current
    if live is None or live.candidate is not None:
        return False
    serving = live.current
    return (serving and serving.id) == (current and current.id)


def _shows(job: Job, target: Side) -> bool | None:
    live = job.view.reread(job.name)
    here = live is not None and (
        is_side(job, live.candidate, target) or is_side(job, live.current, target)
    )
    return here or None


def _arrive(job: Job, target: Side, *, ours: bool) -> str | None:  # noqa: C901 - a case a reason
    """Wait until it serves.

    Rolling steps that an older API took all the same are skipped where the promotion is ``ours``.
    """
    clock, limit = job.ports.clock, job.run.pace.confirm
    begun = clock.monotonic()
    seen = forced = False
    told = Told(clock)
    for pause in job.run.pace.pauses():
        live = job.view.reread(job.name)
        if live is None:
            return "the environment is not there any more"
        if is_side(job, live.current, target):
            return None
        candidate, promotion = live.candidate, live.promotion
        waited = clock.monotonic() - begun
        if candidate is None:
            if seen or waited >= job.run.pace.visible:
                return "the promotion of it ended without it serving"
        elif not is_side(job, candidate, target):
            return f"deployment {candidate.id} is being promoted instead"
        else:
            seen = True
            status = promotion.status.upper() if promotion is not None else ""
            if status == "PAUSED":
                return "the promotion of it was paused"
            if status in {"FAILED", "CANCELED"}:
                return f"the promotion of it ended as {status}"
            percent = promotion.percent if promotion is not None else None
            bad = live.current
            replicas = (candidate.active_replicas, bad.active_replicas if bad is not None else None)
            if told.is_news(status, percent, replicas):
                message = "going back"
                job.progress(message, status=status, percent=percent, old=candidate, new=bad)
            ready = health_of(candidate.status) is Health.READY
            rolling = promotion is not None and promotion.rolling is True
            if ours and ready and rolling and not forced:
                forced = True
                _force_forward(job)
        if waited >= limit:
            return "it did not serve in time"
        clock.sleep(pause)
    raise AssertionError("the pauses never end")


def _force_forward(job: Job) -> None:
    job.progress("Baseten moves its traffic in steps: forced forward")
    try:
        job.ports.writer.force_roll_forward(job.view.model_id, job.name)
    except (ResponseLost, RequestRefused, NotFound) as error:
        job.progress(f"looking whether it moves: {error.message}")
