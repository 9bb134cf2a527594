"""A Git commit as what is said about it, and the way from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["forward", "back", "elsewhere"]
"""To a commit that has the old one in its history · to one in the old one's · to neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """A commit's committer date (UTC), the first line of its message and its author's name."""

    id: str
    at: datetime
    subject: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Two commits (full ids), and the files or folders from the root that matter between them."""

    before: str
    after: str
    paths: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where ``after`` lies, seen from ``before``, and the commits between that change a path.

    Newest first, children before parents; on the way back those that are left behind.
    """

    direction: Direction
    commits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The commits between two that change a path, newest first.

    ``cancelled`` are those of them that take each other back, so that nothing of them ships;
    ``commits`` are the others.
    """

    commits: tuple[CommitInfo, ...] = ()
    cancelled: tuple[CommitInfo, ...] = ()
