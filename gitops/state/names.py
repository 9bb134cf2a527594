"""How models and environments are named in options, ids, events and tags."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class ModelKey:
    """A model as a release file names it: unique per team, ``team`` None where none is written."""

    team: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.team}/{self.name}" if self.team else self.name
