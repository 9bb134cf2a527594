"""Prune: what the release files' `retention` asks for, shown first and then carried out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from gitops.apply.clock import StopFlag
from gitops.apply.exits import combined
from gitops.apply.leases import Lease, LeasedClock, Leases
from gitops.apply.pace import Pace
from gitops.apply.pruning import Pruning
from gitops.decide.retention import Fate, fates
from gitops.errors import InvalidRelease, Refused, RemoteUnreachable
from gitops.interruptible import mapped
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.plan import SIDE_BY_SIDE, PlanRequest, Session, opened
from gitops.pipeline.project import Project
from gitops.pipeline.selection import Selection, select
from gitops.plan.prune import ModelPrune, Pruned, PrunePlan
from gitops.record.history import ModelHistory
from gitops.state.artifact import LABEL_COMMIT
from gitops.state.desired import Desired, DesiredModel
from gitops.state.live import LiveModel

PARALLEL: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneRequest:
    """What to prune. ``dry_run``: only to show it. ``lock_timeout`` in seconds, as for an apply."""

    selection: Selection = field(default_factory=Selection)
    dry_run: bool = False
    lock_timeout: float = 0.0
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneOutcome:
    """What was planned and how it ended. ``results`` None: nothing was carried out."""

    plan: PrunePlan
    results: tuple[Pruned, ...] | None = None
    exit_code: int = 0


def prune(
    project: Project,
    request: PruneRequest,
    *,
    approve: Callable[[PrunePlan], bool],
    stoppable: Callable[[StopFlag], None],
    say: Callable[[str], None],
) -> PruneOutcome:
    """Stop or delete the deployments that `retention` no longer keeps.

    ``approve`` is shown the plan and says whether to go on; it is not asked where there is nothing
    to do. What the plan did not list is never touched, and what it did is judged again right before
    each request. ``say`` hears of progress, ``stoppable`` gets the flag that ends it in an orderly
    way. Nothing is written to the deploy log: Baseten's audit log has it.

    What the deploy branch asks for by now counts as well, where it is ahead of this commit: once
    for the plan, and once more after ``approve``.

    Raises ``Refused`` for uncommitted release files, for a commit that the deploy branch on the
    remote does not hold, or a no, ``RemoteUnreachable`` where the deploy log cannot be read, and
    ``Locked`` where another run holds one of the models; nothing on Baseten was changed then.
    """
    with opened(project, PlanRequest(selection=request.selection)) as session:
        stoppable(session.outside.stop)
        for warning in session.warnings:
            say(warning)
        _raise_if_unknown(session)
        work = _Work(
            project=project,
            session=session,
            request=request,
            say=say,
            ahead=_gone_on(project, session),
        )
        plan = work.plan()
        elsewhere = _elsewhere(project, session)
        if request.dry_run or not plan.work:
            if elsewhere is not None and plan.work:
                say(f"Nothing of this would be done: {elsewhere.message}.")
            return PruneOutcome(plan=plan)
        _raise_if_dirty(session)
        if elsewhere is not None:
            raise elsewhere
        session.outside.stop.check()
        if not approve(plan):
            raise Refused("not approved", hint="Nothing was changed.")
        results = work.carry_out(plan)
        codes = (each.exit_code for each in results)
        code = combined(codes, interrupted=session.outside.stop.is_set)
        return PruneOutcome(plan=plan, results=results, exit_code=code)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """One prune: what is wanted, what is there, and how to reach it.

    ``ahead`` is what the deploy branch asks for, where it has gone on since this commit.
    """

    project: Project
    session: Session
    request: PruneRequest
    say: Callable[[str], None]
    ahead: Desired | None = None

    def plan(self) -> PrunePlan:
        whole, reader = self.session.whole, self.session.outside.ports.reader
        desired = select(whole, self.session.selection)
        asking = [model for model in desired.models if model.retention is not None]
        live = reader.live([model.key for model in asking if not model.paused])

        def look(model: DesiredModel) -> ModelPrune:
            there = live.models.get(str(model.key))
            if there is not None:
                there = replace(there, deployments=reader.deployments(there.id))
            return self._model(model, there)

        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool:
            models = tuple(mapped(pool, look, asking))
        return PrunePlan(
            commit=whole.commit,
            dirty=whole.dirty,
            api_url=live.workspace.api_url,
            workspace=live.workspace.name,
            models=models,
        )

    def _model(self, model: DesiredModel, there: LiveModel | None) -> ModelPrune:
        assert model.retention is not None
        history = self._history(model)
        return ModelPrune(
            key=model.key,
            release_file=model.release_file,
            retention=model.retention,
            model_id=there.id if there is not None else None,
            fates=self._fates(model, there, history) if there is not None else (),
            left_alone=self._left_alone(model, there, history),
        )

    def _history(self, model: DesiredModel) -> ModelHistory:
        return ModelHistory.of(self.session.outside.log.entries(model.key))

    def _fates(
        self, model: DesiredModel, there: LiveModel, history: ModelHistory
    ) -> tuple[Fate, ...]:
        labels = {each.labels.get(LABEL_COMMIT) for each in there.deployments or ()}
        exists = self.project.repository.exists
        commits = {each for each in labels if isinstance(each, str) and exists(each)}
        now = self.session.outside.ports.clock.now()
        found = fates(model, there, history, now=now, commits=commits)
        ahead = self._ahead(model)
        if ahead is None:
            return found
        later = fates(ahead, there, history, now=now, commits=commits)
        return tuple(
            replace(then, reason=f"{then.reason}{self._by_now}") if each.action else each
            for each, then in zip(found, later, strict=True)
        )

    @property
    def _by_now(self) -> str:
        return f", by {self.session.outside.branch} as it is now"

    def _ahead(self, model: DesiredModel) -> DesiredModel | None:
        """The model as the deploy branch has it, where that is ahead of this commit and has it."""
        if self.ahead is None:
            return None
        return next((each for each in self.ahead.models if each.key == model.key), None)

    def _left_alone(
        self, model: DesiredModel, there: LiveModel | None, history: ModelHistory
    ) -> str | None:
        """Why nothing of a model is touched."""
        ahead = self._ahead(model)
        for each, by in ((model, ""), (ahead, self._by_now)):
            mode = "pause" if each is not None and each.paused else each and each.mode
            if mode in {"pause", "observe"}:
                return f"its mode is {mode}{by}"
        if there is None:
            return "it is not on Baseten"
        if history.model_id is not None and history.model_id != there.id:
            return (
                f"the deploy log knows it as {history.model_id}, and Baseten has {there.id} under"
                " its name: `gitops plan` says more"
            )
        if self.ahead is not None and ahead is None:
            return f"{self.session.outside.branch} does not name it any more"
        facts = self.session.outside.facts
        if any(facts.superseded(model, each, history) for each in model.environments[:1]):
            return "a newer commit was applied: prune there"
        return None

    def carry_out(self, plan: PrunePlan) -> tuple[Pruned, ...]:
        working, outside = [model for model in plan.models if model.work], self.session.outside
        claim = outside.claim(
            [model.key for model in working],
            run=uuid.uuid4().hex,
            commit=plan.commit,
            timeout=self.request.lock_timeout,
            say=self.say,
            applies=lambda lock: lock.applied if lock else None,
        )
        with claim.held() as leases, ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            # Whoever was asked may have taken an hour, and others have merged and released since.
            outside.fetch()
            elsewhere = _elsewhere(self.project, self.session)
            if elsewhere is not None:
                raise elsewhere
            now = replace(self, ahead=_gone_on(self.project, self.session))
            done = mapped(pool, lambda model: now.carry_out_one(model, leases), working)
            return tuple(each for results in done for each in results)

    def carry_out_one(self, planned: ModelPrune, leases: Leases) -> tuple[Pruned, ...]:
        [model] = (each for each in self.session.whole.models if each.key == planned.key)
        lease, history = Lease(leases, planned.key), self._history(model)
        outside = self.session.outside
        assert planned.model_id is not None

        def judge(there: LiveModel) -> tuple[Fate, ...]:
            found = self._fates(model, there, history)
            why = self._left_alone(model, there, history)
            return found if why is None else tuple(_kept(fate, why) for fate in found)

        try:
            return Pruning(
                key=planned.key,
                model_id=planned.model_id,
                reader=outside.ports.reader,
                writer=outside.baseten.writer,
                clock=LeasedClock(outside.ports.clock, lease),
                lease=lease,
                judge=judge,
                say=self.say,
                pace=self.request.pace,
            ).carry_out(planned.work)
        finally:
            leases.finish(planned.key)


def _kept(fate: Fate, why: str) -> Fate:
    return replace(fate, action=None, reason=why) if fate.action is not None else fate


def _raise_if_unknown(session: Session) -> None:
    if not session.history_known:
        raise RemoteUnreachable(
            "nothing is pruned without the deploy log",
            hint="Nothing was changed: without it, nobody knows what a rollback needs.",
        )


def _gone_on(project: Project, session: Session) -> Desired | None:
    """What the deploy branch asks for by now, where this commit is behind it."""
    tip, commit = session.outside.tip(), session.whole.commit
    if tip is None or tip == commit or not project.repository.is_ancestor(commit, tip):
        return None
    try:
        return compile_commit(project.repository, tip)
    except InvalidRelease as error:
        raise Refused(
            f"the release files of {session.outside.branch} ({tip[:12]}) are not valid:"
            f" {error.problems[0]}",
            hint="Nothing was changed: nobody can tell what is still needed.",
        ) from error


def _elsewhere(project: Project, session: Session) -> Refused | None:
    """Why nothing may go by this commit: others release from a branch that does not hold it."""
    tip, commit = session.outside.tip(), session.whole.commit
    if tip is None or project.repository.is_ancestor(commit, tip):
        return None
    branch = session.outside.branch
    return Refused(
        f"commit {commit[:12]} is not on {branch} of {session.outside.remote}, where others release"
        " from",
        hint=f"Nothing was changed. Prune from {branch} as it is there (`git switch {branch}`,"
        " `git pull`), or have this commit merged first.",
    )


def _raise_if_dirty(session: Session) -> None:
    if session.whole.dirty:
        raise Refused(
            "the release files have uncommitted changes",
            hint="Commit them, or look at what would go with --dry-run.",
        )
