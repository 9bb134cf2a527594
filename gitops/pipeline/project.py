"""What every verb starts from: a repository, its working tree, and which desired state is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gitops.errors import InvalidRelease
from gitops.pipeline.compile import Compilation, compile_commit, look
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.release_files import configuration
from gitops.pipeline.sources import Files, Objects
from gitops.pipeline.validate import Validation, examine
from gitops.state.commit import Span, Way
from gitops.state.desired import Desired


class Repository(Objects, Protocol):
    """A repository: its objects, and what is checked out."""

    @property
    def is_bare(self) -> bool:
        """Whether there is no working tree."""

    def head(self) -> str:
        """The commit that is checked out. Raises ``RepositoryError`` where there is none."""

    def dirty(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What differs from HEAD among these paths."""

    def commits_touching(
        self,
        paths: Iterable[str],
        head: str,
        *,
        base: str | None = None,
        first_parent: bool = False,
    ) -> tuple[str, ...]:
        """Commits of ``base..head`` that change one of the paths, newest first."""

    def ways(self, spans: Sequence[Span]) -> Mapping[Span, Way]:
        """How many pairs of commits lie to each other, and what happened between them."""

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None where they share none."""

    def root_id(self) -> str:
        """An id that every clone of this repository shares, however shallow it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository with its working tree, and the environment variables of this call."""

    repository: Repository
    worktree: Files
    environ: Mapping[str, str]


def validate_releases(project: Project, *, only: Iterable[str] | None = None) -> Validation:
    """Every problem of the working tree's release files; of HEAD's in a bare repository."""
    repository = project.repository
    head = repository.head()
    files = repository.at(head) if repository.is_bare else project.worktree
    return examine(repository, files, head, only=only)


def desired_state(project: Project, *, rev: str | None = None) -> Desired:
    """Desired state of ``rev``; else of HEAD, under what the working tree changes in release files.

    Raises ``InvalidRelease`` with every problem, ``RepositoryError`` where Git lacks something.
    """
    if rev is not None:
        return compile_commit(project.repository, project.repository.resolve(rev))
    compilation = compile_as_far_as_valid(project)
    if compilation.errors:
        raise InvalidRelease(compilation.problems)
    return compilation.desired


def compile_as_far_as_valid(project: Project) -> Compilation:
    """HEAD, or the working tree over it, with the files that are valid, and every problem.

    For what has to work on a bad day too, and depends on one model alone.
    """
    repository = project.repository
    head = repository.head()
    files = repository.at(head)
    if repository.is_bare:
        return look(repository, files, head, dirty=False)
    compilation = None
    if not repository.dirty((CONFIG_FILE, configuration(files).folder)):
        compilation = look(repository, files, head, dirty=False)
    if compilation is None or repository.dirty(compilation.named):
        compilation = look(repository, project.worktree, head, dirty=True)
    return compilation
