"""The deploy log: a chain of entries per model in Git refs, appended by compare-and-swap.

An entry is on the remote before anybody relies on it; what the remote cannot be given is kept
beside the repository (``gitops.git.pending``) and counts as memory until it is pushed. Where no
remote is configured, or where trying things out must not reach a shared one, the refs of this
clone are the log. See ``gitops.git.logrefs`` for what is kept where.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gitops.errors import LogMoved, RemoteUnreachable
from gitops.git.chain import Chains
from gitops.git.fetched import last_fetch, note_fetch
from gitops.git.identity import Identity
from gitops.git.logrefs import LogRefs
from gitops.git.pending import Kept, Pending
from gitops.git.refnames import LOG, LogName, lock_refspec, segment, workspace_name
from gitops.git.remote import TIMEOUT, Remote
from gitops.git.renamed import Renamed
from gitops.git.repository import Repository
from gitops.git.waiting import same_entry, still_wanted, with_waiting
from gitops.record.entry import Entry
from gitops.render.text import printable
from gitops.state.live import Workspace
from gitops.state.names import ModelKey

_ATTEMPTS: Final = 3


class DeployLog:
    """The deploy log of one workspace. Fulfils ``gitops.apply.ports.DeployLog``; thread-safe.

    ``remote`` names a configured remote, None where there is none. ``branch`` is the deploy
    branch; it is fetched along, so that ``gitops.git.superseded`` can judge. ``team_of`` gives
    the team a model's log is kept under: the default team's name where none is written.
    ``id_of`` gives the id that a model has on Baseten now, ``managed`` the models that release
    files name (None: not known): so the log of a model that was renamed there goes on under its
    new name (``gitops.git.renamed``). ``api_is_loopback`` keeps the log away from a remote that is
    not on this machine. ``reach_remote`` False (``--no-log``) asks nothing of the remote: every
    entry is kept for a later run. ``timeout`` is in seconds, for each exchange with the remote.
    """

    def __init__(
        self,
        repository: Repository,
        workspace: Workspace,
        remote: str | None,
        *,
        team_of: Callable[[ModelKey], str],
        writer: Identity,
        api_is_loopback: bool = False,
        branch: str | None = None,
        reach_remote: bool = True,
        timeout: float = TIMEOUT,
        id_of: Callable[[ModelKey], str | None] = lambda _: None,
        managed: Collection[ModelKey] | None = None,
    ) -> None:
        self._repository = repository
        self._workspace = workspace_name(workspace)
        self._team_of = team_of
        self._branch = branch
        self._reach_remote = reach_remote
        self._notices: list[str] = []
        self._remote: Remote | None = None
        if remote is not None:
            self._remote = Remote(git=repository.git, name=remote, timeout=timeout)
            if api_is_loopback and not self._remote.is_local():
                self._remote = None
                self._notices.append(
                    f"{printable(workspace.host)} is on this machine and the Git remote"
                    f" {printable(remote)} is not: the deploy log stays in this clone's refs."
                )
        self._refs = LogRefs(
            repository, segment(self._workspace), self._remote.name if self._remote else None
        )
        self._chains = Chains(repository, writer)
        self._renamed = Renamed(
            repository,
            self._refs,
            self._chains,
            lambda name: id_of(self._key(name)),
            lambda: None if managed is None else {self._name(key).path for key in managed},
        )
        self._pending = Pending(repository.common_dir)
        self._kept: dict[str, tuple[Kept, ...]] = {}
        self._fetching = threading.Lock()
        self._model_locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences to show, in the order of events, each once."""
        return tuple(dict.fromkeys(self._notices))

    @property
    def remote(self) -> str | None:
        """The remote that the log is kept on; None where the local refs are the log."""
        return self._remote.name if self._remote else None

    @property
    def fetched(self) -> datetime | None:
        """When this clone last fetched a log, in UTC; None where that is not known."""
        return last_fetch(self._repository.common_dir)

    def fetch(self) -> None:
        """Bring every model's log from the remote, once; and push results kept by an earlier run.

        Raises ``RemoteUnreachable`` where the remote cannot be read. Kept results that cannot be
        pushed stay kept, and are said.
        """
        with self._fetching:
            for _ in range(_ATTEMPTS):
                self._refs.reload()
                self._kept.clear()
                self._renamed.forget()
                if self._remote is not None and self._reach_remote:
                    self._fetch(self._remote)
                if self._push_all_kept():
                    return
            self._notices.append(
                "Kept deploy-log entries were not pushed: other runs write the log all the time."
            )

    def entries(self, key: ModelKey) -> tuple[Entry, ...]:
        """A model's entries as last fetched or appended, oldest first; kept ones come last.

        Raises ``RepositoryError`` where the log holds something that is no entry.
        """
        name = self._name(key)
        with self._model_locks[name.path]:
            return with_waiting(self._chain(name), self._all_waiting(name))[0]

    def former(self, key: ModelKey) -> ModelKey | None:
        """The name that a model had on Baseten, where its log has not gone on under this one yet.

        Whoever writes has to hold the lock of that name too.
        """
        former = self._renamed.before(self._name(key))
        return self._key(former) if former is not None else None

    def unnamed(self, keys: Iterable[ModelKey]) -> dict[ModelKey, tuple[Entry, ...]]:
        """The entries of models that none of these keys names, as last fetched.

        Raises ``RepositoryError`` where their log holds something that is no entry.
        """
        named = {self._name(key).path for key in keys}
        # These names are the same models'.
        named |= {each.path for key in keys if (each := self._renamed.before(self._name(key)))}
        names = map(LogName.read, sorted(set(self._refs.paths()) - named))
        return {self._key(name): self._chain(name) for name in names if name is not None}

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        """Append by fast-forward push; returns the entry with its id.

        Entries kept before it go first. Raises ``LogMoved`` where a rival wrote first, and
        ``RemoteUnreachable`` where the remote cannot be reached or refuses; nothing is kept then.
        """
        name = self._name(key)
        with self._model_locks[name.path]:
            if self._remote is not None and not self._reach_remote:
                return self._keep(name, entry)
            return self._push(name, entry)

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        """Append; where the remote cannot be reached keep it locally for the next run to push.

        A rival's entry in between is no obstacle as long as this one still belongs after it; else
        ``LogMoved``.
        """
        name = self._name(key)
        with self._model_locks[name.path]:
            if self._remote is not None and not self._reach_remote:
                return self._keep(name, entry)
            base = self._tip(name)
            try:
                for _ in range(_ATTEMPTS):
                    try:
                        return self._push(name, entry)
                    except LogMoved:
                        self._look_again(name)
                        there = same_entry(self._chain(name), entry)
                        if there is not None:
                            return there
                        if still_wanted(self._chain(name), entry, base) is not None:
                            raise
                return self._push(name, entry)
            except RemoteUnreachable as error:
                self._notices.append(
                    f"{_what(entry, name)} could not be pushed to the deploy log and is kept in"
                    f" this clone; the next run here pushes it. {error.message}"
                )
                return self._keep(name, entry)

    def left_behind(self, managed: Iterable[ModelKey]) -> dict[str, ModelKey]:
        """Release files that the logs of other models named last, with one of these models.

        Other than ``managed``, whose logs are not read. The default team is left out of the keys.
        """
        own = {self._name(key).path for key in managed}
        tips = {
            LOG + path: tip
            for path in self._refs.paths()
            if path not in own and (tip := self._refs.tip(path).own) is not None
        }
        managed_ids = self._ids(own)
        found: dict[str, ModelKey] = {}
        for ref, entry in self._chains.newest(tips).items():
            name = LogName.read(ref.removeprefix(LOG))
            if name is None or not entry.release_file:
                continue
            # A model that was renamed is managed under its new name.
            if entry.model_id in managed_ids and self._renamed.after(name) is not None:
                continue
            found.setdefault(entry.release_file, self._key(name))
        return found

    def is_kept(self, key: ModelKey, entry_id: str) -> bool:
        """Whether an entry is only in this clone, to be pushed by a later run."""
        name = self._name(key)
        with self._model_locks[name.path]:
            return any(each.entry.id == entry_id for each in self._all_waiting(name))

    # What is behind them

    def _name(self, key: ModelKey) -> LogName:
        return LogName(workspace=self._workspace, team=self._team_of(key), model=key.name)

    def _key(self, name: LogName) -> ModelKey:
        """The model of a log; the default team is left out, as release files may do."""
        plain = ModelKey(None, name.model)
        return plain if self._team_of(plain) == name.team else ModelKey(name.team, name.model)

    def _chain(self, name: LogName) -> tuple[Entry, ...]:
        return self._chains.entries(self._tip(name), LOG + name.path)

    def _tip(self, name: LogName) -> str | None:
        """The newest entry of a model's log, under whatever name it was written."""
        return self._refs.tip((self._renamed.before(name) or name).path).own

    def _ids(self, paths: Iterable[str]) -> set[str]:
        """The models on Baseten that these logs are of, by their newest entries."""
        tips = {LOG + path: tip for path in paths if (tip := self._refs.tip(path).own) is not None}
        return {each.model_id for each in self._chains.newest(tips).values() if each.model_id}

    def _waiting(self, name: LogName) -> tuple[Kept, ...]:
        if name.path not in self._kept:
            self._kept[name.path] = self._pending.read(name)
        return self._kept[name.path]

    def _all_waiting(self, name: LogName) -> tuple[Kept, ...]:
        """What waits for a model's log, under whatever name."""
        former = self._renamed.before(name)
        return (*(self._waiting(former) if former else ()), *self._waiting(name))

    def _fetch(self, remote: Remote) -> None:
        before = self._refs.published()
        # What the locks name as applied is memory too, and costs no further exchange.
        refspecs = [self._refs.refspec(), lock_refspec(remote.name, segment(self._workspace))]
        if self._branch is None:
            remote.fetch(refspecs, prune=True)
        else:
            remote.fetch_along(refspecs, self._branch)
        note_fetch(self._repository.common_dir, remote.name)
        self._repository.branches.forget()
        self._notices.extend(self._refs.reconcile(before))

    def _look_again(self, name: LogName) -> None:
        """Bring one model's log, and leave alone what other threads are pushing."""
        self._renamed.forget()
        if self._remote is None:
            self._refs.reload()
            return
        before = self._refs.published()
        self._remote.fetch_one(self._refs.refspec(name.path))
        self._notices.extend(self._refs.reconcile(before, only=name.path))

    def _push(self, name: LogName, entry: Entry) -> Entry:
        """Append what is kept and then this entry, in one push."""
        former = self._renamed.before(name)
        if former is not None and self._waiting(former):
            self._push_chain(former, self._waiting(former), None)
        new = self._push_chain(name, [*self._waiting(name)], entry)
        return replace(entry, id=new)

    def _push_chain(self, name: LogName, kept: Sequence[Kept], last: Entry | None) -> str:
        tip = self._refs.tip(name.path)
        begin = self._tip(name)
        chain, parent = self._chain(name), begin
        renamed: dict[str, str] = {}
        for each in kept:
            entry = replace(
                each.entry, intent=renamed.get(each.entry.intent or "", each.entry.intent)
            )
            why = still_wanted(chain, entry, each.base, renamed.values())
            if why is None:
                parent = self._chains.write(entry, parent)
                renamed[each.entry.id] = parent
                chain = (*chain, replace(entry, id=parent))
            elif why:
                self._notices.append(f"{_what(entry, name)} was kept and is dropped: {why}.")
        if last is not None:
            parent = self._chains.write(last, parent)
        if parent is not None and parent != begin:
            if self._remote is None:
                self._refs.advance(name.path, parent, expected=tip.own)
            else:
                self._remote.push(parent, LOG + name.path, expected=tip.published)
                self._refs.took(name.path, parent)
            self._renamed.forget(name)
        for each in kept:
            self._pending.remove(each)
        if renamed:
            self._notices.append(_recorded(name, len(renamed)))
        self._kept.pop(name.path, None)
        return parent or ""

    def _keep(self, name: LogName, entry: Entry) -> Entry:
        # Until the new name has a log, all that waits is in one order.
        name = self._renamed.before(name) or name
        waiting, base = self._waiting(name), self._tip(name)
        parent = waiting[-1].entry.id if waiting else base
        entry = replace(entry, id=self._chains.write(entry, parent))
        self._kept[name.path] = (*waiting, self._pending.add(name, entry, base))
        return entry

    def _push_all_kept(self) -> bool:
        """Push what earlier runs kept; False where a rival wrote meanwhile."""
        for name in self._pending.names(self._workspace):
            with self._model_locks[name.path]:
                waiting = self._waiting(name)
                if not waiting:
                    continue
                if self._remote is not None and not self._reach_remote:
                    self._notices.append(_still_kept(name, len(waiting), "as asked"))
                    continue
                # Under the name that its log goes on under, where the model was renamed meanwhile.
                target = self._renamed.after(name) or name
                try:
                    with self._model_locks[target.path]:
                        self._push_chain(target, waiting, None)
                    self._kept.pop(name.path, None)
                except LogMoved:
                    return False
                except RemoteUnreachable as error:
                    self._notices.append(_still_kept(name, len(waiting), error.message))
        return True


def _what(entry: Entry, name: LogName) -> str:
    return printable(f"The entry “{entry.event}” of {name.model}/{entry.environment}")


def _recorded(name: LogName, count: int) -> str:
    entries = "1 entry" if count == 1 else f"{count} entries"
    had = "has" if count == 1 else "have"
    return printable(
        f"{entries} of {name.model} that this clone kept {had} reached the deploy log."
    )


def _still_kept(name: LogName, count: int, why: str) -> str:
    entries, stay = ("1 entry", "stays") if count == 1 else (f"{count} entries", "stay")
    return printable(f"{entries} of {name.model} {stay} kept in this clone, not pushed: {why}.")
