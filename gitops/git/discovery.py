"""Finding the repository around a directory, and saying what is wrong where there is none."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.process import MINIMUM_VERSION, Done, Git, version
from gitops.render.text import printable

_ASKED: Final = 6
"""Lines that are answered wherever a repository is."""
_REFUSED: Final = re.compile(r"(?:dubious ownership in|unsafe) repository (?:at )?\(?'(.+?)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository that was found. ``root`` of one without a working tree is ``common_dir``."""

    git: Git
    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool
    shallow: bool
    id_bytes: int


def look_around(directory: Path, environ: Mapping[str, str]) -> Place:
    """The repository around ``directory``.

    Raises ``RepositoryError`` with a message of its own for each of: no such directory, no Git,
    too old a Git, no repository, a repository that belongs to somebody else.
    """
    git = Git(directory=directory, environ=environ)
    looked = git.try_run(
        "rev-parse",
        "--is-bare-repository",
        "--is-inside-work-tree",
        "--is-shallow-repository",
        "--show-object-format",
        "--absolute-git-dir",
        "--git-common-dir",
        # Last, since Git ends here where there is no working tree.
        "--show-toplevel",
    )
    lines = looked.text.split("\n")
    has_tree = lines[1:2] == ["true"]
    if looked.code and (has_tree or len(lines) < _ASKED):
        raise _not_a_repository(directory, looked)
    said = git.run("version").text
    if len(lines) < _ASKED or lines[3] not in {"sha1", "sha256"} or _too_old(said):
        least = ".".join(str(part) for part in MINIMUM_VERSION)
        raise RepositoryError(
            f"{printable(said)} is too old.", hint=f"install Git {least} or newer"
        )
    git_dir, common, *top = lines[_ASKED - 2 :]
    if len(top) != has_tree:
        # A directory's name has a line break in it.
        asked = ("--absolute-git-dir", "--git-common-dir", *["--show-toplevel"] * has_tree)
        git_dir, common, *top = (git.run("rev-parse", each).text for each in asked)
    common_dir = Path(os.path.abspath(directory / common))  # noqa: PTH100 - keeps links
    return Place(
        git=git,
        root=Path(top[0]) if top else common_dir,
        git_dir=Path(git_dir),
        common_dir=common_dir,
        bare=not has_tree,
        shallow=lines[2] == "true",
        id_bytes=20 if lines[3] == "sha1" else 32,
    )


def _too_old(said: str) -> bool:
    found = version(said)
    return found is not None and found < MINIMUM_VERSION


def _not_a_repository(directory: Path, looked: Done) -> RepositoryError:
    place = printable(str(directory))
    if "dubious ownership" in looked.err or "unsafe repository" in looked.err:
        named = _REFUSED.search(looked.err)
        where = printable(named[1]) if named else "DIRECTORY"
        return RepositoryError(
            f"Git refuses the repository around {place}: its files belong to somebody else.",
            hint=f"if you trust it: `git config --global --add safe.directory {quote(where)}`",
        )
    if "not a git repository" in looked.err:
        return RepositoryError(
            f"There is no Git repository in {place} or above it.",
            hint="run this inside the repository of your release files, or name it with -C",
        )
    return RepositoryError(f"Git cannot open the repository around {place}: {looked.said}")
