"""Entries that the remote could not be given yet, kept as files below the common Git directory.

``gitops/pending/WORKSPACE/TEAM/MODEL/NUMBER-ID.json``, one entry a file, in the order in which they
were kept. A file appears whole or not at all, and is gone once the remote has its entry.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.commits import plain
from gitops.git.refnames import LogName
from gitops.record.entry import Entry, from_json, to_json
from gitops.render.text import printable

_FORMAT: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry that waits; ``base`` is the newest entry that the log itself had by then."""

    entry: Entry
    base: str | None
    path: Path


class Pending:
    """The kept entries of one clone, all its working trees included."""

    def __init__(self, common_dir: Path) -> None:
        self._folder = common_dir / "gitops" / "pending"

    def add(self, name: LogName, entry: Entry, base: str | None) -> Kept:
        """Keep an entry, on disk before this returns. Raises ``RepositoryError`` if it cannot."""
        folder = self._folder / name.path
        document = {
            "format_version": _FORMAT,
            "id": entry.id,
            "base": base,
            "entry": to_json(entry),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            last = max((_number(path) for path in folder.glob("*.json")), default=0)
            path = folder / f"{last + 1:06d}-{entry.id[:12]}.json"
            handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".partial")
            with os.fdopen(handle, "w", encoding="ascii") as file:
                json.dump(document, file, default=plain, allow_nan=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
            _sync(folder)
        except OSError as error:
            raise RepositoryError(
                f"A deploy-log entry could not be kept in {printable(str(folder))}:"
                f" {error.strerror}."
            ) from error
        return Kept(entry=entry, base=base, path=path)

    def read(self, name: LogName) -> tuple[Kept, ...]:
        """A model's kept entries, oldest first. Raises ``RepositoryError`` for a broken file."""
        folder = self._folder / name.path
        found: list[Kept] = []
        for path in sorted(folder.glob("*.json"), key=lambda path: (_number(path), path.name)):
            try:
                document = json.loads(path.read_text(encoding="utf-8"))
                if not isinstance(document, Mapping) or document.get("format_version") != _FORMAT:
                    raise ValueError("it is of another format")
                base = document.get("base")
                entry = from_json(document["entry"], entry_id=str(document["id"]))
            except FileNotFoundError:
                continue  # another run pushed it just now
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise RepositoryError(
                    f"The kept deploy-log entry {printable(str(path))} cannot be read: {error}.",
                    hint="look at it, and remove the file if it is of no use",
                ) from error
            found.append(Kept(entry=entry, base=base if isinstance(base, str) else None, path=path))
        return tuple(found)

    def names(self, workspace: str | None = None) -> tuple[LogName, ...]:
        """The models of a workspace, or of all, for which something is kept."""
        paths = {
            path.parent.relative_to(self._folder) for path in self._folder.glob("*/*/*/*.json")
        }
        found = (LogName.read(path.as_posix()) for path in paths)
        names = (name for name in found if name and workspace in {None, name.workspace})
        return tuple(sorted(names, key=lambda name: name.path))

    def remove(self, kept: Kept) -> None:
        """Forget an entry that is pushed or of no use any more."""
        kept.path.unlink(missing_ok=True)


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdigit() else 0


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
