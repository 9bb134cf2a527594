"""Check: send a check's requests to a deployment, and let its answers be judged."""

from __future__ import annotations

from gitops.apply import forensics
from gitops.apply.checking import Bench, run_checks
from gitops.apply.job import Ended, Job
from gitops.decide import steps
from gitops.decide.decision import State
from gitops.render.failures import FailureKind
from gitops.state.live import Deployment
from gitops.verify.results import Results, Woken
from gitops.verify.verdict import Outcome, figures


def check(job: Job, step: steps.Check) -> Ended | None:
    """Run the named checks in order; a definite failure of one spares the others."""
    deployment_id = step.deployment_id
    if deployment_id is None:
        return None
    by_name = {each.name: each for each in job.desired.checks}
    results = run_checks(
        _bench(job), deployment_id, [by_name[name] for name in step.names], lambda: _serving(job)
    )
    match results.stopped:
        case Woken.LATE:
            return _late(job, deployment_id)
        case Woken.NOT_READY:
            # The next decision sees what became of it.
            job.finished("skipped", deployment_id=deployment_id)
            return None
        case _:
            pass
    judged = results.verdict
    job.learn.check(deployment_id, judged)
    job.figures["checks"] = figures(judged)
    if judged.outcome is Outcome.PASS:
        job.finished(
            "ok", message=judged.reason, deployment_id=deployment_id, figures=figures(judged)
        )
        return None
    _not_passed(job, deployment_id, results)
    return None


def _bench(job: Job) -> Bench:
    return Bench(
        reader=job.ports.reader,
        prober=job.ports.prober,
        clock=job.ports.clock,
        pace=job.run.pace,
        stop=job.run.stop,
        model_id=job.view.model_id,
        start=job.view.desired.timeouts.start,
        say=job.progress,
        judge=job.ports.judge,
    )


def _serving(job: Job) -> Deployment | None:
    live = job.view.reread(job.name)
    return live.current if live is not None else None


def _late(job: Job, deployment_id: str) -> Ended:
    failure = job.failure(
        FailureKind.TIMED_OUT,
        candidate=job.ports.reader.deployment(job.view.model_id, deployment_id),
        doing="the start",
        seconds=job.view.desired.timeouts.start,
        still_running=True,
    )
    job.finished("failed", deployment_id=deployment_id, failure=failure)
    return Ended(exit_code=7, listed="running", failure=failure)


def _not_passed(job: Job, deployment_id: str, results: Results) -> None:
    judged = results.verdict
    serving = job.decision is not None and job.decision.state is State.VERIFY
    if serving:
        kind = FailureKind.UNVERIFIED
    elif judged.outcome is Outcome.FAIL:
        kind = FailureKind.CHECKS_FAILED
    else:
        kind = FailureKind.CHECKS_INCONCLUSIVE
    deployment = job.ports.reader.deployment(job.view.model_id, deployment_id)
    lines = tuple(line for each in judged.measurements for line in each.detail.splitlines())
    kept = forensics.keep(
        job, "checks", deployment=deployment, reason=judged.reason, pairs=results.pairs
    )
    failure = job.failure(kind, candidate=deployment, detail=judged.reason, lines=(*lines, *kept))
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
