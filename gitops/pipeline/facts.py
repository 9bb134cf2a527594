"""Facts that only Git's history knows: what it asked for since a hold, and whether we are late."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from typing import TypeAlias

from gitops.decide.situation import Asked
from gitops.pipeline.history import asked_at
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.project import Repository
from gitops.record.entry import Entry
from gitops.record.history import ModelHistory
from gitops.record.lock import Applied
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.names import ModelKey

Superseded: TypeAlias = Callable[[Sequence[Entry], Applied | None], bool]


@dataclass(frozen=True, slots=True)
class GitFacts:
    """Facts about one applied commit. Fulfils ``gitops.apply.run.FactSource``.

    ``is_superseded`` judges a model's log entries and what its lock names as applied (``locked``
    knows): whether a newer commit was applied already.
    ``left_behind`` gives the release files that logs of models name which no file names any more.
    """

    repository: Repository
    commit: str
    is_superseded: Superseded
    locked: Callable[[ModelKey], Applied | None]
    left_behind: Callable[[], Mapping[str, ModelKey]]
    _superseded: dict[str, bool] = field(default_factory=dict)

    def asked(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> tuple[Asked, ...]:
        """What Git asked for at each commit since the environment's oldest hold, oldest first.

        Along first parents: what the branch asked for, whatever the merged branches tried. Empty
        where nothing is held, and where the hold's commit is not in this clone: then nothing shows
        that the hold was broken, so it stands. Where that commit is of another line, as of a branch
        that was rewritten since, this begins where the line asks for what it asks for now: what it
        asked for before is older than the hold, for all that anybody knows.
        """
        base = history.environment(environment.name).asked_since
        if base is None or not self.repository.exists(base):
            return ()
        same_line = self.repository.is_ancestor(base, self.commit)
        since = self._commits_since(base, model, environment, history)
        looked = (
            asked_at(self.repository, commit, model.key, environment.name, history.model_names)
            for commit in ((base, *since) if same_line else since)
        )
        found = tuple(each for each in looked if each is not None)
        if same_line:
            return found
        digest = environment.artifact.digest if environment.artifact is not None else None
        return tuple(dropwhile(lambda each: each.digest != digest, found))

    def _commits_since(
        self,
        base: str,
        model: DesiredModel,
        environment: DesiredEnvironment,
        history: ModelHistory,
    ) -> tuple[str, ...]:
        """Oldest first. What follows HEAD may change with any commit, a pin with its file's."""
        files = (*history.release_files, model.release_file, CONFIG_FILE)
        touching = self.repository.commits_touching(
            (".",) if environment.follows_head else tuple(dict.fromkeys(files)),
            self.commit,
            base=base,
            first_parent=True,
        )
        return tuple(reversed(touching))

    def superseded(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> bool:
        """Whether a descendant of the applied commit was applied from the deploy branch before."""
        newest = history.entries[-1].id if history.entries else ""
        locked = self.locked(model.key)
        key = f"{model.key} {newest} {locked.commit if locked is not None else ''}"
        if key not in self._superseded:
            self._superseded[key] = self.is_superseded(history.entries, locked)
        return self._superseded[key]

    def formerly(self, model: DesiredModel) -> str | None:
        """Another model, managed no more, that this model's release file named before."""
        other = self.left_behind().get(model.release_file)
        return None if other is None else str(other)
