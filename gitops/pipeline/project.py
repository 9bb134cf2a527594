"""What every verb starts from: a repository, its working tree, and which desired state is meant."""

from __future__ import annotations

from collections.abc import Iterable

from gitops.errors import InvalidRelease
from gitops.pipeline.compile import Compilation, Shared, compile_commit, look
from gitops.pipeline.opened import Project, Repository
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.release_files import configuration
from gitops.pipeline.validate import Validation, examine
from gitops.state.desired import Desired

__all__ = [
    "Project",
    "Repository",
    "compile_as_far_as_valid",
    "desired_state",
    "validate_releases",
]


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
    compilation, shared = None, Shared(repository)
    if not repository.dirty((CONFIG_FILE, configuration(files).folder)):
        compilation = look(repository, files, head, dirty=False, shared=shared)
    if compilation is None or repository.dirty(compilation.named):
        compilation = look(repository, project.worktree, head, dirty=True, shared=shared)
    return compilation
