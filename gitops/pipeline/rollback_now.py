"""``rollback --now``: hold what serves, and bring back what served before, ahead of the merge."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from gitops.apply.clock import StopFlag
from gitops.apply.environment import releases
from gitops.apply.executor import Outcome, execute
from gitops.apply.observe import ModelView
from gitops.apply.run import Emit, Run
from gitops.decide.decision import State
from gitops.decide.sides import is_side, side_of
from gitops.decide.situation import Evidence, Situation
from gitops.decide.target import deployment_of
from gitops.decide.view import View
from gitops.errors import Refused, RemoteUnreachable
from gitops.pipeline.apply import nothing_changed
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.plan import PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.rollback import WayBack
from gitops.pipeline.selection import Selection, select
from gitops.record.entry import Entry, Event
from gitops.record.history import BRANCH, ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.live import LiveModel
from gitops.state.recognise import Recognised

_BEGINS: Final = frozenset({Event.INTENT, Event.RELEASED, Event.ADOPTED})
"""How something comes to serve that is no way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NowRequest:
    """What to roll back at once: ``way`` is the change in Git that says so for good.

    ``no_lock`` takes no lock, for the day on which the Git host is down; ``lock_timeout`` is how
    many seconds to wait for one. ``unread``: it was said already that the deploy log
    cannot be fetched. ``again`` is the command that was given, for sentences. ``named``: somebody
    named the branch, and so wants it also where it alone is what there is left to do.
    """

    way: WayBack
    no_lock: bool = False
    lock_timeout: float = 0.0
    unread: bool = False
    again: str = ""
    named: bool = False


def roll_back_now(
    project: Project,
    request: NowRequest,
    *,
    branch: Callable[[], None],
    emit: Emit,
    stoppable: Callable[[StopFlag], None],
    say: Callable[[str], None],
) -> Outcome:
    """Record the hold, and carry the rollback out; confirmed, it ends with 0.

    The hold is recorded before anything is promoted. Where the Git host is down it is kept here,
    which is said, and goes on: the next run pushes it. ``branch`` makes the branch of the request;
    it is called right before that, when nothing speaks against it any more; and where the way back
    is by Git alone, if it was named.

    Raises ``Refused`` where what served before is not on Baseten any more, or serves already, or
    where nothing would be done about a hold (``mode: pause``, a checkout that is older than what
    was applied last), and ``Locked`` where another run has the model; nothing was changed then.
    """
    way = request.way
    selection = Selection(models=(way.model,), environment=way.environment)
    with nothing_changed() as begin, opened(project, PlanRequest(selection=selection)) as session:
        stoppable(session.outside.stop)
        for warning in session.warnings:
            if warning != session.unread or not request.unread:
                say(warning)
        planned = session.plan()
        [model] = planned.desired.models
        run = replace(
            session.run(planned.desired, planned.live),
            emit=emit,
            id=uuid.uuid4().hex,
            plan=planned.plan,
            planned=1,
            environments=frozenset({way.environment}),
            only_back=True,
        )
        with _locked(session, request, run, model, say) as run:
            by_git = partial(_by_git, request, branch)
            entry = _hold(session, way, run, model, by_git)
            _refuse_what_is_left_alone(way, run, model, entry, by_git)
            branch()
            begin()
            kept = run.ports.log.keep(model.key, entry)
            if run.ports.log.is_kept(model.key, kept.id):
                say("The hold could not be pushed: it is kept in this clone, for the next run.")
            outcome = execute(run, [model])
            for each in outcome.results:
                if each.decision is not None and releases(each.decision):
                    say(f"{each.tag}: left for the next apply: {each.decision.reason}")
            return outcome


@contextmanager
def _locked(
    session: Session,
    request: NowRequest,
    run: Run,
    model: DesiredModel,
    say: Callable[[str], None],
) -> Iterator[Run]:
    if request.no_lock:
        say("--no-lock: make sure that nobody else applies this model meanwhile.")
        yield run
        return
    claim = session.outside.claim(
        [model.key],
        run=run.id,
        commit=run.commit,
        timeout=request.lock_timeout,
        say=say,
        applies=lambda lock: lock.applied if lock else None,
    )
    try:
        with claim.held() as leases:
            session.outside.fetch()
            yield replace(run, leases=leases)
    except RemoteUnreachable as error:
        # Where the log could not be fetched either, the warnings have said why.
        why = error.message if session.history_known else f"the lock of {model.key} cannot be taken"
        raise RemoteUnreachable(
            why, hint=f"While the Git host is down, `{request.again} --no-lock` goes on without it."
        ) from None


def _hold(
    session: Session, way: WayBack, run: Run, model: DesiredModel, by_git: Callable[[], str]
) -> Entry:
    """The entry that holds what serves and names what is to serve instead: its own intent."""
    ports = run.ports
    place = f"{way.model}/{way.environment}"
    live = ports.reader.model(model.key)
    history = ModelHistory.of(ports.log.entries(model.key))
    now = _situation(run, model, way.environment, live, history)
    view = View.of(now)
    bad = view.current if live is not None else None
    if live is None or bad is None:
        raise Refused(f"nothing serves {place}", hint="There is nothing to roll back from.")
    if not view.serves:
        _refuse_from_elsewhere(session, place)
    desired = compile_commit(session.project.repository, way.commit)
    [wanted] = select(desired, Selection(models=(way.model,))).models
    good = deployment_of(_situation(run, wanted, way.environment, live, history))
    if good is None:
        raise Refused(
            f"{way.after}, which served {place} before, is not on Baseten any more",
            hint=f"{by_git()}: the next apply builds it again.",
        )
    if good.deployment.id == bad.deployment.id:
        if view.candidate is not None and not view.candidate_is_over:
            raise Refused(
                f"{place} serves {way.after} still, while a promotion moves it to deployment"
                f" {view.candidate.deployment.id}",
                hint=f"`gitops cancel {way.model} {way.environment}` ends that. {by_git()} too.",
            )
        raise Refused(
            f"{place} serves {way.after} already",
            hint=f"{by_git()}; to go further back, name a commit with --to.",
        )
    opened_by = _released_by(history, way.environment, bad)
    return Entry(
        at=ports.clock.now(),
        event=Event.HELD,
        environment=way.environment,
        from_=side_of(bad),
        to=side_of(good),
        model_id=live.id,
        model=way.model,
        release_file=model.release_file,
        applied_commit=run.commit,
        branch=run.branch,
        by=run.by,
        where=run.where,
        run=run.id,
        reason=f"rolled back by hand to {way.after} (branch {way.branch})",
        figures={BRANCH: way.branch},
        settings_before=opened_by.settings_before if opened_by else None,
        settings_after=opened_by.settings_after if opened_by else None,
    )


def _refuse_from_elsewhere(session: Session, place: str) -> None:
    """What was before what another branch asks for is no way back from what serves.

    Nor would such a hold last: the branch that others release from never asked for what this one
    does.
    """
    outside, commit = session.outside, session.whole.commit
    tip = outside.tip()
    # Without the Git host, what this clone last saw of the branch may be older than its HEAD.
    if tip is None or not session.history_known:
        return
    if session.project.repository.is_ancestor(commit, tip):
        return
    raise Refused(
        f"{place} does not serve what commit {commit[:12]} asks for, and that commit is not on"
        f" {outside.branch} of {outside.remote}, where others release from",
        hint=f"Roll back from {outside.branch} as it is there: `git fetch {outside.remote}`,"
        f" `git switch --detach {outside.remote}/{outside.branch}`.",
    )


def _refuse_what_is_left_alone(
    way: WayBack, run: Run, model: DesiredModel, entry: Entry, by_git: Callable[[], str]
) -> None:
    """A hold that nothing is done about would be carried out by a later run, unasked."""
    view = ModelView(run, model)
    view.take(run.ports.reader.model(model.key))
    view.history = ModelHistory.of((*view.history.entries, entry))
    decision = view.decide(_environment(model, way.environment), Evidence())
    if decision.steps and not decision.after:
        return
    place = f"{way.model}/{way.environment}"
    if decision.state is State.SUPERSEDED:
        raise Refused(
            f"{place} was given a newer commit than {run.commit[:12]}, which is checked out here",
            hint="Bring this clone up to date (`git pull`; in CI, start a new run), and try again.",
        )
    if decision.blocked is not None:
        raise Refused(f"{place}: {decision.blocked.why}", hint=decision.blocked.remedy)
    why = "; ".join((decision.reason, *decision.notices))
    raise Refused(
        f"{place} is left alone: {why}",
        hint=f"Also, nothing is held. Take `mode` out of"
        f" {model.release_file} first, or see to it in Baseten. {by_git()}.",
    )


def _by_git(request: NowRequest, branch: Callable[[], None]) -> str:
    """What to do for good, where nothing is done at once; a branch that was named is made then."""
    if request.named:
        branch()
    if request.way.published is not None:
        return f"Merge {request.way.branch}, which the remote has already"
    if request.named or request.way.there:
        return f"Merge {request.way.branch}"
    return "Merge the branch that the same command without --now makes"


def _released_by(history: ModelHistory, environment: str, serving: Recognised) -> Entry | None:
    """The intent by which what serves came to serve: it knows the settings before.

    What was promoted is the artifact: where it is attached elsewhere, what serves is a copy of the
    deployment that the intent names. None where nobody announced it.
    """
    log = history.environment(environment)
    for each in reversed(log.entries):
        if each.event in _BEGINS and each.to is not None and is_side(serving, each.to):
            return each if each.event is Event.INTENT else log.intent(each.intent)
    return None


def _situation(
    run: Run, model: DesiredModel, name: str, live: LiveModel | None, history: ModelHistory
) -> Situation:
    environment = _environment(model, name)
    deployments = run.ports.reader.deployments(live.id) if live is not None else ()
    return Situation(
        model=model,
        environment=environment,
        applied_commit=run.commit,
        now=run.ports.clock.now(),
        live=replace(live, deployments=deployments) if live is not None else None,
        history=history,
    )


def _environment(model: DesiredModel, name: str) -> DesiredEnvironment:
    return next(each for each in model.environments if each.name == name)
