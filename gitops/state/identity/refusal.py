"""Why a truss has no identity: several reasons at once, each with what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason. ``file`` is a path from the repository's root; ``line`` 0: the whole file."""

    file: str
    message: str
    hint: str | None = None
    line: int = 0
    column: int = 0


class NoArtifact(Exception):
    """A truss that cannot be uploaded as it is."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(each.message for each in refusals))
        self.refusals = refusals
