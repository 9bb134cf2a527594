"""A Git commit as what is said about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitInfo:
    """A commit's committer date (UTC), the first line of its message and its author's name."""

    id: str
    at: datetime
    subject: str
    author: str
