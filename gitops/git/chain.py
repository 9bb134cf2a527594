"""Deploy-log entries as commits: writing one, and reading a chain of them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.commits import Commits, body_of
from gitops.git.identity import Identity
from gitops.git.objects import MissingObject
from gitops.git.repository import Repository
from gitops.record.entry import Entry, Event, from_json, to_json
from gitops.render.text import printable
from gitops.wording import version

_WALKED: Final = 48
"""So many entries are read one by one; a longer chain is worth a process of its own."""

_SUBJECT: Final = 120

_WORDS: Final = {
    Event.INTENT: "Promote",
    Event.NOT_STARTED: "Not started",
    Event.RELEASED: "Released",
    Event.ROLLED_BACK: "Rolled back",
    Event.REJECTED: "Rejected",
    Event.UNVERIFIED: "Not verified",
    Event.SETTINGS: "Changed settings",
    Event.ADOPTED: "Adopted",
    Event.HELD: "Held",
    Event.LIFTED: "Lifted the hold",
}


def subject(entry: Entry) -> str:
    """An entry's one line for people: ``Released qwen-3-8b in production: commit 4be1c02, #12``."""
    place = f" {entry.model} in {entry.environment}" if entry.model else f" in {entry.environment}"
    side = entry.from_ if entry.event is Event.HELD else entry.to or entry.from_
    what = f": {version(side)}" if side is not None else ""
    number = f", #{entry.number}" if entry.number else ""
    line = printable(f"{_WORDS[entry.event]}{place}{what}{number}")
    return line if len(line) <= _SUBJECT else line[: _SUBJECT - 1] + "…"


class Chains:
    """Writes and reads entries of one repository. ``writer`` signs what is written."""

    def __init__(self, repository: Repository, writer: Identity) -> None:
        self._repository = repository
        self._commits = Commits(repository, writer)
        self._read: dict[str, tuple[Entry, ...]] = {}

    def write(self, entry: Entry, parent: str | None) -> str:
        """Store an entry as a commit on top of ``parent``; no ref, index or file changes."""
        parents = [parent] if parent else []
        return self._commits.write(subject(entry), to_json(entry), at=entry.at, parents=parents)

    def entries(self, tip: str | None, name: str) -> tuple[Entry, ...]:
        """The entries up to ``tip``, oldest first. ``name`` is the ref, for messages.

        Raises ``RepositoryError`` that names the first commit that is not an entry.
        """
        if tip is None:
            return ()
        known = self._read.get(tip)
        if known is None:
            known = self._read[tip] = tuple(self._load(tip, name))
        return known

    def newest(self, tips: Mapping[str, str]) -> dict[str, Entry]:
        """The last entry of many logs, in one pass; ``tips`` by the names of their refs.

        Raises ``RepositoryError`` that names the first tip that is not an entry.
        """
        names = list(tips)
        database = self._repository.database
        kinds = database.headers([tips[name] for name in names])
        for name, found in zip(names, kinds, strict=True):
            if found is not None and found.kind != "commit":
                raise _foreign(name, found.oid, f"it is a {found.kind}")
        blobs = database.contents([tips[name] for name in names], "commit")
        return {
            name: _parsed(tips[name], blob.content.decode("utf-8", "replace"), name)[0]
            for name, blob in zip(names, blobs, strict=True)
        }

    def _load(self, tip: str, name: str) -> Sequence[Entry]:
        database = self._repository.database
        newest: list[Entry] = []
        current: str | None = tip
        while current is not None and len(newest) < _WALKED:
            known = self._read.get(current)
            if known is not None:
                return (*known, *reversed(newest))
            try:
                content = database.contents([current], "commit")[0].content
            except MissingObject as error:
                raise RepositoryError(
                    f"The deploy log {name} is cut off: its entry {current} is not in this clone.",
                    hint="fetch it whole: `gitops log --fetch`",
                ) from error
            entry, current = _parsed(current, content.decode("utf-8", "replace"), name)
            newest.append(entry)
        if current is not None:
            newest += self._load_rest(current, name)
        return newest[::-1]

    def _load_rest(self, tip: str, name: str) -> list[Entry]:
        done = self._repository.git.run("rev-list", "--header", tip)
        newest: list[Entry] = []
        expected: str | None = tip
        for row in done.out.decode("utf-8", "replace").split("\0"):
            if not row.strip("\n"):
                continue
            oid, _, content = row.partition("\n")
            # Git indents the message here.
            entry, parent = _parsed(oid, content.replace("\n    ", "\n"), name)
            if oid != expected:
                raise _foreign(name, oid, "it is not one chain")
            newest.append(entry)
            expected = parent
        return newest


def _parsed(oid: str, content: str, name: str) -> tuple[Entry, str | None]:
    """A commit as an entry, and its parent."""
    head = content.partition("\n\n")[0]
    parents = [line[7:] for line in head.splitlines() if line.startswith("parent ")]
    if len(parents) > 1:
        raise _foreign(name, oid, "it is a merge")
    try:
        entry = from_json(body_of(content), entry_id=oid)
        if entry.at.tzinfo is None:
            raise _foreign(name, oid, "its time has no time zone")
    except ValueError as error:
        raise _foreign(name, oid, str(error)) from error
    return entry, parents[0] if parents else None


def _foreign(name: str, oid: str, why: str) -> RepositoryError:
    return RepositoryError(
        f"The deploy log {name} holds commit {oid}, which is not an entry that this version"
        f" of gitops can read: {printable(why)}.",
        hint=f"look at it with `git show {oid}`; upgrade gitops if a newer one wrote it",
    )
