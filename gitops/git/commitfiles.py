"""The regular files of one commit, read as a working tree at that commit would be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitops.git.database import Database
from gitops.git.missing import explained
from gitops.git.process import decoded


class CommitFiles:
    """The regular files of one commit. Raises ``RepositoryError`` where an object is missing."""

    def __init__(self, database: Database, commit: str) -> None:
        self._database = database
        self.commit = commit

    def read(self, path: str) -> bytes | None:
        """A regular file's bytes; None where there is none."""
        return self.read_many([path]).get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """The files that are there, in one pass."""
        with explained(self._database, self.commit, ""):
            root = self._database.commit(self.commit).tree
            found = self._database.find(root, paths)
            files = {path: oid for path, (mode, oid) in found.items() if is_regular(mode)}
            wanted = list(dict.fromkeys(files.values()))
            contents = {
                oid: answer.content
                for oid, answer in zip(wanted, self._database.contents(wanted, "blob"), strict=True)
            }
            return {path: contents[oid] for path, oid in files.items()}

    def list(self, folder: str) -> tuple[str, ...]:
        """Paths of all regular files below ``folder``, sorted; empty where there is none."""
        with explained(self._database, self.commit, folder):
            root = self._database.commit(self.commit).tree
            entry = self._database.find(root, [folder]).get(folder)
            if entry is None or entry[0] != "040000":
                return ()
            parts = [part for part in folder.split("/") if part not in {"", "."}]
            prefix = "".join(f"{part}/" for part in parts)
            return tuple(
                prefix + decoded(path)
                for path, mode, _ in self._database.walk(entry[1])
                if is_regular(mode)
            )


def is_regular(mode: str) -> bool:
    """Whether a tree entry's mode is that of a regular file, executable or not."""
    return mode.startswith("100")
