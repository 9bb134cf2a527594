"""Which runs are alive in this clone: a file for each, that its process has locked.

``gitops/locks/RUN`` below the common Git directory. The kernel lets go of the lock when the process
ends, however it ends, so that a run that was killed is known to be over at once.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Final

from gitops.errors import RepositoryError
from gitops.render.text import printable

FOLDER: Final = "gitops/locks"
_RUN: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class Runs:
    """The runs of one clone, all its working trees included."""

    def __init__(self, common_dir: Path) -> None:
        self._folder = common_dir / FOLDER
        self._open: dict[str, int] = {}

    def begin(self, run: str) -> None:
        """This process is the run, from now until ``end`` or its death."""
        path = self._path(run)
        assert path is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                raise
        except OSError as error:
            raise RepositoryError(
                f"A lock file cannot be made in {printable(str(self._folder))}: {error.strerror}."
            ) from error
        self._open[run] = handle

    def end(self, run: str) -> None:
        """The run is over."""
        handle = self._open.pop(run, None)
        if handle is not None:
            self.forget(run)
            os.close(handle)

    def forget(self, run: str) -> None:
        """Remove what a run left here."""
        path = self._path(run)
        if path is not None:
            path.unlink(missing_ok=True)

    def is_alive(self, run: str) -> bool | None:
        """Whether a run that began in this clone goes on; None: it began elsewhere, or is over."""
        path = self._path(run)
        if path is None:
            return None
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        else:
            return False
        finally:
            os.close(handle)

    def _path(self, run: str) -> Path | None:
        """A run's file; None for a name that another machine wrote and that is none of ours."""
        return self._folder / run if _RUN.fullmatch(run) else None
