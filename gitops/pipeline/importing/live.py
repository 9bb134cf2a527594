"""Import: release files for what Baseten serves already, so that a plan right after is empty."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gitops.apply.exits import combined
from gitops.errors import LogMoved, RemoteUnreachable, RepositoryError, UsageError
from gitops.pipeline.importing.check import Checked, Checker
from gitops.pipeline.importing.choice import Choice
from gitops.pipeline.importing.files import file_names
from gitops.pipeline.importing.log import adoption
from gitops.pipeline.importing.model import Candidate, draft_of
from gitops.pipeline.importing.proofs import Proofs
from gitops.pipeline.plan import PlanRequest, plan
from gitops.pipeline.project import Project, desired_state
from gitops.pipeline.release_files import Configured, configuration
from gitops.pipeline.selection import Selection
from gitops.plan.imported import Import, ImportedEnvironment, ImportedFile, LeftOut
from gitops.plan.model import EnvironmentPlan
from gitops.plan.summary import changed_fields
from gitops.render.behind import unknown
from gitops.state.desired import Desired

if TYPE_CHECKING:
    from gitops.wiring import Outside

_AT_REST: Final = frozenset({"converged", "paused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """Which models, as ``TEAM/NAME`` or a name alone; none: all that no release file names.

    ``dry_run``: nothing is written, neither files nor the deploy log.
    """

    models: tuple[str, ...] = ()
    dry_run: bool = False


def import_models(project: Project, request: ImportRequest, say: Callable[[str], None]) -> Import:
    """Write a release file for each model that has none; ``say`` hears of progress.

    A pin is written where it is proved: by this tool's own labels, by the deploy log, or by
    comparing every file of the deployment with the trusses in the history. Else the file names the
    deployment. What serves is put into the deploy log first, so that a run that dies in between
    leaves nothing that an apply would act on. No file is ever overwritten.

    Raises ``InvalidRelease`` before anything is sent, ``UsageError`` for a model that is not there,
    ``RepositoryError`` and ``BasetenError``.
    """
    from gitops.wiring import connect

    if project.repository.is_bare and not request.dry_run:
        raise UsageError(
            "there is no working tree here", hint="import from a clone that has one, or --dry-run"
        )
    _raise_if_empty(project)
    whole = desired_state(project)
    warnings: list[str] = []
    known = True
    with connect(project, whole) as outside:
        try:
            outside.fetch()
        except RemoteUnreachable as error:
            # What is written to the log is kept here then, and pushed by a later run.
            known = False
            now = outside.ports.clock.now()
            warnings.append(unknown(outside.log.fetched, now, str(error)))
        session = _Session(project=project, request=request, whole=whole, outside=outside, say=say)
        files, left_out = session.run()
        warnings += outside.log.notices
    unproved = any(it.pin.commit is None for file in files for it in file.environments)
    if unproved and project.repository.is_shallow():
        warnings.append(
            "This clone is shallow, and only commits that are in it were compared: `git fetch"
            " --unshallow` brings the whole history."
        )
    left = None
    if files and known and not request.dry_run:
        say("planning what was written")
        left, more = _left(project, files)
        warnings += more
    return Import(
        files=files,
        left_out=left_out,
        dry_run=request.dry_run,
        left=left,
        warnings=tuple(dict.fromkeys(warnings)),
        exit_code=combined(each.exit_code for each in left_out),
    )


def _raise_if_empty(project: Project) -> None:
    """There are no release files yet that could be committed first."""
    try:
        project.repository.head()
    except RepositoryError as error:
        error.hint = "make a first commit, such as of the trusses: `git add` and `git commit`"
        raise


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """One import against one look at the repository and the deploy log."""

    project: Project
    request: ImportRequest
    whole: Desired
    outside: Outside
    say: Callable[[str], None]

    def run(self) -> tuple[tuple[ImportedFile, ...], tuple[LeftOut, ...]]:
        """Choose, prove, check, and write; with what could not be."""
        repository, now = self.project.repository, self.outside.ports.clock.now()
        files = self.project.worktree
        if repository.is_bare:
            files = repository.at(self.whole.commit)
        configured = configuration(files)
        choice = Choice(
            whole=self.whole,
            outside=self.outside,
            own_team=configured.config.team,
            say=self.say,
        )
        candidates = choice.candidates(self.request.models)
        proofs = Proofs(
            project=self.project,
            outside=self.outside,
            head=self.whole.commit,
            any_commit=configured.config.pins == "any",
            say=self.say,
        )
        pins = proofs.pins(candidates)
        names = file_names(
            configured.folder,
            [(each.listed.model.team, each.name) for each in candidates],
            self._taken(candidates, files.list(configured.folder)),
        )
        defaults = _defaults(configured)
        kinds = self.outside.ports.reader.instance_types() if candidates else None
        checker = Checker(repository, files, self.whole.commit, now, kinds or {})
        good, bad = checker.checked(
            [
                (draft_of(each, path, pins, defaults, now), each.listed.model)
                for each, path in zip(candidates, names, strict=True)
            ]
        )
        by_path = dict(zip(names, candidates, strict=True))
        run = uuid.uuid4().hex
        written: list[ImportedFile] = []
        for one in good:
            candidate = by_path[one.draft.path]
            done = self._write(one, candidate, proofs, run=run, now=now)
            if isinstance(done, LeftOut):
                bad.append(done)
            else:
                written.append(done)
        return tuple(written), (*choice.left_out, *bad)

    def _taken(self, candidates: Sequence[Candidate], files: Iterable[str]) -> set[str]:
        """Paths that are no new file's: those that are there, and those of other models' logs."""
        own = [each.key for each in self.whole.models] + [each.key for each in candidates]
        return {*files, *self.outside.log.left_behind(own)}

    def _write(
        self, one: Checked, candidate: Candidate, proofs: Proofs, *, run: str, now: datetime
    ) -> ImportedFile | LeftOut:
        from gitops.wiring import create_file

        made = _imported(one, candidate)
        if self.request.dry_run:
            return made
        try:
            for environment in one.model.environments:
                live = candidate.listed.model.environment(environment.name)
                assert live is not None
                assert live.current is not None
                entry = adoption(
                    one,
                    environment,
                    candidate,
                    proofs.recognised(live.current, candidate.history),
                    outside=self.outside,
                    commit=self.whole.commit,
                    run=run,
                    at=now,
                )
                if entry is not None:
                    self.outside.log.keep(one.model.key, entry)
            create_file(self.project, made.path, made.data)
        except LogMoved as error:
            return LeftOut(
                model=candidate.shown,
                why="another run wrote its deploy log meanwhile",
                remedy="import it again",
                exit_code=error.exit_code,
            )
        except RepositoryError as error:
            return LeftOut(
                model=candidate.shown,
                why=error.message,
                remedy=error.hint,
                exit_code=error.exit_code,
            )
        return made


def _imported(one: Checked, candidate: Candidate) -> ImportedFile:
    environments = one.draft.environments
    return ImportedFile(
        key=one.model.key,
        path=one.draft.path,
        data=one.draft.data,
        environments=tuple(
            ImportedEnvironment(
                name=name,
                pin=each.pin,
                notes=(*each.notes, *([_paused(each.mode_comment)] if each.mode else [])),
                paused=each.mode is not None,
            )
            for name, each in environments.items()
        ),
        notes=tuple(
            f"`{each.name}` is left alone: "
            + ("nothing serves there." if each.current is None else "no release file can name it.")
            for each in candidate.listed.model.environments
            if each.name not in environments
            and (each.current is not None or each.name != "production")
        ),
    )


def _paused(why: str) -> str:
    return f"It has `mode: pause`: {why}."


def _defaults(configured: Configured) -> Mapping[str, Any]:
    """gitops.yaml's entries of environments, by their names."""
    given = configured.raw.get("defaults")
    environments = given.get("environments") if isinstance(given, Mapping) else None
    return environments if isinstance(environments, Mapping) else {}


def _left(
    project: Project, files: Sequence[ImportedFile]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a plan of the new files would still do or say, as sentences, and its warnings."""
    names = tuple(str(each.key) for each in files)
    planned = plan(project, PlanRequest(selection=Selection(models=names)))
    sentences: list[str] = []
    for model in planned.plan.models:
        busy = {each.environment for each in model.actions}
        sentences += [
            f"{model.name}/{each.environment}: {_told(each)}"
            for each in model.environments
            if each.state not in _AT_REST or each.environment in busy or changed_fields(each)
        ]
        sentences += [f"{model.name}: {notice}" for notice in model.notices]
    return tuple(sentences), planned.warnings


def _told(environment: EnvironmentPlan) -> str:
    changes = ", ".join(each.path for each in environment.changes)
    return f"{environment.state}, {environment.reason}" + (f" ({changes})" if changes else "")
