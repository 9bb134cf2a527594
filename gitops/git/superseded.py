"""Whether a newer commit has been applied from the deploy branch already."""

from __future__ import annotations

from collections.abc import Sequence

from gitops.git.repository import Repository
from gitops.record.entry import Entry
from gitops.record.lock import Applied


def superseded(
    repository: Repository,
    entries: Sequence[Entry],
    applied_commit: str,
    *,
    remote: str | None,
    branch: str | None,
    locked: Applied | None = None,
) -> bool:
    """Whether the last commit from the deploy branch is a descendant of ``applied_commit``.

    The log's newest one, or what the lock names (``locked``): whichever is newer. Only commits that
    the branch on the remote (without one: here) holds count, as last fetched; a commit that is not
    in this clone cannot be among them. The same commit, and one that diverged, supersede nothing.
    """
    if not repository.exists(applied_commit):
        return False
    last = [last_applied(repository, entries, remote=remote, branch=branch)]
    if locked is not None and branch is not None:
        there = repository.remote_contains(locked.commit, branch, remote)
        last.append(locked.commit if there else None)
    return any(
        each is not None and each != applied_commit and repository.is_ancestor(applied_commit, each)
        for each in last
    )


def applied_now(
    repository: Repository,
    commit: str,
    locked: Applied | None,
    *,
    remote: str | None,
    branch: str | None,
    older: bool,
) -> Applied | None:
    """What a lock names as applied once a run applies ``commit`` under it.

    What is not on the deploy branch, and what the lock's commit supersedes, changes nothing; with
    ``older`` (``--allow-older``) an older commit counts from now on.
    """
    if branch is None or not repository.remote_contains(commit, branch, remote):
        return locked
    if not older and superseded(
        repository, (), commit, remote=remote, branch=branch, locked=locked
    ):
        return locked
    return Applied(commit=commit, branch=branch)


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
