"""Findings get their places: in the release file where it has the value, else in gitops.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gitops.errors import Problem, Where
from gitops.release import words
from gitops.release.finding import Finding, Path
from gitops.yaml.compose import Fault
from gitops.yaml.document import Document

CONFIG_FILE: Final = "gitops.yaml"
_INHERITED: Final = frozenset({"environments", "checks"})


@dataclass(frozen=True, slots=True)
class Places:
    """Where the values of one merged release file come from."""

    file: Document
    config: Document | None = None

    def origin(self, path: Path) -> tuple[Document, Path]:
        """The document that gave the value at ``path``, and its path there."""
        if self.config is not None and path and not self.file.holds(path):
            below = path if path == ("team",) else ("defaults", *path)
            inherited = path == ("team",) or path[0] in _INHERITED
            if inherited and self.config.holds(below):
                return self.config, below
        return self.file, path

    def where(self, path: Path, *, at_key: bool = False) -> Where:
        """The place of a value, or of the nearest thing around it."""
        document, below = self.origin(path)
        return document.where(below, key=at_key)

    def problem(self, finding: Finding) -> Problem:
        """A finding with its place."""
        document, below = self.origin(finding.path)
        return Problem(
            where=document.where(below, key=finding.at_key),
            path=words.dotted(below),
            message=finding.message,
            hint=finding.hint,
            severity=finding.severity,
        )


def of_fault(file: str, fault: Fault) -> Problem:
    """What is wrong with a text itself, as a problem of its file."""
    return Problem(
        where=Where(file, fault.line, fault.column),
        path=words.dotted(fault.steps),
        message=fault.message,
        hint=fault.hint,
    )
