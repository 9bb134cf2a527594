"""Apply: plan, hold it against what was reviewed and allowed, ask, and carry it out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from gitops.apply.clock import StopFlag
from gitops.apply.executor import Outcome, execute
from gitops.apply.run import Emit, Run
from gitops.errors import Refused, RemoteUnreachable
from gitops.pipeline.plan import Planned, PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.selection import Selection
from gitops.plan.compare import raise_if_stale
from gitops.plan.model import Plan
from gitops.plan.safety import raise_if_unsafe

DEFAULT_PARALLEL: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """What to apply. ``saved``: a reviewed plan; then what it holds is applied, or nothing is.

    ``parallel`` models are worked on at a time.
    """

    plan: PlanRequest = field(default_factory=PlanRequest)
    saved: Plan | None = None
    parallel: int = DEFAULT_PARALLEL
    strict: bool = False
    allow_many: bool = False
    allow_cost: bool = False
    allow_dirty: bool = False


def apply(
    project: Project,
    request: ApplyRequest,
    *,
    emit: Emit,
    approve: Callable[[Planned], bool],
    stoppable: Callable[[StopFlag], None],
) -> Outcome:
    """Carry out what the plan says.

    ``approve`` is shown the plan and says whether to go on. ``stoppable`` is handed the flag that
    makes every model's run stop in an orderly way. ``emit`` hears the events, one at a time; the
    last one is ``apply_finished``.

    Raises ``Refused`` for a stale plan, an exceeded limit, uncommitted changes or a no,
    ``Interrupted`` where it was to stop before it began, and ``RemoteUnreachable`` where the deploy
    log cannot be read; nothing on Baseten was changed then.
    """
    asked = request.plan if request.saved is None else _of(request.saved, request.plan)
    with opened(project, asked) as session:
        stoppable(session.outside.stop)
        _raise_if_dirty(session, request)
        _raise_if_unknown(session)
        planned = session.plan()
        if request.saved is not None:
            raise_if_stale(request.saved, planned.plan)
        raise_if_unsafe(
            planned.plan,
            planned.desired.limits,
            allow_many=request.allow_many,
            allow_cost=request.allow_cost,
        )
        session.outside.stop.check()
        if not approve(planned):
            raise Refused("not approved", hint="Nothing was changed.")
        # Whoever was asked may have taken an hour: the executor decides by what is there now.
        session.outside.log.fetch()
        return execute(_run(session, planned, request, emit), planned.desired.models)


def _run(session: Session, planned: Planned, request: ApplyRequest, emit: Emit) -> Run:
    environment = session.selection.environment
    return replace(
        session.run(planned.desired, planned.live),
        emit=emit,
        id=uuid.uuid4().hex,
        parallel=request.parallel,
        strict=request.strict,
        max_rollbacks=planned.desired.limits.max_rollbacks,
        planned=sum(len(model.actions) for model in planned.plan.models),
        plan=planned.plan,
        environments=None if environment is None else frozenset({environment}),
    )


def _of(saved: Plan, request: PlanRequest) -> PlanRequest:
    """The request that plans the same models and environments again, at the present commit."""
    names = {each.environment for model in saved.models for each in model.environments}
    alone = names.pop() if len(names) == 1 else None
    only = frozenset(model.name for model in saved.models)
    return replace(request, selection=Selection(only=only, environment=alone))


def _raise_if_dirty(session: Session, request: ApplyRequest) -> None:
    if session.whole.dirty and not request.allow_dirty:
        raise Refused(
            "the release files have uncommitted changes",
            hint="Commit them, or apply them as they are with --allow-dirty.",
        )


def _raise_if_unknown(session: Session) -> None:
    if not session.history_known and not session.request.no_log:
        raise RemoteUnreachable(
            "; ".join(session.warnings) or "history unknown",
            hint="Nothing was sent. On a day when the Git host is down, --no-log goes on without "
            "the deploy log and keeps its entries for the next run.",
        )
