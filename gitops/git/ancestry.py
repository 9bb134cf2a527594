"""Which commits lie before which. Answers are remembered: a commit's ancestors never change."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.database import Database
from gitops.git.objects import MissingObject
from gitops.git.process import Git, encoded
from gitops.render.text import printable

FULL_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

_MANY: Final = 3
"""So many questions about one commit's ancestors, and all of them are listed at once."""


def full_id(commit: str) -> str:
    """The id, surely no option. Raises ``RepositoryError`` where it is none, or not a full one."""
    if not FULL_ID.fullmatch(commit):
        raise RepositoryError(f"{printable(commit)!r} is no full commit id.")
    return commit


class Ancestry:
    """The history of one repository, as far as it is in this clone. Commits are full ids."""

    def __init__(self, git: Git, database: Database, *, id_digits: int, shallow: bool) -> None:
        self._git = git
        self._database = database
        self._id_digits = id_digits
        self._shallow = shallow
        self._asked: dict[str, dict[str, bool]] = {}
        self._reachable: dict[str, frozenset[str]] = {}

    def exists(self, commit: str) -> bool:
        """Whether the commit is in this clone."""
        # Git takes forty digits for the beginning of an id that has sixty-four.
        if not FULL_ID.fullmatch(commit) or len(commit) != self._id_digits:
            return False
        return self._are_commits([commit])

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether one commit is reachable from the other, or is the same.

        Raises ``RepositoryError`` where one of them is not in this clone. In a shallow clone, no
        means no more than "not within the history that is here".
        """
        if ancestor == descendant and self.exists(ancestor):
            return True
        reachable = self._reachable.get(descendant)
        if reachable is not None:
            if ancestor not in reachable:
                self._require(ancestor)
            return ancestor in reachable
        asked = self._asked.setdefault(descendant, {})
        if ancestor not in asked:
            if len(asked) >= _MANY:
                listed = self._git.run("rev-list", full_id(descendant))
                self._reachable[descendant] = frozenset(listed.text.split())
                return self.is_ancestor(ancestor, descendant)
            asked[ancestor] = self._ask(full_id(ancestor), full_id(descendant))
        return asked[ancestor]

    def are_ancestors(self, ancestors: Iterable[str], descendant: str) -> bool:
        """Whether all of these are commits that are reachable from one, in one question.

        No means that at least one is not, or is not in this clone; ask for each then.
        """
        wanted = [full_id(each) for each in ancestors]
        if not self._are_commits(wanted):
            return False
        asked = [*wanted, f"^{full_id(descendant)}"]
        lines = "".join(f"{each}\n" for each in asked)
        done = self._git.try_run("rev-list", "--max-count=1", "--stdin", stdin=encoded(lines))
        return done.code == 0 and not done.out

    def _ask(self, ancestor: str, descendant: str) -> bool:
        done = self._git.try_run("merge-base", "--is-ancestor", ancestor, descendant)
        if done.code not in {0, 1}:
            self._require(ancestor)
            self._require(descendant)
            raise RepositoryError(f"git merge-base failed: {done.said}")
        return done.code == 0

    def _are_commits(self, oids: list[str]) -> bool:
        headers = self._database.headers(oids)
        return all(header is not None and header.kind == "commit" for header in headers)

    def _require(self, commit: str) -> None:
        if not self.exists(commit):
            raise MissingObject(
                f"Commit {printable(commit)} is not in this clone.",
                oid=commit,
                hint="this clone is shallow: `git fetch --unshallow` brings the whole history"
                if self._shallow
                else "fetch it: `git fetch`",
            )
