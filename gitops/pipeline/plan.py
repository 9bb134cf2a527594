"""Plan: desired state, live state and the deploy log become decisions, and those a plan."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from gitops.apply.observe import ModelView
from gitops.apply.run import Run
from gitops.decide import Decision, Evidence, Options, in_order
from gitops.errors import (
    InvalidRelease,
    Problem,
    RemoteUnreachable,
    RepositoryError,
    UsageError,
    Where,
)
from gitops.interruptible import mapped
from gitops.pipeline.project import Project, desired_state
from gitops.pipeline.selection import Selection, select
from gitops.pipeline.shipped import with_sources
from gitops.plan.build import build_plan
from gitops.plan.events import ApplyEvent
from gitops.plan.gone import gone_environments, gone_models
from gitops.plan.model import Plan
from gitops.record.history import ModelHistory
from gitops.release.words import meant
from gitops.render.behind import unknown
from gitops.render.text import printable
from gitops.state.desired import Desired, DesiredModel
from gitops.state.live import AuditEntry, Live

if TYPE_CHECKING:
    from gitops.wiring import Outside

SIDE_BY_SIDE: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What to plan. ``rev`` None: HEAD, with the working tree's release files where they differ.

    ``changed`` asks for models that differ from a base: a revision, or empty for the place where
    the deploy branch was left. ``options`` are what an apply would be allowed.
    """

    selection: Selection = field(default_factory=Selection)
    rev: str | None = None
    changed: str | None = None
    options: Options = field(default_factory=Options)
    retry: frozenset[str] = frozenset()
    no_log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with what it was made of, by model. ``warnings`` are sentences for stderr."""

    plan: Plan
    desired: Desired
    live: Live
    decisions: dict[str, dict[str, Decision]]
    histories: dict[str, ModelHistory] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def plan(project: Project, request: PlanRequest) -> Planned:
    """What apply would do, and why. Reads only.

    Raises ``InvalidRelease`` before anything is sent, ``UsageError``, ``RepositoryError`` and
    ``BasetenError``. A deploy log that cannot be read is a warning: decisions are made by what this
    clone knows of it, and the plan says so, or that nothing is known.
    """
    with opened(project, request) as session:
        return session.plan()


@contextmanager
def opened(project: Project, request: PlanRequest) -> Iterator[Session]:
    """Compile, choose, connect and read the deploy log; what follows shares one look at them.

    A name that no release file has is a ``UsageError`` before anything is sent.
    """
    from gitops.wiring import connect

    whole = desired_state(project, rev=request.rev)
    _raise_if_unmanaged(request.retry, whole)
    selection = _with_changed(project, whole, request)
    _raise_if_left_out(request.retry, select(whole, selection), selection)
    with connect(project, whole, no_log=request.no_log) as outside:
        _raise_if_one_model(whole, outside)
        warnings = list(whole.warnings)
        unread: str | None = None
        try:
            outside.fetch()
        except RemoteUnreachable as error:
            unread = unknown(outside.log.fetched, outside.ports.clock.now(), str(error))
            warnings.append(unread)
        warnings += outside.log.notices
        yield Session(
            project=project,
            request=request,
            whole=whole,
            selection=selection,
            outside=outside,
            unread=unread,
            warnings=warnings,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One model: what was decided, the audit entries read for it, and what Git names no more."""

    decided: dict[str, Decision]
    history: ModelHistory
    audit: Sequence[AuditEntry]
    gone: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Session:
    """One compiled commit, one connection, one fetch of the log; plans as often as asked.

    ``unread`` is the warning that the log could not be fetched, None where it was.
    """

    project: Project
    request: PlanRequest
    whole: Desired
    selection: Selection
    outside: Outside
    unread: str | None
    warnings: list[str]

    @property
    def history_known(self) -> bool:
        """Whether the deploy log was fetched."""
        return self.unread is None

    def plan(self) -> Planned:
        """Read live state, decide for every model side by side, and build the plan."""
        desired = select(self.whole, self.selection)
        live = self._live(desired)
        run = self.run(desired, live)
        with ThreadPoolExecutor(max_workers=SIDE_BY_SIDE) as pool, run.stop.set_by_ctrl_c():
            looks = mapped(pool, lambda model: self._look(run, model, live), desired.models)
        keys = [str(model.key) for model in desired.models]
        unmerged = self._unmerged(desired)
        decisions = {key: look.decided for key, look in zip(keys, looks, strict=True)}
        built = build_plan(
            desired,
            live,
            decisions,
            now=run.ports.clock.now(),
            repository=_repository_id(self.project),
            managed=len(self.whole.models),
            audit={key: look.audit for key, look in zip(keys, looks, strict=True)},
            notices={
                key: (*unmerged.get(key, ()), *look.gone)
                for key, look in zip(keys, looks, strict=True)
            },
            gone=self._gone(live),
            history_read=self.history_known,
        )
        return Planned(
            plan=self._with_sources(built, desired),
            desired=desired,
            live=live,
            decisions=decisions,
            histories={key: look.history for key, look in zip(keys, looks, strict=True)},
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    def _unmerged(self, desired: Desired) -> Mapping[str, tuple[str, ...]]:
        """Notices about pins of what was changed to commits that only the change brings along."""
        changed = self.request.changed
        if changed is None or not self.history_known:
            return {}
        from gitops.pipeline.unmerged import unmerged_pins
        from gitops.wiring import current_branch

        branch, tip = self.outside.branch, self.outside.tip()
        # What is pushed stays as it is; only what is merged may be made anew.
        if branch is None or tip is None or current_branch(self.project) == branch:
            return {}
        repository = self.project.repository
        known = (tip, repository.resolve(changed)) if changed else (tip,)
        return unmerged_pins(repository, desired, self.selection, branch=branch, known=known)

    def _with_sources(self, plan: Plan, desired: Desired) -> Plan:
        try:
            return with_sources(plan, desired, self.project.repository)
        except RepositoryError as error:
            # What ships is told to people; nothing that is done depends on it.
            self.warnings.append(f"which source commits ship is not known: {error}")
            return plan

    def run(self, desired: Desired, live: Live) -> Run:
        """The run that decisions are made for; nobody listens to its events."""
        request, outside = self.request, self.outside
        return Run(
            ports=outside.ports,
            facts=outside.facts,
            emit=_unheard,
            commit=desired.commit,
            api_url=live.workspace.api_url,
            workspace=live.workspace.name,
            dirty=desired.dirty,
            branch=outside.branch,
            by=outside.by,
            where=outside.where,
            remote=outside.remote or desired.remote,
            stop=outside.stop,
            options={tag: replace(request.options, retry=True) for tag in request.retry},
            default_options=request.options,
            secrets=live.secrets,
            default_team=next((team.name for team in live.teams if team.default), None),
            instance_types=live.instance_types,
        )

    def _live(self, desired: Desired) -> Live:
        reader = self.outside.ports.reader
        keys = [model.key for model in desired.models if not model.paused]
        live = reader.live(keys, prices=True, secrets=True)
        known = live.instance_types
        if not known or _named_hardware(desired) <= known.keys():
            return live
        # Baseten may have instance types without a price.
        return replace(live, instance_types={**(reader.instance_types() or {}), **known})

    def _gone(self, live: Live) -> tuple[str, ...]:
        """Only a plan of everything looks for what Git names no more."""
        if not self.selection.everything or not self.history_known:
            return ()
        keys = [model.key for model in self.whole.models]
        # A model that was renamed is not gone: it is managed under another name.
        renamed = {model.id for model in live.models.values()}
        there = live.ids - renamed if live.ids is not None else None
        return gone_models(self.outside.log.unnamed(keys), self.whole, there)

    def _look(self, run: Run, model: DesiredModel, live: Live) -> _Look:
        view = ModelView(run, model)
        there = live.models.get(str(model.key))
        # As an apply with --no-log decides: what was held here does not look as if it would go out.
        view.take(there, history_known=self.history_known, clone_counts=True)
        for environment in in_order(model.environments):
            if self.selection.takes(environment.name):
                view.decided[environment.name] = view.decide(environment, Evidence())
        return _Look(
            decided=view.decided,
            history=view.history,
            audit=view.audit_seen,
            gone=gone_environments(model, view.history, view.live),
        )


def _unheard(_: ApplyEvent) -> None:
    """Nobody listens."""


def _named_hardware(desired: Desired) -> set[str]:
    """The ids of instance types that release files name."""
    asked = {
        environment.instance_type for model in desired.models for environment in model.environments
    }
    return {each for each in asked if each is not None} - {"environment", "truss"}


def _repository_id(project: Project) -> str:
    try:
        return project.repository.root_id()
    except RepositoryError:
        return ""


def _raise_if_one_model(whole: Desired, outside: Outside) -> None:
    """Only Baseten knows what the default team is called, which need not be written."""
    plain = {model.key.name: model for model in whole.models if model.key.team is None}
    named = [model for model in whole.models if model.key.team and model.key.name in plain]
    if not named:
        return
    team = outside.baseten.reader.default_team()
    problems = tuple(
        Problem(
            where=Where(model.release_file),
            path="team",
            message=f"{printable(str(model.key))} is the model of"
            f" {printable(plain[model.key.name].release_file)} too: {printable(team)} is the"
            " default team",
            hint="one file holds one model: merge the two, or correct model or team",
        )
        for model in named
        if model.key.team == team
    )
    if problems:
        raise InvalidRelease(problems)


def _raise_if_left_out(tags: Collection[str], chosen: Desired, selection: Selection) -> None:
    """Nobody is to think that a hold was lifted in what this run never looks at."""
    taken = {
        f"{model.key}/{environment.name}"
        for model in chosen.models
        for environment in model.environments
        if selection.takes(environment.name)
    }
    for tag in sorted(tags):
        if tag not in taken:
            raise UsageError(
                f"--retry {tag}: this run leaves it out",
                hint="take its model and environment into the run, or leave --retry out",
            )


def _raise_if_unmanaged(tags: Collection[str], desired: Desired) -> None:
    managed = {
        f"{model.key}/{environment.name}"
        for model in desired.models
        for environment in model.environments
    }
    for tag in sorted(tags):
        if tag not in managed:
            raise UsageError(
                f"--retry {tag}: no release file has it",
                hint="name a model and an environment as the plan does, MODEL/ENV: "
                + (meant(tag, sorted(managed)) or "there is none"),
            )


def _with_changed(project: Project, desired: Desired, request: PlanRequest) -> Selection:
    if request.changed is None:
        return request.selection
    from gitops.pipeline.changed import changed_files

    return replace(
        request.selection, changed=changed_files(project, desired, request.changed or None)
    )
