"""One environment from its first decision to its rest: observe, decide, one step, again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gitops import wording
from gitops.apply.budget import Budget
from gitops.apply.exits import INTERRUPTED, STILL_RUNS, combined
from gitops.apply.job import Ended, Job, Listed
from gitops.apply.steps.carry_out import carry_out
from gitops.apply.steps.ready import BUILD_FAILURES
from gitops.apply.tagging import tag_releases
from gitops.decide.answers import BLOCKED_CODE, REQUIREMENTS, ROLLED_BACK
from gitops.decide.decision import Decision, State
from gitops.decide.notices import kept_notices
from gitops.decide.steps import Promote, Push, RollBack, Step, Wait
from gitops.errors import (
    AccessDenied,
    BasetenError,
    GitopsError,
    Interrupted,
    LeaseEnded,
    Locked,
    LogMoved,
    NotFound,
    RemoteUnreachable,
    RepositoryError,
    RequestRefused,
)
from gitops.plan.events import Failure
from gitops.render import words
from gitops.render.failures import FailureKind
from gitops.state.health import Health, health_of

_SAME_STEP: Final = 8
"""How often one step may come up in an environment before it is clear that it changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one environment ended. ``listed`` None: nothing to list (``mode: pause``)."""

    tag: str
    model: str
    environment: str
    exit_code: int
    listed: Listed | None
    decision: Decision | None = None
    failures: tuple[Failure, ...] = ()
    warnings: tuple[str, ...] = field(default_factory=tuple)


def run_environment(job: Job, budget: Budget) -> Result:
    """Take an environment as far as it goes; every error that is no bug becomes a result."""
    try:
        ended = _steps(job, budget)
    except Interrupted:
        ended = _interrupted(job)
    except GitopsError as error:
        ended = _errored(job, error)
    if ended is None:
        ended = _at_rest(job)
    if job.open is not None:
        failure = ended.failure if ended is not None else None
        job.finished("ok" if failure is None else "failed", failure=failure)
    if not job.run.stop.is_set:
        tag_releases(job)
    return _result(job, ended)


def _steps(job: Job, budget: Budget) -> Ended | None:
    taken: list[Step] = []
    while True:
        job.run.stop.check()
        if job.run.lease is not None:
            job.run.lease.check()
        job.view.refresh()
        decision = job.decision = job.view.decide(job.desired, job.evidence)
        if not decision.steps or decision.after:
            return None
        if job.run.only_back and budget.rollbacks and releases(decision):
            return None
        step = decision.steps[0]
        if taken.count(step) >= _SAME_STEP:
            return _standstill(job, decision)
        if isinstance(step, Push | Promote) and not budget.allows_promotions:
            return _budget_spent(job, budget)
        if not isinstance(step, Wait):
            # Waiting has limits of its own.
            taken.append(step)
            job.waiting_since = None
        job.started(step)
        job.going_back = isinstance(step, RollBack)
        ended = carry_out(job, step)
        job.going_back = False
        if isinstance(step, RollBack):
            budget.count_rollback()
        if ended is not None:
            return ended


def releases(decision: Decision) -> bool:
    """Whether what is to be done next is on the way to a release."""
    return any(isinstance(step, Push | Promote) for step in decision.steps)


def _result(job: Job, ended: Ended | None) -> Result:
    """What counts is the worst that happened."""
    decision = job.decision
    endings = [*job.ended, *([ended] if ended is not None else [])]
    codes = [each.exit_code for each in endings]
    failures = [each.failure for each in endings if each.failure is not None]
    exit_code = combined(codes, interrupted=INTERRUPTED in codes)
    listed: Listed | None = next(
        (each.listed for each in endings if each.exit_code == exit_code and exit_code), None
    )
    if listed is None and decision is not None:
        # Only where it went back, and nothing else was asked of this run.
        gone_back = job.run.only_back and not exit_code and releases(decision)
        listed = "held" if gone_back else _listed(decision, exit_code)
    return Result(
        tag=job.tag,
        model=job.model,
        environment=job.name,
        exit_code=exit_code,
        listed=listed if listed is not None or decision is not None else "failed",
        decision=decision,
        failures=tuple(dict.fromkeys(failures)),
        warnings=tuple(job.warnings),
    )


def _at_rest(job: Job) -> Ended | None:
    """What the last decision says of an environment in which nothing is left to be done."""
    decision = job.decision
    code = _resting_code(job, decision) if decision is not None else 0
    if decision is not None and decision.row == REQUIREMENTS and decision.state is State.HELD:
        job.passed_over("promote", decision.reason)
    if decision is not None:
        for notice in kept_notices(decision.kept):
            job.passed_over("update_settings", notice)
    if decision is None or not code:
        return None
    listed = _listed(decision, code) or "failed"
    awaited = _awaited(job, decision)
    if awaited:
        job.passed_over("promote", f"it waits for {' and '.join(awaited)}")
        return Ended(exit_code=code, listed=listed)
    # What went wrong on the way has told its own story.
    told = any(each.failure is not None for each in job.ended)
    failure = None if told else _resting_failure(job, decision)
    return Ended(exit_code=code, listed=listed, failure=failure)


def _awaited(job: Job, decision: Decision) -> tuple[str, ...]:
    """The environments that this one is behind, where they have told in this run what is wrong."""
    if not decision.after and (decision.row != REQUIREMENTS or decision.blocked is None):
        return ()
    names = tuple(need.environment for need in job.desired.requires)
    behind = tuple(name for name in names if name in job.view.ended_badly)
    return tuple(f"{job.model}/{name}" for name in behind)


def _resting_code(job: Job, decision: Decision) -> int:
    if decision.after:
        return 4
    waits = decision.state is State.HELD or decision.kept is not None
    if waits and decision.exit_code == 0 and job.run.strict:
        return 4
    return decision.exit_code


def _resting_failure(job: Job, decision: Decision) -> Failure:
    if decision.after:
        names = ", ".join(decision.after)
        return job.failure(
            FailureKind.BLOCKED,
            detail=f"it waits for {names}, which has not succeeded",
            remedy=f"See to {names} first, then apply again.",
        )
    if decision.blocked is not None:
        remedy = decision.blocked.remedy
        live = job.live
        return job.failure(
            FailureKind.BLOCKED,
            candidate=live.candidate if live is not None else None,
            percent=live.promotion.percent if live is not None and live.promotion else None,
            detail=decision.blocked.why,
            remedy=f"{remedy[:1].upper()}{remedy[1:]}.",
        )
    if decision.kept is not None and decision.state is State.CONVERGED:
        remedy = decision.kept.remedy
        return job.failure(
            FailureKind.BLOCKED,
            detail=decision.kept.why,
            remedy=f"{remedy[:1].upper()}{remedy[1:]}.",
        )
    last = job.history.last
    serving = job.live.current if job.live is not None else None
    if (
        decision.state is State.HELD
        and serving is not None
        and health_of(serving.status) is Health.FAILED
    ):
        return job.failure(
            FailureKind.SERVING_FAILED,
            detail=decision.reason,
            remedy="what Git asks for is held, so mend this one on Baseten by what its log says, "
            "or release a commit that works.",
        )
    if decision.state is State.HELD and last is not None and last.ended_by is not None:
        return job.failure(FailureKind.ENDED_BY_PERSON, candidate=last.to, person=last.ended_by)
    kind = {
        State.VERIFY: FailureKind.UNVERIFIED,
        State.RETRY: FailureKind.SERVING_FAILED,
        State.ACTIVATE: FailureKind.SERVING_FAILED,
        State.PROMOTE: FailureKind.START_FAILED,
        State.PUSH: FailureKind.START_FAILED,
        State.HELD: FailureKind.HELD,
    }.get(decision.state, FailureKind.BLOCKED)
    target = decision.target
    if kind is FailureKind.START_FAILED and target is not None and target.status in BUILD_FAILURES:
        kind = FailureKind.BUILD_FAILED
    if decision.row == REQUIREMENTS:
        names = wording.listed([need.environment for need in job.desired.requires])
        return job.failure(kind, detail=decision.reason, remedy=f"See to {names} first.")
    # What a hold's reason advises is what its sentences say at their end.
    reason = decision.reason.partition("; release another commit")[0]
    return job.failure(kind, candidate=target, detail=reason, shared=True)


def _listed(decision: Decision, exit_code: int) -> Listed | None:
    match decision.state:
        case State.PAUSED:
            return None
        case State.HELD:
            return "rolled_back" if exit_code == ROLLED_BACK else "held"
        case State.SUPERSEDED:
            return "superseded"
        case State.CONVERGED if decision.kept is not None and exit_code == BLOCKED_CODE:
            return "held"
        case State.BLOCKED:
            return "blocked"
        case State.WAIT | State.FOLLOW:
            return "running"
        case _ if decision.after:
            return "blocked"
        case _:
            return "failed" if exit_code else "converged"


def _interrupted(job: Job) -> Ended:
    live = job.live
    moving = live is not None and live.candidate is not None
    building = job.open is not None and job.open.kind in {"push", "ready", "activate", "retry"}
    failure = job.failure(
        FailureKind.INTERRUPTED,
        candidate=live.candidate if live is not None else None,
        percent=live.promotion.percent if live is not None and live.promotion else None,
        doing=_doing(job),
        still_running=moving or building,
    )
    return Ended(exit_code=INTERRUPTED, listed="running", failure=failure)


def _doing(job: Job) -> str:
    """What was under way, as a noun; what is watched while traffic moves is a promotion."""
    moving = job.live is not None and job.live.candidate is not None
    if job.going_back:
        return words.ROLLBACK
    if job.open is None:
        return "the reading of what is there"
    return words.doing("promote" if moving and job.open.kind == "watch" else job.open.kind)


def _errored(job: Job, error: GitopsError) -> Ended:
    doing = _doing(job)
    kind = FailureKind.REQUEST_REFUSED
    refused = RequestRefused | AccessDenied | NotFound
    if isinstance(error, BasetenError) and not isinstance(error, refused):
        # It was not reached, or what it answered says nothing.
        kind = FailureKind.API_UNAVAILABLE
    elif isinstance(error, LogMoved):
        kind = FailureKind.LOG_MOVED
    elif isinstance(error, Locked | LeaseEnded):
        return _unlocked(job, error, doing)
    elif isinstance(error, RepositoryError) and not isinstance(error, RemoteUnreachable):
        kind = FailureKind.REPOSITORY_FAILED
    elif not isinstance(error, BasetenError):
        kind = FailureKind.BLOCKED
    hint = f"{error.hint[:1].upper()}{error.hint[1:]}." if error.hint else ""
    failure = job.failure(kind, doing=doing, detail=error.message, remedy=hint)
    return Ended(exit_code=error.exit_code, listed="failed", failure=failure)


def _unlocked(job: Job, error: Locked | LeaseEnded, doing: str) -> Ended:
    """The lock is gone, to another run or for want of a Git host: nothing more is sent."""
    job.view.look_again(job.name)
    live = job.live
    moving = live is not None and live.candidate is not None
    failure = job.failure(
        FailureKind.LOCK_LOST if isinstance(error, Locked) else FailureKind.LEASE_ENDED,
        candidate=live.candidate if live is not None else None,
        percent=live.promotion.percent if live is not None and live.promotion else None,
        doing=doing,
        detail=error.message,
        still_running=moving,
    )
    # Where nobody else goes on with it, what still moves is what the next apply continues from.
    code = STILL_RUNS if moving and isinstance(error, LeaseEnded) else error.exit_code
    return Ended(exit_code=code, listed="running" if moving else "failed", failure=failure)


def _standstill(job: Job, decision: Decision) -> Ended:
    failure = job.failure(
        FailureKind.BLOCKED,
        detail=f"the same step came up again and again and changed nothing: {decision.reason}",
    )
    return Ended(exit_code=1, listed="failed", failure=failure)


def _budget_spent(job: Job, budget: Budget) -> Ended:
    failure = job.failure(
        FailureKind.BLOCKED,
        detail=f"{words.count(budget.rollbacks, 'release')} of this run went back, and "
        "limits.max_rollbacks lets it begin no further one",
        remedy="Find out what the releases that went back have in common, then apply again.",
    )
    return Ended(exit_code=4, listed="blocked", failure=failure)
