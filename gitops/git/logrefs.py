"""The refs of the deploy log in one clone: what the remote was last seen to hold, and our own.

Two namespaces, so that neither a failed push nor a fetch can lose an entry:

``refs/gitops/remotes/REMOTE/…``
    exactly what the remote holds, refreshed by every fetch and pruned with it. Nothing but a fetch,
    or a push that the remote took, writes here.
``refs/gitops/log/WORKSPACE/TEAM/MODEL``
    the log as this clone knows it; ``gitops log`` reads it without a network. It is moved only to
    what the remote took or holds, or, without a remote, by every entry.

After a fetch the remote is right, with one exception: entries that were written while there was no
remote, and that continue what the remote holds, are still to be published, and the next push does.
Any other chain that the remote has no place for is put under ``refs/gitops/aside/`` and said; so is
the chain of a ref that somebody deleted on the remote.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gitops.errors import LogMoved, RepositoryError
from gitops.git.refnames import ASIDE, LOG, LogName, mirror
from gitops.git.repository import Repository
from gitops.render.text import printable

_ATTEMPTS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where a log ends: ``own`` for us, ``published`` on the remote as far as we know."""

    own: str | None = None
    published: str | None = None


class LogRefs:
    """The refs of one workspace's logs, or of every workspace. Thread-safe.

    ``workspace`` is a segment of a ref, or None for all; ``remote`` is None where the local refs
    are the log.
    """

    def __init__(self, repository: Repository, workspace: str | None, remote: str | None) -> None:
        self._repository = repository
        self._scope = f"{workspace}/" if workspace else ""
        self._mirror = mirror(remote) if remote else None
        self._lock = threading.Lock()
        self._tips: dict[str, Tip] | None = None

    def refspec(self, path: str | None = None) -> str:
        """The one pattern that fetches all of these logs, or just the one at ``path``."""
        below = path or f"{self._scope}*"
        return f"+{LOG}{below}:{self._mirror}log/{below}"

    def tip(self, path: str) -> Tip:
        """Where a model's log ends; ``path`` is the part of the ref below ``refs/gitops/log/``."""
        with self._lock:
            return self._known().get(path, Tip())

    def paths(self) -> tuple[str, ...]:
        """The logs that this clone holds, sorted."""
        with self._lock:
            return tuple(sorted(path for path, tip in self._known().items() if tip.own))

    def reload(self) -> None:
        """Forget what was read; another process may have written."""
        with self._lock:
            self._tips = None

    def published(self) -> Mapping[str, str]:
        """What the remote was last seen to hold, by path."""
        return self._list(f"{self._mirror}log/{self._scope}") if self._mirror else {}

    def reconcile(self, before: Mapping[str, str], *, only: str | None = None) -> tuple[str, ...]:
        """Bring our refs in line with what was fetched; sentences about what was put aside.

        ``before`` is what ``published`` said before the fetch; ``only`` the one path fetched.
        """
        with self._lock:
            for _ in range(_ATTEMPTS):
                tips, commands, said = self._reconciled(before, only)
                # Another run in this clone may write at the same time: then look again.
                if self._update(commands):
                    self._tips = tips if only is None else {**self._known(), **tips}
                    return tuple(sorted(said))
        raise RepositoryError(
            "The refs of the deploy log cannot be written here.",
            hint="another run may be writing them: run this again; or look for stale .lock files"
            " below refs/gitops in the Git directory",
        )

    def _reconciled(
        self, before: Mapping[str, str], only: str | None
    ) -> tuple[dict[str, Tip], list[str], list[str]]:
        said: list[str] = []
        commands: list[str] = []
        own, there = self._list(LOG + self._scope), self.published()
        tips: dict[str, Tip] = {}
        for path in {only} if only else own.keys() | there.keys():
            mine, theirs = own.get(path), there.get(path)
            if self._is_unpublished(mine, theirs, before.get(path)):
                tips[path] = Tip(own=mine, published=theirs)
                continue
            tips[path] = Tip(own=theirs, published=theirs)
            if mine is not None and not self._continues(theirs, mine):
                aside = f"{ASIDE}{path}/{mine}"
                commands.append(f"update {aside} {mine}")
                said.append(_aside(path, aside, deleted=theirs is None))
            if theirs is None:
                commands.append(f"delete {LOG}{path} {mine}")
            elif mine != theirs:
                commands.append(f"update {LOG}{path} {theirs} {mine or self._zero}")
        return tips, commands, said

    def took(self, path: str, new: str) -> None:
        """The remote took ``new``: write it down here. What cannot be, the next fetch brings."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                commands = [f"update {self._mirror}log/{path} {new}"]
                current = self._list(LOG + path).get(path)
                # Another run of this clone may have pushed on top of ours already.
                if not self._continues(current, new):
                    commands.append(f"update {LOG}{path} {new} {current or self._zero}")
                if self._update(commands):
                    break
            self._known()[path] = Tip(own=new, published=new)

    def advance(self, path: str, new: str, *, expected: str | None) -> None:
        """Without a remote: append by compare-and-swap. Raises ``LogMoved``."""
        with self._lock:
            done = self._repository.git.try_run(
                "update-ref", f"{LOG}{path}", new, expected or self._zero
            )
            if done.code:
                if self._list(LOG + path).get(path) != expected:
                    raise LogMoved(f"{LOG}{path} was written by another run first.")
                raise RepositoryError(f"The deploy log could not be written: {done.said}")
            self._known()[path] = Tip(own=new)

    def _is_unpublished(self, mine: str | None, theirs: str | None, before: str | None) -> bool:
        """Whether our chain goes on from the remote's and was never there itself."""
        if mine is None or mine == theirs:
            return False
        if self._continues(before, mine):
            return False
        return theirs is None or self._continues(mine, theirs)

    def _continues(self, later: str | None, earlier: str) -> bool:
        if later is None:
            return False
        try:
            return self._repository.is_ancestor(earlier, later)
        except RepositoryError:
            # Whoever may push there may have put something there that is no commit at all.
            if all(map(self._repository.exists, (earlier, later))):
                raise
            return earlier == later

    def _known(self) -> dict[str, Tip]:
        if self._tips is None:
            published = self.published()
            own = self._list(LOG + self._scope)
            self._tips = {}
            for path in own.keys() | published.keys():
                mine, theirs = own.get(path), published.get(path)
                # A push is a compare-and-swap: never offer the remote a chain without its own.
                if theirs is not None and mine != theirs and not self._continues(mine, theirs):
                    mine = theirs
                self._tips[path] = Tip(own=mine, published=theirs)
        return self._tips

    def _list(self, prefix: str) -> dict[str, str]:
        done = self._repository.git.run(
            "for-each-ref", "--format=%(objectname) %(refname)", prefix.removesuffix("/")
        )
        below = self._mirror + "log/" if self._mirror and prefix.startswith(self._mirror) else LOG
        rows = (line.split(" ", 1) for line in done.text.splitlines())
        return {name.removeprefix(below): oid for oid, name in rows}

    def _update(self, commands: Iterable[str]) -> bool:
        """All of the commands, or none: False."""
        text = "".join(f"{command}\n" for command in commands)
        if not text:
            return True
        return not self._repository.git.try_run("update-ref", "--stdin", stdin=text.encode()).code

    @property
    def _zero(self) -> str:
        return "0" * self._repository.id_digits


def _aside(path: str, aside: str, *, deleted: bool) -> str:
    name = LogName.read(path)
    model = printable(f"{name.team}/{name.model}" if name else path)
    why = (
        "was removed from the remote"
        if deleted
        else "is another chain on the remote than in this clone"
    )
    return (
        f"The deploy log of {model} {why}: the remote counts, and what was here is kept in {aside}."
    )
