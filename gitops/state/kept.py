"""Where something was kept for people to look into later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

KEPT: Final = "kept for a closer look: "
"""What the line of a failure begins with that names such a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFailure:
    """A folder about one failure.

    ``name`` is its path below the common Git directory, the same in every clone; ``shown`` is one
    that a person can paste into a shell at the repository's root.
    """

    name: str
    shown: str
