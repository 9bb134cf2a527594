"""A repository that commands work on, with its working tree: what is needed of it, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gitops.pipeline.sources import Files, Objects
from gitops.state.changed import Changes
from gitops.state.commit import Span, Way


class Repository(Objects, Protocol):
    """A repository: its objects, and what is checked out."""

    @property
    def is_bare(self) -> bool:
        """Whether there is no working tree."""

    def head(self) -> str:
        """The commit that is checked out. Raises ``RepositoryError`` where there is none."""

    def dirty(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What differs from HEAD among these paths."""

    def commits_touching(
        self,
        paths: Iterable[str],
        head: str,
        *,
        base: str | None = None,
        first_parent: bool = False,
    ) -> tuple[str, ...]:
        """Commits of ``base..head`` that change one of the paths, newest first."""

    def ways(self, spans: Sequence[Span]) -> Mapping[Span, Way]:
        """How many pairs of commits lie to each other, and what happened between them."""

    def changed(self, steps: Sequence[Sequence[str]], paths: Iterable[str]) -> tuple[Changes, ...]:
        """What each step changes in at least these paths.

        A step is a commit, against its parent (a merge changes nothing), or two: what the second
        has to become the first.
        """

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None where they share none."""

    def root_id(self) -> str:
        """An id that every clone of this repository shares, however shallow it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository with its working tree, and the environment variables of this call.

    ``say`` hears, in sentences, what a command waits for or does that nobody asked for.
    """

    repository: Repository
    worktree: Files
    environ: Mapping[str, str]
    say: Callable[[str], None] | None = None
