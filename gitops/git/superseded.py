"""Whether a newer commit has been applied from the deploy branch already."""

from __future__ import annotations

from collections.abc import Sequence

from gitops.git.repository import Repository
from gitops.record.entry import Entry


def superseded(
    repository: Repository,
    entries: Sequence[Entry],
    applied_commit: str,
    *,
    remote: str | None,
    branch: str | None,
) -> bool:
    """Whether the log's last commit from the deploy branch is a descendant of ``applied_commit``.

    Only commits that the branch on the remote (without one: here) holds count, as last fetched; a
    commit that is not in this clone cannot be among them. The same commit, and one that diverged,
    supersede nothing.
    """
    last = last_applied(repository, entries, remote=remote, branch=branch)
    if last is None or last == applied_commit or not repository.exists(applied_commit):
        return False
    return repository.is_ancestor(applied_commit, last)


def last_applied(
    repository: Repository,
    entries: Sequence[Entry],
    *,
    remote: str | None,
    branch: str | None,
) -> str | None:
    """The newest entry's commit that was applied from the deploy branch, and is on it now."""
    if branch is None:
        return None
    for entry in reversed(entries):
        commit = entry.applied_commit
        if commit and entry.branch and repository.remote_contains(commit, branch, remote):
            return commit
    return None
