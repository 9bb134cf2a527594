"""A model that was renamed on Baseten: under its new name, its deploy log goes on from the old one.

The log of the new name begins at the old log's newest entry, so that one chain holds the whole
history. The old ref stays where it is. Until the first entry under the new name there is no ref of
that name, and the old chain is what is read; afterwards the old ref is only remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import cache

from gitops.errors import RepositoryError
from gitops.git.chain import Chains
from gitops.git.logrefs import LogRefs
from gitops.git.refnames import LogName
from gitops.git.repository import Repository
from gitops.record.entry import Entry


class Renamed:
    """Finds the log that a model's log goes on from, among those that no release file names.

    ``id_of`` says which model has a name on Baseten now: asked only where a name has no log of its
    own while there are logs that nobody names. ``managed`` says which logs release files name; None
    where that is not known, and then no log goes on from another.
    """

    def __init__(
        self,
        repository: Repository,
        refs: LogRefs,
        chains: Chains,
        id_of: Callable[[LogName], str | None],
        managed: Callable[[], Collection[str] | None],
    ) -> None:
        self._repository = repository
        self._refs = refs
        self._chains = chains
        self._id_of = id_of
        self._managed = cache(managed)
        self._found: dict[str, LogName | None] = {}
        self._loose: dict[str, str] | None = None

    def forget(self, name: LogName | None = None) -> None:
        """What was found, of one name or of all: its refs have changed."""
        if name is None or name.path not in (self._managed() or ()):
            self._found.clear()
            self._loose = None
        else:
            self._found.pop(name.path, None)

    def before(self, name: LogName) -> LogName | None:
        """The name whose log holds the newest entries of this model; None: its own does.

        That is the newest log of the same team and the same model on Baseten, of a name that
        nobody manages, which goes on from this name's own log, where there is one.
        """
        if name.path not in self._found:
            self._found[name.path] = self._before(name)
        return self._found[name.path]

    def after(self, name: LogName) -> LogName | None:
        """The name under which the log goes on that began as this name's."""
        own = self._refs.tip(name.path).own
        if own is None:
            return None
        others = {path: tip for path in self._refs.paths() if (tip := self._refs.tip(path).own)}
        return self._furthest(name, self._logged_id(name, own), others)

    def _before(self, name: LogName) -> LogName | None:
        others = self._team_of(name, self._unmanaged())
        if not others:
            return None
        own = self._refs.tip(name.path).own
        model_id = self._id_of(name) if own is None else self._logged_id(name, own)
        return self._furthest(name, model_id, others)

    def _logged_id(self, name: LogName, own: str) -> str | None:
        entry = self._newest({name.path: own}).get(name.path)
        return entry.model_id if entry is not None else None

    def _furthest(
        self, name: LogName, model_id: str | None, others: Mapping[str, str]
    ) -> LogName | None:
        """The newest log of that model among others that goes on from this name's own."""
        if not model_id:
            return None
        own = self._refs.tip(name.path).own
        there = {path: tip for path, tip in self._team_of(name, others).items() if tip != own}
        newest = self._newest(there)
        same = [
            path
            for path, entry in newest.items()
            if entry.model_id == model_id
            and (own is None or self._repository.is_ancestor(own, there[path]))
        ]
        found = max(same, key=lambda path: (newest[path].at, path), default=None)
        return LogName.read(found) if found is not None else None

    def _unmanaged(self) -> Mapping[str, str]:
        """Where the logs end that no release file names, by path."""
        if self._loose is None:
            managed = self._managed()
            self._loose = {
                path: tip
                for path in (self._refs.paths() if managed is not None else ())
                if path not in (managed or ()) and (tip := self._refs.tip(path).own) is not None
            }
        return self._loose

    def _team_of(self, name: LogName, logs: Mapping[str, str]) -> dict[str, str]:
        """Those of the same team, other than this one."""
        team = name.path.rpartition("/")[0]
        return {
            path: tip
            for path, tip in logs.items()
            if path != name.path and path.rpartition("/")[0] == team
        }

    def _newest(self, tips: Mapping[str, str]) -> dict[str, Entry]:
        """The last entries of logs, by path. Without those that hold something else.

        Whoever reads such a log is told; nobody else has to be.
        """
        found: dict[str, Entry] = {}
        for path, tip in tips.items():
            with suppress(RepositoryError):
                found[path] = self._chains.newest({path: tip})[path]
        return found
