"""Which commit of a history gives an artifact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from gitops.errors import RepositoryError
from gitops.pipeline.opened import Repository
from gitops.pipeline.trusses import Trusses
from gitops.state.identity.refusal import NoArtifact

LOOKED_AT: Final = 200
"""Commits of a truss that are tried where the one it was built from is not in this history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitSearch:
    """For a commit that may be pinned and whose truss gives one artifact."""

    objects: Repository
    head: str
    truss: str
    rebuild: str | None
    digest: str | None

    def first(self, commits: Iterable[str]) -> str | None:
        """The first of these that does; else of those that touched the truss last."""
        trusses = Trusses(self.objects)
        return next(
            (each for each in chain(commits, self._touched()) if self._fits(trusses, each)), None
        )

    def _touched(self) -> Iterator[str]:
        yield from self.objects.commits_touching([self.truss], self.head)[:LOOKED_AT]

    def _fits(self, trusses: Trusses, commit: str) -> bool:
        if not self.objects.exists(commit) or not self.objects.is_ancestor(commit, self.head):
            return False
        try:
            return trusses.artifact(commit, self.truss, self.rebuild).digest == self.digest
        except (NoArtifact, RepositoryError):
            return False
