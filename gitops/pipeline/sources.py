"""What compiling needs from Git and the working tree, as small protocols."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from gitops.state.artifact import TreeEntry
from gitops.state.commit import CommitInfo

__all__ = ["CommitInfo", "Files", "Objects"]


class Files(Protocol):
    """Files below the repository's root, at one commit or in the working tree; paths with ``/``."""

    def read(self, path: str) -> bytes | None:
        """A regular file's bytes; None where there is none."""

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The files that are there, in one pass."""

    def list(self, folder: str) -> tuple[str, ...]:
        """Paths of all regular files below ``folder``, sorted; empty where there is none."""


class Objects(Protocol):
    """The Git object database. Raises ``RepositoryError`` where Git cannot say."""

    def resolve(self, rev: str) -> str:
        """The full commit id of a revision; ``RepositoryError`` where it names no commit."""

    def exists(self, commit: str) -> bool:
        """Whether the commit object is in this clone."""

    def is_shallow(self) -> bool:
        """Whether this clone's history is cut off."""

    def expand(self, prefix: str) -> tuple[str, ...]:
        """Full ids of the commits that an abbreviation may mean."""

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether one commit is reachable from the other (or is the same)."""

    def are_ancestors(self, ancestors: Iterable[str], descendant: str) -> bool:
        """Whether all of these are commits that are reachable from one, as far as is known here."""

    def info(self, commit: str) -> CommitInfo | None:
        """A commit's date and subject."""

    def at(self, commit: str) -> Files:
        """The files of one commit."""

    def tree_id(self, commit: str, folder: str) -> str | None:
        """The id of a folder's tree: the same id, the same files; None: no folder."""

    def entries(self, commit: str, folder: str) -> tuple[TreeEntry, ...] | None:
        """All blobs, links, submodules below a folder, recursively, with sizes; None: no folder."""

    def read_ahead(self, places: Iterable[tuple[str, str]]) -> None:
        """Learn in a few passes what ``tree_id`` and ``entries`` will say of commits' folders."""

    def blob(self, oid: str) -> bytes:
        """The content of a blob."""

    def blobs(self, oids: Sequence[str]) -> Mapping[str, bytes]:
        """The contents of blobs, in one pass."""
