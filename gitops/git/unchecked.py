"""Files of a sparse checkout that are part of it and that the working tree does not hold."""

from __future__ import annotations

from functools import cached_property

from gitops.git.process import decoded
from gitops.git.repository import Repository


class Unchecked:
    """The files that Git keeps out of a working tree, as its index has them; looked for once."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @cached_property
    def _files(self) -> dict[str, str]:
        """Blob ids by path; nothing unless a checkout was ever sparse."""
        repository = self._repository
        if repository.is_bare or not (repository.git_dir / "info" / "sparse-checkout").exists():
            return {}
        listed = decoded(repository.git.run("ls-files", "-t", "-s", "-z", "--full-name", ":/").out)
        found: dict[str, str] = {}
        for row in listed.split("\0"):
            head, _, path = row.partition("\t")
            # `S 100644 ID 0`: not checked out, and in no conflict.
            kept_out, mode, oid, stage = head.split(" ") if path else ("", "", "", "")
            if (kept_out, stage) == ("S", "0") and mode.startswith("100"):
                found[path] = oid
        return found

    def paths(self) -> frozenset[str]:
        """Their paths from the repository's root."""
        return frozenset(self._files)

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None where it is none of these."""
        oid = self._files.get(path)
        return self._repository.blob(oid) if oid is not None else None
