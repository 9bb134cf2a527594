"""The refs that locks are: what a remote, or this clone alone, holds of them, and changing them.

``refs/gitops/lock/WORKSPACE/TEAM/MODEL`` names a commit whose JSON body is the lock. On a remote a
new value replaces the one before it, which nothing refers to any more: renewing a lock four times
a minute must not grow a history that every clone would fetch.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.commits import Commits, body_of
from gitops.git.identity import Identity
from gitops.git.refnames import LOCK, lock_refspec, mirror
from gitops.git.remote import Remote, Swap
from gitops.git.repository import Repository
from gitops.record.lock import Lock
from gitops.record.lock_json import from_json, to_json
from gitops.render.text import printable

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a lock's ref names: ``id`` None where there is none.

    ``problem`` says why a commit is no lock that this version can read; ``lock`` is None then.
    """

    id: str | None = None
    lock: Lock | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A lock that is to go from the commit ``old`` (None: there is none) to ``new``."""

    old: str | None
    new: Lock


class LockRefs:
    """The locks of one workspace, or of every one. Thread-safe.

    ``workspace`` is a segment of a ref, or None for all. ``remote`` None: the refs of this clone
    are the locks. ``branch`` is fetched along from a remote. ``writer`` signs what is written.
    """

    def __init__(
        self,
        repository: Repository,
        workspace: str | None,
        remote: Remote | None,
        *,
        writer: Identity,
        branch: str | None = None,
    ) -> None:
        self._repository = repository
        self._remote = remote
        self._branch = branch
        self._workspace = workspace
        self._scope = f"{workspace}/" if workspace else ""
        self._prefix = f"{mirror(remote.name)}lock/" if remote else LOCK
        self._commits = Commits(repository, writer)
        self._tips: dict[str, str] | None = None
        self._lock = threading.RLock()

    @property
    def remote(self) -> Remote | None:
        """Where the locks are, None: in this clone."""
        return self._remote

    def fetch(self) -> None:
        """See what the remote holds now. Raises ``RemoteUnreachable``."""
        if self._remote is not None:
            refspec = lock_refspec(self._remote.name, self._workspace)
            if self._branch is None:
                self._remote.fetch([refspec], prune=True)
            else:
                self._remote.fetch_along([refspec], self._branch)
                self._repository.branches.forget()
        self.reload()

    def reload(self) -> None:
        """Forget what was read of this clone's refs; somebody fetched, or wrote."""
        with self._lock:
            self._tips = None

    def paths(self) -> tuple[str, ...]:
        """The locks that were last seen, sorted; each the part of its ref below the prefix."""
        with self._lock:
            return tuple(sorted(self._known()))

    def read(self, paths: Sequence[str]) -> dict[str, Found]:
        """What the locks at these paths were last seen to be."""
        with self._lock:
            tips = self._known()
            there = {path: tips[path] for path in paths if path in tips}
        database = self._repository.database
        found = dict.fromkeys(paths, Found())
        kinds = zip(list(there.items()), database.headers(list(there.values())), strict=True)
        for (path, _), header in kinds:
            if header is not None and header.kind != "commit":
                found[path] = Found(id=there.pop(path), problem=f"it is a {header.kind}")
        blobs = database.contents(list(there.values()), "commit")
        for (path, tip), blob in zip(there.items(), blobs, strict=True):
            content = blob.content.decode("utf-8", "replace")
            try:
                found[path] = Found(id=tip, lock=from_json(body_of(content)))
            except ValueError as error:
                found[path] = Found(id=tip, problem=printable(str(error)))
        return found

    def swap(self, changes: Mapping[str, Change]) -> tuple[dict[str, str], frozenset[str]]:
        """Make all of these changes, or none: the new values' ids, or the paths in the way.

        One exchange with the remote. Raises ``RemoteUnreachable`` where it cannot be reached or
        refuses us.
        """
        if not changes:
            return {}, frozenset()
        swaps = self._written(changes)
        # Others read what is known meanwhile: an exchange may take long.
        moved = self._moved(swaps)
        if moved:
            return {}, frozenset(ref.removeprefix(LOCK) for ref in moved)
        ids = {each.ref.removeprefix(LOCK): each.new for each in swaps}
        with self._lock:
            self._known().update(ids)
        if self._remote is not None:
            # The remote took it; what cannot be written down here, the next fetch brings.
            text = "".join(f"update {self._prefix}{path} {oid}\n" for path, oid in ids.items())
            self._repository.git.try_run("update-ref", "--stdin", stdin=text.encode())
        return ids, frozenset()

    def _written(self, changes: Mapping[str, Change]) -> list[Swap]:
        """The commits of these changes: locks that say the same are one commit."""
        ids = {
            lock: self._commits.write(_subject(lock), to_json(lock), at=lock.at, parents=())
            for lock in dict.fromkeys(change.new for change in changes.values())
        }
        return [
            Swap(ref=LOCK + path, old=change.old, new=ids[change.new])
            for path, change in changes.items()
        ]

    def _moved(self, swaps: Sequence[Swap]) -> frozenset[str]:
        if self._remote is not None:
            return self._remote.swap(swaps)
        zero = "0" * self._repository.id_digits
        text = "".join(f"update {each.ref} {each.new} {each.old or zero}\n" for each in swaps)
        for _ in range(_ATTEMPTS):
            done = self._repository.git.try_run("update-ref", "--stdin", stdin=text.encode())
            if not done.code:
                return frozenset()
            with self._lock:
                self._tips = None
                tips = dict(self._known())
            moved = {
                each.ref for each in swaps if tips.get(each.ref.removeprefix(LOCK)) != each.old
            }
            if moved:
                return frozenset(moved)
        raise RepositoryError(
            f"The locks could not be written: {done.said}",
            hint="look for stale .lock files below refs/gitops in the Git directory",
        )

    def _known(self) -> dict[str, str]:
        if self._tips is None:
            done = self._repository.git.run(
                "for-each-ref",
                "--format=%(objectname) %(refname)",
                (self._prefix + self._scope).removesuffix("/"),
            )
            rows = (line.split(" ", 1) for line in done.text.splitlines())
            self._tips = {name.removeprefix(self._prefix): oid for oid, name in rows}
        return self._tips


def _subject(lock: Lock) -> str:
    if lock.holder is not None:
        return printable(f"Held by {lock.holder.named}")
    return printable(f"Free; {lock.ended.named}" if lock.ended is not None else "Free")
