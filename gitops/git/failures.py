"""What is kept of failures, below the common Git directory: one folder each, found by its number.

``gitops/failures/MODEL/ENVIRONMENT/NUMBER-WHAT/``. Names are encoded as in refs. A folder appears
whole or not at all, for its owner's eyes alone; of each environment the newest ones are kept.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.refnames import segment
from gitops.render.text import printable
from gitops.state.kept import KeptFailure

FOLDER: Final = "gitops/failures"
LARGEST_FILE: Final = 2 << 20
LARGEST_FOLDER: Final = 8 << 20
"""Bytes; what goes beyond is cut off, and the file says so at its end."""

NEWEST: Final = 20
"""Folders that are kept of one environment."""


class Failures:
    """The failures that one clone keeps, all its working trees included."""

    def __init__(self, common_dir: Path, root: Path) -> None:
        self._common = common_dir
        self._root = root

    def keep(
        self, model: str, environment: str, what: str, files: Mapping[str, str]
    ) -> KeptFailure:
        """Keep texts by their names, on disk before this returns.

        Raises ``RepositoryError`` where it cannot be written.
        """
        parent = self._common / FOLDER / segment(model) / segment(environment)
        try:
            parent.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(dir=parent, prefix="."))
            try:
                _write(draft, files)
                folder = _take_its_place(draft, parent, segment(what))
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
            _leave_the_newest(parent)
        except OSError as error:
            raise RepositoryError(
                f"{printable(str(parent))} cannot be written: {error.strerror}"
            ) from error
        name = folder.relative_to(self._common).as_posix()
        return KeptFailure(name=name, shown=self._shown(name))

    def _shown(self, name: str) -> str:
        """A path that can be pasted into a shell at the repository's root."""
        if self._common.is_relative_to(self._root):
            return (self._common.relative_to(self._root) / name).as_posix()
        return f"$(git rev-parse --git-common-dir)/{name}"


def _write(folder: Path, files: Mapping[str, str]) -> None:
    left = LARGEST_FOLDER
    for name, text in files.items():
        data = text.encode("utf-8", errors="replace")
        room = min(LARGEST_FILE, left)
        if len(data) > room:
            data = data[:room] + b"\n(cut off here)\n"
        left -= min(len(data), left)
        (folder / name).write_bytes(data)


def _take_its_place(draft: Path, parent: Path, what: str) -> Path:
    """Give the draft the next number; another run may take one in the same moment."""
    while True:
        number = max((_number(each) for each in parent.iterdir()), default=0) + 1
        try:
            return draft.rename(parent / f"{number:04d}-{what}")
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise


def _leave_the_newest(parent: Path) -> None:
    numbered = sorted((each for each in parent.iterdir() if _number(each)), key=_number)
    for old in numbered[:-NEWEST]:
        shutil.rmtree(old, ignore_errors=True)


def _number(folder: Path) -> int:
    digits = folder.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0
