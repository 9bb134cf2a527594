"""Apply: plan, hold it against what was reviewed and allowed, ask, and carry it out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from gitops.apply.clock import StopFlag
from gitops.apply.executor import Outcome, execute
from gitops.apply.locking import Claim
from gitops.apply.run import Emit, Run
from gitops.errors import GitopsError, Refused, RemoteUnreachable, UsageError
from gitops.pipeline.plan import Planned, PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.selection import Selection
from gitops.plan.compare import raise_if_stale
from gitops.plan.model import Plan
from gitops.plan.present import Present
from gitops.plan.safety import consented, raise_if_unsafe
from gitops.state.live import AuditEntry
from gitops.wording import sentence

DEFAULT_PARALLEL: Final = 8

_NOTHING: Final = "Nothing on Baseten was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """What to apply. ``saved``: a reviewed plan; then what it holds is applied, or nothing is.

    ``parallel`` models are worked on at a time. ``lock_timeout`` is how many seconds to wait for
    other runs that hold the lock of one of the models.
    """

    plan: PlanRequest = field(default_factory=PlanRequest)
    saved: Plan | None = None
    parallel: int = DEFAULT_PARALLEL
    strict: bool = False
    allow_many: bool = False
    allow_cost: bool = False
    allow_dirty: bool = False
    lock_timeout: float = 0.0


def apply(
    project: Project,
    request: ApplyRequest,
    *,
    emit: Emit,
    approve: Callable[[Planned], bool],
    stoppable: Callable[[StopFlag], None],
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Carry out what the plan says.

    ``approve`` is shown the plan and says whether to go on. ``stoppable`` is handed the flag that
    makes every model's run stop in an orderly way. ``emit`` hears the events, one at a time; the
    last one is ``apply_finished``. ``say`` hears, in sentences, of locks that others hold.

    Raises ``Refused`` for a stale plan, an exceeded limit, uncommitted changes or a no,
    ``Interrupted`` where it was to stop before it began, ``RemoteUnreachable`` where the deploy log
    cannot be read or the locks cannot be written, and ``Locked`` where another run holds one of
    these; nothing on Baseten was changed then.
    """
    asked = request.plan if request.saved is None else _of(request.saved, request.plan)
    with nothing_changed() as begin, opened(project, asked) as session:
        stoppable(session.outside.stop)
        _raise_if_dirty(session, request)
        _raise_if_unknown(session)
        planned = session.plan()
        if request.saved is not None:
            raise_if_stale(request.saved, planned.plan, _present(session, planned, request.saved))
        limits = planned.desired.limits
        allowed = {"allow_many": request.allow_many, "allow_cost": request.allow_cost}
        raise_if_unsafe(planned.plan, limits, **allowed)
        session.outside.stop.check()
        if not approve(replace(planned, plan=consented(planned.plan, limits, **allowed))):
            raise Refused("not approved")
        run = _run(session, planned, request, emit)
        with _claim(session, planned, request, run, say or _unheard).held() as leases:
            # Whoever was asked may have taken an hour, and whoever had the locks has changed
            # things: the executor decides by what is there now.
            session.outside.fetch()
            begin()
            return execute(replace(run, leases=leases), planned.desired.models)


@contextmanager
def nothing_changed() -> Iterator[Callable[[], None]]:
    """Say of what goes wrong before it is called that everything serves what it served before."""
    begun: list[bool] = []
    try:
        yield lambda: begun.append(True)
    except GitopsError as error:
        if not begun and not isinstance(error, UsageError):
            hint = sentence(error.hint) if error.hint else ""
            error.hint = f"{_NOTHING} {hint}".rstrip()
        raise


def _unheard(_: str) -> None:
    """Nobody listens."""


def _claim(
    session: Session,
    planned: Planned,
    request: ApplyRequest,
    run: Run,
    say: Callable[[str], None],
) -> Claim:
    outside, older = session.outside, request.plan.options.allow_older
    if session.request.no_log and outside.remote is not None:
        say(
            "--no-log: the locks hold in this clone alone; make sure that nobody applies these"
            " models from anywhere else"
        )
    return outside.claim(
        [model.key for model in planned.desired.models if not model.paused],
        run=run.id,
        commit=run.commit,
        timeout=request.lock_timeout,
        say=say,
        applies=lambda lock: outside.applies(lock, older),
    )


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


def _present(session: Session, planned: Planned, saved: Plan) -> Present:
    """What the saved plan is held against; who did what only where something differs from it."""
    reader = session.outside.ports.reader
    reviewed = {model.name: model for model in saved.models}
    audit: dict[str, tuple[AuditEntry, ...]] = {}
    for model in planned.plan.models:
        before = reviewed.get(model.name)
        if before is None or model.model_id is None or model.binding == before.binding:
            continue
        since = saved.inputs.now if before.model_id is not None else None
        entries = reader.audit(model.model_id, since=since)
        if entries is not None:
            audit[model.name] = entries
    return Present(
        desired=planned.desired,
        live=planned.live,
        decisions=planned.decisions,
        histories=planned.histories,
        audit=audit,
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
            hint="commit them, or apply them as they are with --allow-dirty",
        )


def _raise_if_unknown(session: Session) -> None:
    if not session.history_known and not session.request.no_log:
        raise RemoteUnreachable(
            "; ".join(session.warnings) or "history unknown",
            hint="on a day when the Git host is down, the same command with --no-log goes on "
            "without the deploy log and keeps its entries for the next run",
        )
