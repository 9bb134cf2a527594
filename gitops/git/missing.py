"""What to say of an object that is not in this clone: who needs it, and how to get it."""

from __future__ import annotations

from gitops.git.database import Database
from gitops.git.objects import MissingObject
from gitops.render.text import printable


class explained:  # noqa: N801 - used as a with statement's word
    """Within it, a missing object is told with the commit and folder that need it."""

    def __init__(self, database: Database, commit: str, folder: str) -> None:
        self._partial = database.partial
        self._commit = commit
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, MissingObject) or error.hint is not None:
            return
        place = f"{self._commit[:12]}:{printable(self._folder)}".removesuffix(":")
        if error.oid == self._commit:
            raise MissingObject(
                f"Commit {printable(self._commit)} is not in this clone.",
                oid=error.oid,
                hint="fetch it: `git fetch --unshallow` in a shallow clone, else `git fetch`",
            ) from error
        if self._partial.remote is not None:
            path = f" -- {printable(self._folder)}" if self._folder else ""
            raise MissingObject(
                f"This is a partial clone without object {error.oid}, which {place} needs;"
                " nothing is fetched unasked.",
                oid=error.oid,
                hint=f"fetch it: `git archive --output=/dev/null {self._commit}{path}`",
            ) from error
        raise MissingObject(
            f"Object {error.oid}, which {place} needs, is not in this clone.",
            oid=error.oid,
            hint="the repository is damaged: run `git fsck`, or clone again",
        ) from error
