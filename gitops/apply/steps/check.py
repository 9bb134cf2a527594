"""Check: send a check's requests to a deployment, and let its answers be judged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from gitops.apply.job import Ended, Job
from gitops.apply.waiting import until
from gitops.decide.decision import State
from gitops.plan import steps
from gitops.render.failures import FailureKind
from gitops.state.desired import Check
from gitops.state.health import Health, health_of
from gitops.state.live import Deployment
from gitops.verify.check import planned_runs, together, verdict
from gitops.verify.observation import Answer
from gitops.verify.shot import Shot
from gitops.verify.verdict import Outcome, Verdict, figures


def check(job: Job, step: steps.Check) -> Ended | None:
    """Run the named checks in order; a definite failure of one spares the others."""
    deployment_id = step.deployment_id
    if deployment_id is None:
        return None
    woken = _awake(job, deployment_id)
    if isinstance(woken, Ended):
        return woken
    if not woken:
        # It is not ready any more: the next decision sees what became of it.
        job.finished("skipped", deployment_id=deployment_id)
        return None
    by_name = {each.name: each for each in job.desired.checks}
    verdicts: list[tuple[str, Verdict]] = []
    for name in step.names:
        found = _run(job, deployment_id, by_name[name])
        verdicts.append((name, found))
        job.progress(found.reason)
        if found.outcome is Outcome.FAIL:
            break
    judged = together(verdicts)
    job.learn.check(deployment_id, judged)
    job.figures["checks"] = figures(judged)
    if judged.outcome is Outcome.PASS:
        job.finished(
            "ok", message=judged.reason, deployment_id=deployment_id, figures=figures(judged)
        )
        return None
    _not_passed(job, deployment_id, judged)
    return None


def _not_passed(job: Job, deployment_id: str, judged: Verdict) -> None:
    serving = job.decision is not None and job.decision.state is State.VERIFY
    if serving:
        kind = FailureKind.UNVERIFIED
    elif judged.outcome is Outcome.FAIL:
        kind = FailureKind.CHECKS_FAILED
    else:
        kind = FailureKind.CHECKS_INCONCLUSIVE
    deployment = job.ports.reader.deployment(job.view.model_id, deployment_id)
    failure = job.failure(
        kind,
        candidate=deployment,
        detail=judged.reason,
        lines=tuple(line for each in judged.measurements for line in each.detail.splitlines()),
    )
    job.finished(
        "failed",
        message=judged.reason,
        deployment_id=deployment_id,
        figures=figures(judged),
        failure=failure,
    )
    rejected = judged.outcome is Outcome.FAIL and not serving
    job.ended.append(
        Ended(exit_code=5, listed="rejected" if rejected else "failed", failure=failure)
    )


def _awake(job: Job, deployment_id: str) -> bool | Ended:
    """Wake what scaled to zero and wait for it: that is starting, and no check's latency."""
    reader, model_id = job.ports.reader, job.view.model_id

    def look() -> Deployment | None:
        found = reader.deployment(model_id, deployment_id)
        if found is None or found.status == "SCALED_TO_ZERO":
            return None
        return found if health_of(found.status) is not Health.TRANSITION else None

    first = reader.deployment(model_id, deployment_id)
    if first is None:
        return False
    if first.status == "SCALED_TO_ZERO":
        job.progress(f"waking deployment {first.id}", status=first.status)
        job.ports.prober.wake(model_id, deployment_id)
        limit = job.view.desired.timeouts.start
        found = until(job, look, limit=limit)
        if found is None:
            failure = job.failure(
                FailureKind.TIMED_OUT,
                candidate=first,
                doing="the start",
                seconds=limit,
                still_running=True,
            )
            job.finished("failed", deployment_id=deployment_id, failure=failure)
            return Ended(exit_code=7, listed="running", failure=failure)
        first = found
    return health_of(first.status) in {Health.READY, Health.UNHEALTHY}


def _run(job: Job, deployment_id: str, asked: Check) -> Verdict:
    """Warm up, then send every counted request, ``concurrency`` at a time.

    Where the check compares, each request goes to what serves now as well, in turns: both meet the
    same minute.
    """
    other = _compared_with(job, deployment_id) if asked.expect.than_current else None
    sides = [deployment_id, other] if other is not None else [deployment_id]
    warmup = [index % len(asked.probes) for index in range(min(asked.warmup, asked.max_requests))]
    runs = planned_runs(asked, sides=len(sides))

    def send(turn: int, index: int) -> list[Answer]:
        ordered = sides if turn % 2 == 0 else sides[::-1]
        answers = {each: _send(job, each, asked, index) for each in ordered}
        return [answers[each] for each in sides]

    with ThreadPoolExecutor(max_workers=max(asked.concurrency, 1)) as pool:
        list(pool.map(send, range(len(warmup)), warmup))
        answers = list(pool.map(send, range(len(runs)), runs))

    def shots(side: int) -> list[Shot]:
        return [
            Shot(
                body=asked.probes[index].body,
                expect=asked.probes[index].expect or asked.expect,
                answer=answer[side],
            )
            for index, answer in zip(runs, answers, strict=True)
        ]

    return verdict(asked, shots(0), shots(1) if other is not None else None)


def _send(job: Job, deployment_id: str, asked: Check, index: int) -> Answer:
    job.run.stop.check()
    return job.ports.prober.send(
        job.view.model_id,
        deployment_id,
        asked.path,
        asked.probes[index].body,
        headers=asked.headers,
        timeout=asked.timeout,
        stream=asked.stream,
    )


def _compared_with(job: Job, deployment_id: str) -> str | None:
    """What serves now, awake, and on which scale both run; None where there is nothing else."""
    live = job.view.reread(job.name)
    current = live.current if live is not None else None
    if current is None or current.id == deployment_id or _awake(job, current.id) is not True:
        return None
    candidate = job.ports.reader.deployment(job.view.model_id, deployment_id)
    now = job.ports.reader.deployment(job.view.model_id, current.id)
    if candidate is not None and now is not None:
        job.progress(
            f"comparing deployment {candidate.id} ({_scale(candidate)}) with {now.id} "
            f"({_scale(now)})"
        )
    return current.id


def _scale(deployment: Deployment) -> str:
    replicas = deployment.active_replicas
    hardware = deployment.instance_type_name or "unknown hardware"
    return f"{replicas} replica{'' if replicas == 1 else 's'} of {hardware}"
