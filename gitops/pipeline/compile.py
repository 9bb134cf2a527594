"""A commit, or a working tree on top of one, becomes desired state. No network, no clock.

    desired = compile_commit(objects, commit)

reads gitops.yaml and the release files of that commit from the object database, merges the
defaults, validates, resolves every pin and gives every environment its artifact. Every problem of
every file is found before ``InvalidRelease`` is raised.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gitops.errors import InvalidRelease, Problem
from gitops.pipeline.check_files import CheckFiles
from gitops.pipeline.known import Known
from gitops.pipeline.models import ModelCompiler, Parts
from gitops.pipeline.pins import Pins
from gitops.pipeline.release_files import (
    Configured,
    Settled,
    configuration,
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
from gitops.yaml.blocks import Blocks
from gitops.yaml.document import read


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


@dataclass(slots=True)
class _Learned:
    """What was found out under one gitops.yaml; ``files`` as they are settled, by path and content.

    ``check_files`` are those that the compiled ``parts`` were made with.
    """

    known: Known = field(default_factory=Known)
    files: dict[tuple[str, bytes], tuple[Settled | None, list[Problem]]] = field(
        default_factory=dict
    )
    parts: Parts = field(default_factory=Parts)
    check_files: CheckFiles | None = None

    def parts_for(self, check_files: CheckFiles) -> Parts:
        """The compiled parts, without those of checks where a file that they name differs."""
        if self.check_files is not None and not check_files.takes_over(self.check_files):
            self.parts = Parts(asked=self.parts.asked)
        self.check_files = check_files
        return self.parts


class Shared:
    """What compiles of several commits share, or of a commit and the working tree on top of it.

    It is found by content, so nothing is shared that is not the same to the last byte.
    """

    def __init__(self, objects: Objects) -> None:
        self.trusses = Trusses(objects)
        self.blocks = Blocks()
        self._learned: dict[bytes | None, _Learned] = {}

    def under(self, configured: Configured) -> _Learned:
        """What was learned under this gitops.yaml so far."""
        data = configured.document.data if configured.document is not None else None
        return self._learned.setdefault(data, _Learned())


def compile_commit(objects: Objects, commit: str, shared: Shared | None = None) -> Desired:
    """Desired state of one commit (a full id); several compiles may share what they learn.

    Raises ``InvalidRelease`` with every problem of every file, ``RepositoryError`` where the
    repository lacks what is needed.
    """
    return _valid(look(objects, objects.at(commit), commit, dirty=False, shared=shared))


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
    shared: Shared | None = None,
) -> Compilation:
    """Compile as far as possible and keep the problems. ``only``: these release files alone."""
    with _no_collection():
        shared = shared or Shared(objects)
        return _look(objects, files, head, dirty=dirty, only=only, shared=shared)


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
    shared: Shared,
) -> Compilation:
    configured = configuration(files)
    wanted, warnings = paths(files, configured.folder)
    if only is not None:
        wanted = sorted(only)
        warnings = []
    problems = [*configured.problems, *warnings]
    check_files = CheckFiles(files)
    pins = Pins(objects, head, any_commit=configured.config.pins == "any")
    learned = shared.under(configured)
    compiler = ModelCompiler(pins, shared.trusses, check_files, learned.parts_for(check_files))
    models: list[DesiredModel] = []
    settled: list[Settled] = []
    named: dict[ModelKey, str] = {}
    settled_files = _settled(files, wanted, configured, learned, shared.blocks)
    compiler.read_ahead(one for one, _ in settled_files if one is not None)
    for one, found in settled_files:
        problems += found
        if one is None:
            continue
        model, more = compiler.compile(one)
        problems += more
        problems += _same_model(one, model.key, named)
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
            pins=config.pins,
            warnings=tuple(str(each) for each in ordered if each.severity == "warning"),
        ),
        problems=ordered,
        files=tuple(wanted),
        named=check_files.named,
        settled=tuple(settled),
    )


def _settled(
    files: Files, wanted: list[str], configured: Configured, learned: _Learned, blocks: Blocks
) -> list[tuple[Settled | None, list[Problem]]]:
    """The release files that are there, each with its problems."""
    found = []
    contents = files.read_many(wanted)
    for path in wanted:
        data = contents.get(path)
        if data is None:
            continue
        one = learned.files.get((path, data))
        if one is None:
            one = settle(read(path, data, blocks), configured, learned.known)
            learned.files[path, data] = one
        found.append(one)
    return found


def _valid(compilation: Compilation) -> Desired:
    if compilation.errors:
        raise InvalidRelease(compilation.problems)
    return compilation.desired


def _place(problem: Problem) -> tuple[str, int, int, str, str]:
    where = problem.where
    return (where.file, where.line, where.column, problem.path, problem.message)


def _same_model(one: Settled, key: ModelKey, named: dict[ModelKey, str]) -> Iterable[Problem]:
    first = named.setdefault(key, one.file)
    if first == one.file or key.name == STAND_IN:
        return ()
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
