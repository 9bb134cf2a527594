"""What every command shares: where it runs, its environment variables, and how it speaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitops.pipeline.project import Project


@dataclass(slots=True)
class Context:
    """One call of the program. ``debug`` shows the traceback of an internal error."""

    directory: Path
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    debug: bool = False

    def project(self, say: Callable[[str], None] | None = None) -> Project:
        """The Git repository around ``directory``; ``RepositoryError`` where there is none.

        ``say`` hears what it has to tell meanwhile; stderr, if nobody else does.
        """
        from gitops.wiring import open_project

        return open_project(self.directory, self.environ, say=say or _say)

    @property
    def in_ci(self) -> bool:
        """Whether a CI runner runs us: ``CI`` is set and not empty."""
        return bool(self.environ.get("CI"))

    def colour(self, *, err: bool = False) -> bool:
        """Whether to colour stdout (or stderr): a terminal that can, no ``NO_COLOR``, not in CI."""
        stream = sys.stderr if err else sys.stdout
        unwanted = self.environ.get("NO_COLOR") or self.environ.get("TERM") == "dumb"
        return stream.isatty() and not unwanted and not self.in_ci

    @property
    def on_terminal(self) -> bool:
        """Whether stdout is a terminal that a person looks at."""
        return sys.stdout.isatty() and not self.in_ci

    def width(self, *, err: bool = False) -> int:
        """Columns to write for on stdout (or stderr): its terminal's, within bounds."""
        from gitops.render.layout import columns

        stream = sys.stderr if err else sys.stdout
        if not stream.isatty() or self.in_ci:
            return columns(None)
        try:
            return columns(os.get_terminal_size(stream.fileno()).columns or None)
        except OSError:
            return columns(None)


def _say(sentence: str) -> None:
    import click

    from gitops.render.text import printable

    click.echo(printable(sentence), err=True)
