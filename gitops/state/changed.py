"""Files of a commit as Git holds them, and how two commits differ in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFile:
    """A file: ``mode`` as Git writes it (``100644``) and the id of its blob."""

    mode: str
    oid: str


Content: TypeAlias = bytes | GitFile | None
"""New bytes, with the mode that the file has; a file as Git holds it; no file any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedPath:
    """A path at which two commits differ; a side is None where there is no file."""

    path: str
    before: GitFile | None
    after: GitFile | None


Changes: TypeAlias = tuple[ChangedPath, ...]
"""All that one commit changes."""
