"""A problem before it has a place: a path of keys, a message, a hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Step: TypeAlias = str | int
Path: TypeAlias = tuple[Step, ...]

STAND_IN: Final = "\0"
"""Stands for a name that is missing or wrong, while the rest of a file is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is wrong at ``path`` (keys and indices from the file's root).

    ``at_key`` points at the key rather than at its value: unknown and misplaced keys.
    """

    path: Path
    message: str
    hint: str | None = None
    at_key: bool = False
    severity: Literal["error", "warning"] = "error"
