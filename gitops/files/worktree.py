"""Files of the working tree, seen as a commit would hold them: regular files, no links followed."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from gitops.errors import RepositoryError
from gitops.render.text import printable

READ_LIMIT: Final = (1 << 20) + 1
"""Bytes read of one file: nothing that is read here may be larger than 1 MiB, and one byte more
shows that it is."""


class Elsewhere(Protocol):
    """Files that belong to a working tree without being in it, as in a sparse checkout."""

    def paths(self) -> AbstractSet[str]:
        """Their paths from the working tree's top."""

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where it is none of these."""


class WorkTree:
    """The files below ``root``, the top of a working tree. Paths are from there, with ``/``.

    What is ``elsewhere`` is read from there where the working tree has nothing of that name.
    """

    def __init__(self, root: Path, elsewhere: Elsewhere | None = None) -> None:
        self._root = _native(os.fspath(root))
        self._elsewhere = elsewhere
        self._plain: dict[str, bool] = {"": True}

    def read(self, path: str) -> bytes | None:
        """A regular file's first ``READ_LIMIT`` bytes; None where there is none.

        A link, a pipe or a device is none; neither is what lies behind a linked folder.
        """
        found = self._read_here(path)
        if found is None and self._elsewhere is not None:
            return self._elsewhere.read(_plainly(path))
        return found

    def _read_here(self, path: str) -> bytes | None:
        parts = [part for part in path.split("/") if part not in {"", "."}]
        if not parts or ".." in parts or "\0" in path or not self._folder("/".join(parts[:-1])):
            return None
        try:
            # Without O_NONBLOCK the opening of a pipe would wait for somebody to write into it.
            handle = os.open(
                self._full("/".join(parts)), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(READ_LIMIT)

    def write(self, path: str, data: bytes) -> None:
        """Replace a regular file, whole or not at all; its mode stays.

        Raises ``RepositoryError`` where it is none, or cannot be written.
        """
        full = Path(self._full(path))
        if self._read_here(path) is None:
            if self.read(path) is not None:
                raise RepositoryError(
                    f"{printable(path)} is not checked out: this checkout is sparse.",
                    hint="let it in with `git sparse-checkout add`, or make a branch with --branch",
                )
            raise RepositoryError(f"{printable(path)} is no regular file of the working tree.")
        try:
            mode = stat.S_IMODE(full.stat().st_mode)
            with tempfile.NamedTemporaryFile(
                dir=full.parent, prefix=".gitops-", delete=False
            ) as new:
                try:
                    new.write(data)
                    new.flush()
                    os.fchmod(new.fileno(), mode)
                    Path(new.name).replace(full)
                except BaseException:
                    Path(new.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise RepositoryError(
                f"{printable(path)} cannot be written: {error.strerror}."
            ) from error

    def create(self, path: str, data: bytes) -> None:
        """Make a file that is not there yet, and the folders above it.

        Raises ``RepositoryError`` where there is something of that name, or a link on the way.
        """
        full = Path(self._full(path))
        folders = path.split("/")[:-1]
        try:
            for depth in range(1, len(folders) + 1):
                folder = "/".join(folders[:depth])
                with suppress(FileExistsError):
                    Path(self._full(folder)).mkdir()
                self._plain.pop(folder, None)
                if not self._folder(folder):
                    raise RepositoryError(f"{printable(folder)} is no folder of the working tree.")
            with full.open("xb") as new:
                try:
                    new.write(data)
                    new.flush()
                except BaseException:
                    full.unlink(missing_ok=True)
                    raise
        except FileExistsError as error:
            raise RepositoryError(f"{printable(path)} is there already.") from error
        except OSError as error:
            raise RepositoryError(
                f"{printable(path)} cannot be written: {error.strerror}."
            ) from error

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The files that are there."""
        found = ((path, self.read(path)) for path in paths)
        return {path: data for path, data in found if data is not None}

    def list(self, folder: str) -> tuple[str, ...]:
        """Paths of all regular files below ``folder``, sorted as Git sorts them."""
        start = _plainly(folder)
        if ".." in start.split("/"):
            return ()
        found = set(self._below(start)) if self._folder(start) else set()
        if self._elsewhere is not None:
            prefix = f"{start}/" if start else ""
            found.update(path for path in self._elsewhere.paths() if path.startswith(prefix))
        return tuple(sorted(found, key=_encoded))

    def _below(self, start: str) -> Iterator[str]:
        pending = [start]
        while pending:
            folder = pending.pop()
            try:
                with os.scandir(self._full(folder)) as entries:
                    for entry in entries:
                        name = _as_git_has_it(entry.name)
                        path = f"{folder}/{name}" if folder else name
                        if entry.is_dir(follow_symlinks=False):
                            if entry.name.lower() != ".git":
                                pending.append(path)
                        elif entry.is_file(follow_symlinks=False):
                            yield path
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                continue

    def _full(self, path: str) -> str:
        full = os.path.join(self._root, _native(path))  # noqa: PTH118 - raw names
        return full if path else self._root

    def _folder(self, path: str) -> bool:
        """Whether this is a folder, and no part of the way to it is a link."""
        known = self._plain.get(path)
        if known is None:
            known = self._folder(path.rpartition("/")[0])
            try:
                known = known and stat.S_ISDIR(os.lstat(self._full(path)).st_mode)
            except (OSError, ValueError):
                known = False
            self._plain[path] = known
        return known


def _encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _native(path: str) -> str:
    """A name as Git has it, in UTF-8, as this system's calls take it, whatever the locale."""
    return path if path.isascii() else os.fsdecode(_encoded(path))


def _as_git_has_it(name: str) -> str:
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "surrogateescape")


def _plainly(path: str) -> str:
    """A path without empty and ``.`` parts."""
    return "/".join(part for part in path.split("/") if part not in {"", "."})
