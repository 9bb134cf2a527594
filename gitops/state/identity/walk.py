"""The files below a root: ignored ones out, symbolic links followed to their content."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from gitops.state.artifact import ArchiveEntry, TreeEntry
from gitops.state.identity.refusal import Refusal

LINK: Final = "120000"
SUBMODULE: Final = "160000"
MAX_FILES: Final = 100_000
"""Of one archive, links to folders counted as what they hold."""
MAX_LINKS: Final = 40
"""Links that lead from one to the next, as many as Linux follows."""

POINTER: Final = b"version https://git-lfs.github.com/spec/"
"""How a Git LFS pointer begins."""
_POINTER_SIZES: Final = range(100, 1024)


def is_pointer(entry: TreeEntry, blob: Callable[[str], bytes]) -> bool:
    """Whether a file is a Git LFS pointer; reads it only where its size is that of one."""
    return may_be_pointer(entry) and blob(entry.oid).startswith(POINTER)


def may_be_pointer(entry: TreeEntry) -> bool:
    """Whether a file has to be read to know."""
    return entry.size is None or entry.size in _POINTER_SIZES


class _TooManyError(Exception):
    """The walk goes no further."""


class Walk:
    """One listed folder, ``root`` from the repository's root.

    ``place`` is where its content lands in the archive: empty, or ending in a slash. ``ignored``
    judges paths from the archive's root. ``blob`` reads a blob by its id.
    """

    def __init__(
        self,
        root: str,
        entries: tuple[TreeEntry, ...],
        *,
        blob: Callable[[str], bytes],
        ignored: Callable[[str], bool],
        place: str = "",
    ) -> None:
        self._root = root
        self._entries = entries
        self._blob = blob
        self._ignored = ignored
        self._place = place
        self._by_path = {entry.path: entry for entry in entries}
        self._below: dict[str, list[TreeEntry]] | None = None
        self._seen = 0
        self.files: list[ArchiveEntry] = []
        self.refusals: list[Refusal] = []

    def run(self) -> None:
        """Fill ``files`` and ``refusals``."""
        try:
            for entry in self._entries:
                self._add(entry, entry.path, ())
        except _TooManyError:
            self._refuse("", f"stands for more than {MAX_FILES:,} files, links followed")

    def _refuse(self, path: str, message: str, hint: str | None = None) -> None:
        file = posixpath.join(self._root, path) if self._root != "." else path
        self.refusals.append(Refusal(file=file, message=message, hint=hint))

    def _add(self, entry: TreeEntry, path: str, links: tuple[str, ...]) -> None:
        target = self._place + path
        if self._ignored(target):
            return
        self._seen += 1
        if self._seen > MAX_FILES:
            raise _TooManyError
        if entry.mode == SUBMODULE or entry.kind == "commit":
            self._refuse(
                path,
                "is a submodule, whose files are not in this repository",
                "copy the files in, or leave it out with .truss_ignore",
            )
            return
        problem = _name_problem(target)
        if problem is not None:
            self._refuse(path, problem, "rename it, or leave it out with .truss_ignore")
            return
        if entry.mode == LINK:
            self._follow(entry, path, links)
            return
        if is_pointer(entry, self._blob):
            self._refuse(
                path,
                "is a Git LFS pointer, not the file itself",
                "upload would send the pointer: commit the file without LFS, load it as weights at"
                " start, or leave it out with .truss_ignore",
            )
            return
        self.files.append(ArchiveEntry(path=target, mode=entry.mode, oid=entry.oid))

    def _follow(self, entry: TreeEntry, path: str, links: tuple[str, ...]) -> None:
        text = self._blob(entry.oid).decode("utf-8", "surrogateescape")
        shown = "".join(char if char.isprintable() else "?" for char in text[:80])
        if entry.path in links or len(links) >= MAX_LINKS:
            self._refuse(path, f"is a symbolic link that leads back to itself ({shown})")
            return
        if text.startswith("/") or not text:
            self._refuse(
                path,
                f"is a symbolic link to the absolute path {shown}",
                "link to a file inside the truss, or leave it out with .truss_ignore",
            )
            return
        found = self._resolve(posixpath.dirname(entry.path), text, (*links, entry.path))
        if found is None:
            self._refuse(
                path,
                f"is a symbolic link that leaves {self._root} ({shown})",
                "link to a file inside the truss, copy it in, or use external_package_dirs",
            )
            return
        aim, passed = found
        target = self._by_path.get(aim)
        if target is not None:
            self._add(target, path, passed)
            return
        below = self._folder(aim)
        if below is None or aim in {"", "."}:
            what = "a folder around itself" if below is not None else "nothing"
            self._refuse(path, f"is a symbolic link to {what} ({shown})", "repair or remove it")
            return
        if entry.path.startswith(f"{aim}/"):
            self._refuse(path, f"is a symbolic link to a folder around itself ({shown})")
            return
        for each in below:
            self._add(each, path + each.path[len(aim) :], passed)

    def _resolve(
        self, folder: str, text: str, links: tuple[str, ...]
    ) -> tuple[str, tuple[str, ...]] | None:
        """Where a link leads, links to folders on the way followed; None: out of the root."""
        parts = folder.split("/") if folder else []
        pending = text.split("/")[::-1]
        hops = 0
        while pending:
            part = pending.pop()
            if part in {"", "."}:
                continue
            if part == "..":
                if not parts:
                    return None
                parts.pop()
                continue
            parts.append(part)
            here = self._by_path.get("/".join(parts))
            if here is not None and here.mode == LINK and pending:
                hops += 1
                inner = self._blob(here.oid).decode("utf-8", "surrogateescape")
                if inner.startswith("/") or hops > MAX_LINKS:
                    return None
                parts.pop()
                pending += inner.split("/")[::-1]
        return "/".join(parts), links

    def _folder(self, path: str) -> list[TreeEntry] | None:
        if self._below is None:
            self._below = {}
            for entry in self._entries:
                folder = posixpath.dirname(entry.path)
                while folder:
                    self._below.setdefault(folder, []).append(entry)
                    folder = posixpath.dirname(folder)
        return list(self._entries) if not path else self._below.get(path)


@lru_cache(maxsize=4096)
def _name_problem(path: str) -> str | None:
    """Why a path cannot stand in an archive that is unpacked on Linux."""
    if not path.isprintable():
        if any("\udc80" <= char <= "\udcff" for char in path):
            return "has a name that is not UTF-8"
        if any(ord(char) < 32 or ord(char) == 127 for char in path):
            return "has a name with control characters"
    if "\\" in path:
        return "has a name with a backslash"
    parts = path.split("/")
    if ".." in parts or "." in parts or "" in parts:
        return "has a name that leads out of the archive"
    return None
