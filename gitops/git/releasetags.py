"""Tags of successful releases: ``released/MODEL/ENV/N``, for people who look for one in Git.

Nothing is decided by them, so a tag that cannot be set is no more than a sentence. They are
lightweight and name the commit that was applied. Where there is a remote it gets them first, and
this clone then; without one they are in this clone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from gitops.errors import LogMoved, RepositoryError
from gitops.git.refnames import segment
from gitops.git.repository import Repository
from gitops.render.text import printable
from gitops.state.names import ModelKey

_TAGS: Final = "refs/tags/"
_RELEASED: Final = f"{_TAGS}released/"


class ReleaseTags:
    """The tags of one repository. Fulfils ``gitops.apply.ports.ReleaseTags``; thread-safe.

    ``remote`` is the remote that the deploy log is kept on, None where it is kept in this clone.
    What there is already is read once, when the first tag is asked for.
    """

    def __init__(self, repository: Repository, remote: str | None) -> None:
        self._repository = repository
        self._remote = repository.remote(remote) if remote is not None else None
        self._lock = threading.Lock()
        self._known: dict[str, str] | None = None

    def set(
        self, key: ModelKey, environment: str, releases: Mapping[int, str], *, made: bool
    ) -> str | None:
        """Tag the last of these releases (number to commit), and what was missed before it.

        Missed is what follows on the last tag that there is. A release whose commit this clone
        lacks is left to another run. ``made``: the last one was made by this run, which is told
        where its tag is somebody else's. Returns what could not be done, as a sentence.
        """
        if not releases:
            return None
        names = [name for name in (key.team, key.name, environment) if name is not None]
        path = "/".join(map(segment, names))
        newest = max(releases)
        tag = f"{_RELEASED}{path}/{newest}"
        try:
            with self._lock:
                found = self._set(f"{_RELEASED}{path}/", releases)
        except RepositoryError as error:
            return f"the tag {_shown(tag)} is not set: {error.message}"
        if made and found not in {None, releases[newest]}:
            return f"the tag {_shown(tag)} is there already and names another commit: it stays"
        return None

    def _set(self, scope: str, releases: Mapping[int, str]) -> str | None:
        """What the tag of the last release names in the end."""
        known, newest = self._there(), max(releases)
        tagged = (int(end) for ref in known if (end := ref.removeprefix(scope)).isdecimal())
        before = max((each for each in tagged if each < newest), default=newest - 1)
        for number in sorted(each for each in releases if each > before):
            ref, commit = f"{scope}{number}", releases[number]
            if ref not in known and self._repository.exists(commit):
                known[ref] = self._make(ref, commit)
        return known.get(f"{scope}{newest}")

    def _there(self) -> dict[str, str]:
        if self._known is None:
            remote = self._remote
            self._known = self._local(_RELEASED) if remote is None else remote.below(_RELEASED)
        return self._known

    def _make(self, ref: str, commit: str) -> str:
        """Make a tag; what it names then, which is another commit where somebody was faster."""
        if self._remote is not None:
            try:
                self._remote.push(commit, ref, expected=None)
            except LogMoved:
                return self._remote.lookup([ref]).get(ref, "")
        none = "0" * self._repository.id_digits
        done = self._repository.git.try_run("update-ref", ref, commit, none)
        if done.code and self._remote is None:
            there = self._local(ref).get(ref)
            if there is None:
                raise RepositoryError(f"Git cannot write it: {done.said}")
            return there
        # Where this clone could not take what the remote has, the next fetch brings it or says why.
        return commit

    def _local(self, prefix: str) -> dict[str, str]:
        done = self._repository.git.run(
            "for-each-ref", "--format=%(objectname) %(refname)", prefix.removesuffix("/")
        )
        rows = (line.split(" ", 1) for line in done.text.splitlines())
        return {name: oid for oid, name in rows}


def _shown(ref: str) -> str:
    return printable(ref.removeprefix(_TAGS))
