"""Every deploy log that a clone holds, of all workspaces, read without a network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from gitops.errors import RemoteUnreachable, RepositoryError
from gitops.git.chain import Chains
from gitops.git.fetched import last_fetch, note_fetch
from gitops.git.identity import Identity
from gitops.git.logrefs import LogRefs
from gitops.git.pending import Pending
from gitops.git.refnames import LOG, LogName
from gitops.git.repository import Repository
from gitops.git.waiting import with_waiting
from gitops.record.timeline import ModelLog
from gitops.render.text import printable


class LogBook:
    """The logs in one clone. ``remote`` is where ``fetch`` asks; nothing is ever written to it."""

    def __init__(self, repository: Repository, remote: str | None) -> None:
        self._repository = repository
        self._remote = repository.remote(remote) if remote is not None else None
        self._refs = LogRefs(repository, None, remote if self._remote is not None else None)
        self._chains = Chains(repository, Identity(name="gitops", email="gitops@localhost"))
        self._pending = Pending(repository.common_dir)

    def fetch(self) -> tuple[str, ...]:
        """Bring all workspaces' logs from the remote; sentences about what was put aside or is new.

        Raises ``RemoteUnreachable``, also where no remote is configured.
        """
        if self._remote is None:
            raise RemoteUnreachable(
                "There is no Git remote to fetch the deploy log from.",
                hint="`git remote add origin URL`; without one, the log is in this clone alone",
            )
        before = self._refs.published()
        self._remote.fetch([self._refs.refspec()], prune=True)
        note_fetch(self._repository.common_dir, self._remote.name)
        return (*self._refs.reconcile(before), self._news(before))

    @property
    def last_fetch(self) -> datetime | None:
        """When this clone last fetched the logs, in UTC; None where that is not known."""
        return last_fetch(self._repository.common_dir)

    @property
    def has_remote(self) -> bool:
        """Whether there is any remote that could know more than this clone."""
        return bool(self._repository.git.run("remote").text.strip())

    @property
    def never_fetched(self) -> bool:
        """Whether this clone has nothing that comes from a remote."""
        done = self._repository.git.run("for-each-ref", "--count=1", "refs/gitops/remotes")
        return self.last_fetch is None and not done.text.strip()

    def _news(self, before: Mapping[str, str]) -> str:
        """How far behind the remote this clone was."""
        after = self._refs.published()
        moved = [path for path, tip in after.items() if before.get(path) != tip]
        if not moved:
            return "The remote has no new entries."
        old = [f"^{before[path]}" for path in moved if path in before]
        done = self._repository.git.run("rev-list", "--count", *(after[it] for it in moved), *old)
        number, models = int(done.text), len(moved)
        entries = f"{number} new {'entry' if number == 1 else 'entries'}"
        return f"Fetched {entries} of {models} {'model' if models == 1 else 'models'}."

    def logs(self, *, team: str | None = None, model: str | None = None) -> tuple[ModelLog, ...]:
        """The logs, sorted by workspace, team and model; only those of a team or model if given.

        Without a model, what goes on under another name is only there as part of that.

        Raises ``RepositoryError`` where one of these holds something that is no entry.
        """
        kept = {name.path: name for name in self._pending.names()}
        names = {path: LogName.read(path) for path in self._refs.paths()} | kept
        found = tuple(
            self._log(name)
            for path in sorted(names)
            if (name := _known(path, names[path])).model == (model or name.model)
            and name.team == (team or name.team)
        )
        return found if model is not None else _each_once(found)

    def of(self, model: str, release_file: str) -> tuple[ModelLog, ...]:
        """The logs of one model, sorted by workspace and team.

        In a workspace that has no log of that name these are the logs whose newest entry names the
        release file: the model may have had another name there. Raises ``RepositoryError`` where
        one of these holds something that is no entry.
        """
        kept = {name.path: name for name in self._pending.names()}
        names = {path: LogName.read(path) for path in self._refs.paths()} | kept
        own = [name for path in sorted(names) if (name := names[path]) and name.model == model]
        there = {name.workspace for name in own}
        former = [
            name
            for path in sorted(names)
            if (name := names[path])
            and name.workspace not in there
            and self._file(name) == release_file
        ]
        return tuple(self._log(name) for name in (*own, *former))

    def _file(self, name: LogName) -> str | None:
        """The release file that a log's newest entry names; None where it says nothing."""
        tip = self._refs.tip(name.path).own
        if tip is None:
            return None
        try:
            return self._chains.newest({name.path: tip})[name.path].release_file
        except RepositoryError:
            # Whoever asks for this very log is told.
            return None

    def _log(self, name: LogName) -> ModelLog:
        chain = self._chains.entries(self._refs.tip(name.path).own, LOG + name.path)
        entries, kept = with_waiting(chain, self._pending.read(name))
        return ModelLog(
            workspace=name.workspace,
            team=name.team,
            model=name.model,
            entries=entries,
            kept=kept,
        )


def _each_once(logs: tuple[ModelLog, ...]) -> tuple[ModelLog, ...]:
    """Without the logs of models that were renamed: another log begins with all of each."""
    goes_on = {entry.id for log in logs for entry in log.entries[:-1]}
    return tuple(log for log in logs if not log.entries or log.entries[-1].id not in goes_on)


def _known(path: str, name: LogName | None) -> LogName:
    if name is None:
        raise RepositoryError(
            f"{printable(LOG + path)} is no name of a deploy log.",
            hint=f"remove it if it is a mistake: `git update-ref -d {printable(LOG + path)}`",
        )
    return name
