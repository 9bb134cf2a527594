"""``commit:`` of an environment becomes a commit id, or a problem that says what to write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gitops.errors import RepositoryError
from gitops.pipeline.sources import Objects
from gitops.release.finding import Finding, Path
from gitops.release.words import shown

HEAD: Final = "HEAD"
_UNSHALLOW: Final = "fetch the whole history: `git fetch --unshallow`"
_TWO_STEPS: Final = (
    "go in two steps: merge the change of the truss first, then pin the commit that the merge made"
    " of it (or allow any commit with `pins: any` in gitops.yaml)"
)
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_REVISION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@{}^~+-]{0,199}")


class Pins:
    """Resolves the pins of one applied commit; each distinct pin is looked up once."""

    def __init__(self, objects: Objects, head: str, *, any_commit: bool) -> None:
        self._objects = objects
        self._head = head
        self._any = any_commit
        self._known: dict[str, str | tuple[str, str | None]] = {}

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Look several pins up in one question; those that are not all well are left for later."""
        full = [text for text in dict.fromkeys(texts) if self._is_full(text)]
        commits = [text.lower() for text in full]
        if len(full) > 1 and not self._any and self._objects.are_ancestors(commits, self._head):
            self._known.update(zip(full, commits, strict=True))

    def _is_full(self, text: str) -> bool:
        return len(text) == len(self._head) and _HEX.fullmatch(text) is not None

    def resolve(self, text: str, path: Path) -> str | Finding:
        """The full commit id that ``text`` pins, or what is wrong with it."""
        if text == HEAD:
            return self._head
        if text not in self._known:
            self._known[text] = self._look_up(text)
        known = self._known[text]
        if isinstance(known, str):
            return known
        message, hint = known
        return Finding(path=path, message=message, hint=hint)

    def _look_up(self, text: str) -> str | tuple[str, str | None]:
        if _HEX.fullmatch(text):
            if len(text) == len(self._head):
                return self._full(text.lower())
            if len(text) < len(self._head):
                return self._abbreviated(text)
            if len(text) != 64:
                return f"{shown(text)} is longer than a commit id", "write the full id"
            return (
                f"{shown(text)} is an id of a SHA-256 repository, and this one uses SHA-1",
                "write an id of this repository",
            )
        if text.upper() == HEAD:
            return f"{shown(text)} is not HEAD", "write `commit: HEAD` in capitals"
        return self._named(text)

    def _full(self, commit: str) -> str | tuple[str, str | None]:
        short = commit[:12]
        if not self._objects.exists(commit):
            if self._objects.is_shallow():
                return (
                    f"commit {short} is not in this clone, which is shallow",
                    f"{_UNSHALLOW} (in GitHub Actions: `fetch-depth: 0` for actions/checkout)",
                )
            return (
                f"commit {short} is not in this repository",
                "correct the id; if it was pushed lately, `git fetch` first",
            )
        if self._any or self._objects.is_ancestor(commit, self._head):
            return commit
        if self._objects.is_shallow():
            return (
                f"this clone is shallow and cannot tell whether {self._head[:12]} has {short}",
                _UNSHALLOW,
            )
        return (
            f"commit {short} is not an ancestor of the applied {self._head[:12]}: not merged",
            _TWO_STEPS,
        )

    def _abbreviated(self, text: str) -> str | tuple[str, str | None]:
        found = self._objects.expand(text)
        if len(found) == 1:
            return f"{shown(text)} is abbreviated", f"write the full id: {found[0]}"
        if found:
            return (
                f"{shown(text)} is abbreviated, and {len(found)} commits begin with it",
                "write the full id",
            )
        resolved = self._try(text)
        if resolved is not None:
            return self._moves(text, resolved)
        return (
            f"{shown(text)} is no full commit id, and no commit here begins with it",
            "write the full id",
        )

    def _named(self, text: str) -> tuple[str, str | None]:
        resolved = self._try(text)
        if resolved is not None:
            return self._moves(text, resolved)
        return (
            f"must be HEAD or a full commit id ({len(self._head)} hex digits), not {shown(text)}",
            None,
        )

    def _moves(self, text: str, resolved: str) -> tuple[str, str | None]:
        return (
            f"{shown(text)} is a branch, a tag or another name, which may move",
            f"write the full id of what it names now: {resolved}",
        )

    def _try(self, text: str) -> str | None:
        if not _REVISION.fullmatch(text) or ".." in text:
            return None
        try:
            return self._objects.resolve(text)
        except RepositoryError:
            return None
