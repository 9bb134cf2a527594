"""The locks of models, kept in Git: on the remote, or in this clone where it is on its own.

Where they are in this clone, the only runs that can hold one are runs of this clone, and whether
such a run is alive is known from its file (``gitops.git.running``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.identity import Identity
from gitops.git.lockrefs import Change, Found, LockRefs
from gitops.git.refnames import LogName, segment, workspace_name
from gitops.git.remote import Remote
from gitops.git.repository import Repository
from gitops.git.running import Runs
from gitops.record.lock import Applied, Lock, LockSwap, NamedLock, SeenLock, Swapped, unlocked
from gitops.render.text import printable
from gitops.state.live import Workspace
from gitops.state.names import ModelKey

TIMEOUT: Final = 20.0
"""Seconds for one exchange with the remote: a renewal that takes longer is of no use."""


class Locks:
    """The locks of one workspace. Fulfils ``gitops.apply.ports.LockStore``; thread-safe.

    ``remote`` None: the locks are in this clone, and hold for the runs in it. ``team_of`` gives the
    team a model's lock is kept under. ``branch`` is fetched along, so that the applied commits
    that locks name can be judged.
    """

    def __init__(
        self,
        repository: Repository,
        workspace: Workspace,
        remote: str | None,
        *,
        team_of: Callable[[ModelKey], str],
        writer: Identity,
        branch: str | None = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self._workspace = workspace_name(workspace)
        self._team_of = team_of
        self._runs = Runs(repository.common_dir)
        self._refs = LockRefs(
            repository,
            segment(self._workspace),
            Remote(git=repository.git, name=remote, timeout=timeout) if remote else None,
            writer=writer,
            branch=branch,
        )

    @property
    def shared(self) -> bool:
        """Whether runs on other machines see them."""
        return self._refs.remote is not None

    def fetch(self) -> None:
        """See what the locks are now. Raises ``RemoteUnreachable``."""
        self._refs.fetch()

    def reload(self) -> None:
        """See what somebody else fetched into this clone."""
        self._refs.reload()

    def seen(self, keys: Iterable[ModelKey]) -> dict[ModelKey, SeenLock]:
        """What the locks were last seen to be.

        Raises ``RepositoryError`` where one is nothing that this version can read.
        """
        paths = {key: self._path(key) for key in keys}
        found = self._refs.read(list(paths.values()))
        return {key: self._seen(key, found[path]) for key, path in paths.items()}

    def applied(self, key: ModelKey) -> Applied | None:
        """What a model's lock was last seen to name as applied."""
        path = self._path(key)
        lock = self._refs.read([path])[path].lock
        return lock.applied if lock is not None else None

    def swap(self, moves: Mapping[ModelKey, LockSwap]) -> Swapped:
        """Change all of these locks in one push, or none.

        Raises ``RemoteUnreachable`` where the remote cannot be reached, or refuses us.
        """
        keys = {self._path(key): key for key in moves}
        ids, moved = self._refs.swap(
            {path: Change(old=moves[key].seen, new=moves[key].lock) for path, key in keys.items()}
        )
        return Swapped(
            ids={keys[path]: oid for path, oid in ids.items()},
            moved=frozenset(keys[path] for path in moved),
        )

    def begin(self, run: str) -> None:
        """This process is that run: others in this clone can see whether it is alive."""
        self._runs.begin(run)

    def end(self, run: str) -> None:
        """That run is over; also one that died here and whose locks were taken over."""
        self._runs.end(run)
        self._runs.forget(run)

    def _path(self, key: ModelKey) -> str:
        return LogName(workspace=self._workspace, team=self._team_of(key), model=key.name).path

    def _seen(self, key: ModelKey, found: Found) -> SeenLock:
        if found.problem is not None:
            raise RepositoryError(
                f"The lock of {printable(str(key))} cannot be read: {found.problem}.",
                hint="upgrade gitops if a newer one wrote it; else `gitops unlock` frees it",
            )
        alive = None
        if found.lock is not None and found.lock.holder is not None:
            alive = self._runs.is_alive(found.lock.holder.run)
            if alive is None and not self.shared:
                alive = False
        return SeenLock(id=found.id, lock=found.lock, alive=alive)


class LockBook:
    """Every lock that a remote and this clone hold, of all workspaces; needs no Baseten.

    ``remote`` None: there is none.
    """

    def __init__(self, repository: Repository, remote: str | None, writer: Identity) -> None:
        remotes: list[Remote | None] = [None]
        if remote is not None and repository.remote(remote) is not None:
            remotes.append(Remote(git=repository.git, name=remote))
        self._writer = writer
        self._runs = Runs(repository.common_dir)
        self._refs = {
            each.name if each is not None else None: LockRefs(repository, None, each, writer=writer)
            for each in remotes
        }

    def locks(self, *, team: str | None, model: str) -> tuple[NamedLock, ...]:
        """The locks of models of that name as they are now, free ones included.

        Raises ``RemoteUnreachable`` where the remote cannot be read.
        """
        found: list[NamedLock] = []
        for remote, refs in self._refs.items():
            refs.fetch()
            names = {path: LogName.read(path) for path in refs.paths()}
            wanted = {
                path: name
                for path, name in names.items()
                if name is not None and name.model == model and team in {None, name.team}
            }
            for path, each in refs.read(list(wanted)).items():
                if each.id is not None:
                    name = wanted[path]
                    found.append(
                        NamedLock(
                            workspace=name.workspace,
                            team=name.team,
                            model=name.model,
                            remote=remote,
                            id=each.id,
                            lock=each.lock,
                            problem=each.problem,
                            alive=self._is_alive(each.lock),
                        )
                    )
        return tuple(found)

    def _is_alive(self, lock: Lock | None) -> bool | None:
        holder = lock.holder if lock is not None else None
        return self._runs.is_alive(holder.run) if holder is not None else None

    def unlock(self, lock: NamedLock, *, now: datetime) -> bool:
        """Free a lock that is still what was seen; False: somebody changed it meanwhile."""
        free = unlocked(lock.lock or Lock(holder=None, at=now), by=str(self._writer), now=now)
        name = LogName(workspace=lock.workspace, team=lock.team, model=lock.model)
        changes = {name.path: Change(old=lock.id, new=free)}
        return not self._refs[lock.remote].swap(changes)[1]
