"""What commands write into a repository: files of the working tree, and commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from gitops.errors import Refused, RepositoryError
from gitops.wiring.opening import git_of, worktree_of

if TYPE_CHECKING:
    from gitops.git.changes import GitChanges
    from gitops.pipeline.init import Ci, Started
    from gitops.pipeline.opened import Project


def start(project: Project, *, ci: Ci | None, branch: str) -> Started:
    """The first files of a repository. Raises ``RepositoryError``."""
    from gitops.pipeline.init import initialise

    return initialise(project.repository, worktree_of(project), ci=ci, branch=branch)


def write_file(project: Project, path: str, data: bytes) -> None:
    """Replace a file of the working tree, whole or not at all."""
    worktree_of(project).write(path, data)


def create_file(project: Project, path: str, data: bytes) -> None:
    """Make a new file of the working tree. Raises ``RepositoryError`` where there is one."""
    worktree_of(project).create(path, data)


def commit_files(project: Project, files: Mapping[str, bytes], message: str) -> str:
    """Replace files of the working tree and commit those alone; the commit's id.

    Raises ``Refused`` where one of them has other changes that are not committed, and
    ``RepositoryError`` where Git does not commit them, as for want of a name or because a hook says
    no: the files are as they were then.
    """
    from gitops.git.changes import commit_here

    repository = git_of(project)
    if dirty := repository.dirty(files):
        raise Refused(
            f"{', '.join(dirty)} has changes that are not committed",
            hint="Commit or drop them first.",
        )
    before = {path: worktree_of(project).read(path) for path in files}
    for path, data in files.items():
        write_file(project, path, data)
    try:
        return commit_here(repository, files, message)
    except RepositoryError:
        for path, was in before.items():
            if was is not None:
                write_file(project, path, was)
        raise


def git_changes(project: Project) -> GitChanges:
    """New commits in this clone, made beside the working tree."""
    from gitops.git.changes import GitChanges

    return GitChanges(git_of(project))


def snapshot(project: Project, folders: Iterable[str]) -> str:
    """The working tree's folders on top of HEAD, as a commit that no branch knows; its id."""
    from gitops.git.snapshot import snapshot as taken

    return taken(git_of(project), folders)
