"""A repository and its books: its deploy logs, its locks, its history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.pipeline.opened import Project

if TYPE_CHECKING:
    from gitops.files.worktree import WorkTree
    from gitops.git.locks import LockBook
    from gitops.git.logbook import LogBook
    from gitops.git.repository import Repository
    from gitops.git.treesearch import TreeSearch


def open_project(
    directory: Path, environ: Mapping[str, str], *, say: Callable[[str], None] | None = None
) -> Project:
    """The repository around a directory. Raises ``RepositoryError`` where there is none.

    ``say`` hears that Baseten keeps us waiting, and what Git does that nobody asked for: with it,
    what a partial clone lacks is fetched; without it, nothing is, and the error says how to.
    """
    from gitops.files.worktree import WorkTree
    from gitops.git.repository import Repository
    from gitops.git.unchecked import Unchecked

    repository = Repository.discover(directory, environ, say=say)
    worktree = WorkTree(repository.root, elsewhere=Unchecked(repository))
    return Project(repository=repository, worktree=worktree, environ=environ, say=say)


def git_of(project: Project) -> Repository:
    """A project's repository, as ``gitops.git`` knows it."""
    from gitops.git.repository import Repository

    assert isinstance(project.repository, Repository)
    return project.repository


def worktree_of(project: Project) -> WorkTree:
    """A project's working tree, as ``gitops.files`` knows it."""
    from gitops.files.worktree import WorkTree

    assert isinstance(project.worktree, WorkTree)
    return project.worktree


def configured_remote(project: Project) -> str:
    """The remote that gitops.yaml names. Raises ``InvalidRelease`` where that file is invalid."""
    from gitops.pipeline.release_files import configuration

    repository = git_of(project)
    files = repository.at(repository.head()) if repository.is_bare else project.worktree
    return configuration(files).config.remote


def open_log_book(project: Project, *, remote: bool = False) -> LogBook:
    """The deploy logs that this clone holds; ``remote``: to fetch from gitops.yaml's one."""
    from gitops.git.logbook import LogBook

    return LogBook(git_of(project), configured_remote(project) if remote else None)


def open_lock_book(project: Project) -> LockBook:
    """The locks on gitops.yaml's remote, and those of this clone alone."""
    from gitops.git.locks import LockBook

    repository = git_of(project)
    return LockBook(repository, configured_remote(project), repository.identity(project.environ))


def tree_search(project: Project) -> TreeSearch:
    """Finds sets of files in the history."""
    from gitops.git.treesearch import TreeSearch

    return TreeSearch(git_of(project))


def current_branch(project: Project) -> str | None:
    """The branch that is checked out; None for a detached HEAD."""
    return git_of(project).branches.default(None)
