"""A commit, or a working tree on top of one, becomes desired state. No network, no clock.

    desired = compile_commit(objects, commit)

reads gitops.yaml and the release files of that commit from the object database, merges the
defaults, validates, resolves every pin and gives every environment its artifact. Every problem of
every file is found before ``InvalidRelease`` is raised.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gitops.errors import InvalidRelease, Problem
from gitops.pipeline.check_files import CheckFiles
from gitops.pipeline.known import Known
from gitops.pipeline.models import ModelCompiler
from gitops.pipeline.pins import Pins
from gitops.pipeline.release_files import (
    Settled,
    configuration,
    documents,
    paths,
    settle,
)
from gitops.pipeline.sources import Files, Objects
from gitops.pipeline.trusses import Trusses
from gitops.release.finding import STAND_IN
from gitops.release.language import Config
from gitops.release.words import name
from gitops.state.desired import Desired, DesiredModel, Limits
from gitops.state.names import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """Everything one compile found out. ``desired`` lacks the files that have problems.

    ``problems`` are sorted by place, errors and warnings; ``named`` are the paths that release
    files name (request bodies, schemas); ``settled`` the release files that are valid.
    """

    desired: Desired
    problems: tuple[Problem, ...]
    files: tuple[str, ...]
    named: tuple[str, ...]
    settled: tuple[Settled, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that are no warnings."""
        return tuple(each for each in self.problems if each.severity == "error")


def compile_commit(objects: Objects, commit: str, trusses: Trusses | None = None) -> Desired:
    """Desired state of one commit (a full id). Several commits may share what ``trusses`` learns.

    Raises ``InvalidRelease`` with every problem of every file, ``RepositoryError`` where the
    repository lacks what is needed.
    """
    return _valid(look(objects, objects.at(commit), commit, dirty=False, trusses=trusses))


def compile_worktree(objects: Objects, files: Files, head: str, dirty: bool) -> Desired:
    """Desired state of a working tree: release and check files from it, trusses from commits.

    ``head`` is HEAD's commit, which ``commit: HEAD`` means; ``dirty`` whether the files differ
    from it. Raises as ``compile_commit``.
    """
    return _valid(look(objects, files, head, dirty=dirty))


def look(
    objects: Objects,
    files: Files,
    head: str,
    *,
    dirty: bool,
    only: frozenset[str] | None = None,
    trusses: Trusses | None = None,
) -> Compilation:
    """Compile as far as possible and keep the problems. ``only``: these release files alone."""
    with _no_collection():
        shared = Trusses(objects) if trusses is None else trusses
        return _look(objects, files, head, dirty=dirty, only=only, trusses=shared)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the cycle collector: a compile makes many values that all stay, and no cycles."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            # Both together make everything old without looking at it; else the next value that
            # anybody makes starts a collection of all that was made here.
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def _look(
    objects: Objects,
    files: Files,
    head: str,
    *,
    dirty: bool,
    only: frozenset[str] | None,
    trusses: Trusses,
) -> Compilation:
    configured = configuration(files)
    wanted, warnings = paths(files, configured.folder)
    if only is not None:
        wanted = sorted(only)
        warnings = []
    problems = [*configured.problems, *warnings]
    check_files = CheckFiles(files)
    pins = Pins(objects, head, any_commit=configured.config.pins == "any")
    compiler = ModelCompiler(pins, trusses, check_files)
    known = Known()
    models: list[DesiredModel] = []
    settled: list[Settled] = []
    named: dict[ModelKey, str] = {}
    read = [settle(document, configured, known) for document in documents(files, wanted)]
    compiler.read_ahead(one for one, _ in read if one is not None)
    for one, found in read:
        problems += found
        if one is None:
            continue
        problems += _same_model(one, configured.config, named)
        model, more = compiler.compile(one)
        problems += more
        if not any(each.severity == "error" for each in (*found, *more)):
            models.append(model)
            settled.append(one)
    ordered = tuple(sorted(dict.fromkeys(problems), key=_place))
    config = configured.config
    return Compilation(
        desired=Desired(
            commit=head,
            dirty=dirty,
            models=tuple(models),
            limits=_limits(config),
            remote=config.remote,
            branch=config.branch,
            log_tags=config.deploy_log.tags,
            warnings=tuple(str(each) for each in ordered if each.severity == "warning"),
        ),
        problems=ordered,
        files=tuple(wanted),
        named=check_files.named,
        settled=tuple(settled),
    )


def _valid(compilation: Compilation) -> Desired:
    if compilation.errors:
        raise InvalidRelease(compilation.problems)
    return compilation.desired


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    where = problem.where
    return (where.file, where.line, where.column, problem.path, problem.message)


def _same_model(one: Settled, config: Config, named: dict[ModelKey, str]) -> list[Problem]:
    release = one.release
    key = ModelKey(release.team or config.team, release.model)
    first = named.setdefault(key, one.file)
    if first == one.file or key.name == STAND_IN:
        return []
    return [
        Problem(
            where=one.places.where(("model",)),
            path="model",
            message=f"{name(str(key))} is the model of {name(first)} too",
            hint="one file holds one model: merge the two, or correct model or team",
        )
    ]


def _limits(config: Config) -> Limits:
    return Limits(
        max_changed=config.limits.max_changed,
        max_rollbacks=config.limits.max_rollbacks,
        max_increase_usd_per_month=config.limits.max_increase_usd_per_month,
    )
