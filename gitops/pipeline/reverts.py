"""Reverts: what one commit changed for an environment, taken back on top of another."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Protocol

from gitops.errors import InvalidRelease
from gitops.pipeline.asked import Asked, Turn, Wish
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.diff import Ways
from gitops.pipeline.places import CONFIG_FILE
from gitops.pipeline.project import Repository
from gitops.plan.release_diff import release_diff
from gitops.state.changed import ChangedPath, Content, GitFile
from gitops.state.commit import CommitInfo
from gitops.state.desired import DesiredModel
from gitops.wording import listed

MOST_NAMED: Final = 3
_WHERE: Final = frozenset({"release_file", "truss"})
"""Where a model's files are is no part of what is served."""


class Changes(Protocol):
    """New commits made beside the working tree."""

    def check_branch(self, branch: str) -> None:
        """Raises ``UsageError`` where a new local branch cannot have that name."""

    def in_the_way(self, branch: str) -> str | None:
        """A local branch that there cannot be together with this one; None: there is none."""

    def tip(self, branch: str) -> str | None:
        """The commit of a local branch; None where there is none of that name."""

    def are_same(self, one: str, other: str) -> bool:
        """Whether two commits have the same files and the same parents."""

    def published(self, made: str, remote: str) -> tuple[str, str] | None:
        """A branch of the remote, as last fetched, that is this very change; with its commit."""

    def commit(self, base: str, files: Mapping[str, Content], message: str) -> str:
        """A commit on top of ``base`` that changes these files; its id."""

    def branch(self, name: str, commit: str) -> None:
        """A new local branch at a commit."""

    def parent(self, commit: str) -> str | None:
        """The first parent of a commit."""

    def is_merge(self, commit: str) -> bool:
        """Whether a commit has more than one parent."""

    def changed(self, before: str, after: str) -> tuple[ChangedPath, ...]:
        """The files that differ between two commits."""

    def file(self, commit: str, path: str) -> GitFile | None:
        """A file of a commit."""

    def merged(self, ours: GitFile, base: GitFile, theirs: GitFile) -> bytes | None:
        """A text with two changes of it made together; None where they touch the same lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverts:
    """Makes reverts for one environment; ``model`` is as it is at the commit to build on."""

    objects: Repository
    changes: Changes
    model: DesiredModel
    asked: Asked

    def commit(
        self,
        head: str,
        turn: Turn,
        culprit: CommitInfo,
        places: Callable[[DesiredModel], Iterable[str]],
    ) -> tuple[str | None, str]:
        """The commit that takes back all of another one; else why there is none.

        ``places`` are the paths of a model that it may touch, besides its release file.
        """
        allowed = {
            path
            for model in (turn.before, turn.after, self.model)
            for path in (model.release_file, CONFIG_FILE, *places(model))
        }
        files, why = self._reverted(turn, head, allowed)
        if files is None:
            return None, why
        message = message_of(
            self.asked, f'Revert "{culprit.subject}"', f"This reverts commit {culprit.id}."
        )
        made = self.changes.commit(head, files, message)
        why = self._not_just_that(head, made, turn.wish)
        return (None, why) if why else (made, "")

    def _reverted(
        self, turn: Turn, head: str, allowed: AbstractSet[str]
    ) -> tuple[dict[str, Content] | None, str]:
        """The files of a clean revert; else why there is none."""
        short = turn.commit[:12]
        paths = self.changes.changed(turn.parent, turn.commit)
        others = [
            each.path
            for each in paths
            if not any(each.path == one or each.path.startswith(f"{one}/") for one in allowed)
        ]
        if others:
            more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
            named = ", ".join(others[:MOST_NAMED])
            return None, self._more_than_that(turn, f"other files too: {named}{more}")
        beside = self._beside(turn.parent, turn.commit)
        if beside:
            return None, self._more_than_that(turn, f"{beside} too")
        files: dict[str, Content] = {}
        for each in paths:
            path = self._today(each.path, turn.after)
            now = self.changes.file(head, path)
            if now == each.after:
                files[path] = each.before
                continue
            if now is None or each.before is None or each.after is None:
                return None, f"{path} was added or removed since {short}"
            merged = self.changes.merged(now, each.after, each.before)
            if merged is None:
                return None, f"{path} was changed at the same place since {short}"
            files[path] = merged
        return files, ""

    def _more_than_that(self, turn: Turn, what: str) -> str:
        main = "-m 1 " if self.changes.is_merge(turn.commit) else ""
        short = turn.commit[:12]
        return f"{short} changes {what} (`git revert {main}{short}` takes all of it back)"

    def _today(self, path: str, then: DesiredModel) -> str:
        """Where a file of the model is now, that had another name or folder then."""
        if path == then.release_file:
            return self.model.release_file
        old, new = (posixpath.normpath(each.truss or ".") for each in (then, self.model))
        if old != new and path.startswith(f"{old}/"):
            return posixpath.join(new, path.removeprefix(f"{old}/"))
        return path

    def _beside(self, before: str, after: str) -> str:
        """What else than this environment's artifact two commits differ in; empty: nothing."""
        try:
            old, new = (compile_commit(self.objects, each) for each in (before, after))
        except InvalidRelease:
            return "release files that are not valid"
        found = release_diff(old, new, Ways(self.objects))
        own = {str(self.model.key), *self.asked.names}
        return listed(
            [
                f"{model.model}/{each.environment}"
                for model in found.models
                for each in model.environments
                if model.model not in own or each.environment != self.asked.name
            ]
            + [
                model.model
                for model in found.models
                if any(model.model not in own or one.path not in _WHERE for one in model.fields)
            ]
            + (["gitops.yaml"] if found.repository else [])
        )

    def _not_just_that(self, head: str, made: str, wanted: Wish) -> str:
        """Why a commit is not the rollback of this environment alone; empty: it is."""
        try:
            compile_commit(self.objects, made)
        except InvalidRelease as error:
            return f"the revert would not be valid: {error.problems[0]}"
        asked = self.asked.wish(self.asked.at(made, self.model.release_file))
        if asked is None or asked.key != wanted.key:
            return "the revert would ask for something else again"
        beside = self._beside(head, made)
        return f"the revert would change {beside} too" if beside else ""


def message_of(asked: Asked, subject: str, *notes: str) -> str:
    """The message of a commit that takes an environment back."""
    lines = [subject, "", f"Rolls back {asked.key}/{asked.name}."]
    return "\n".join([*lines, *(note for note in notes if note), ""])
