"""One SQLite file: whether it is ours, the lock on it, and what is in it.

A connection keeps the file locked, so that no other emulator reads what this one is about to
change; the lock goes with the process, however it ends. Every write is one transaction in a
write-ahead log, on disk before it counts (`synchronous=FULL`): after a crash of the process or
of the machine the file holds all of it or nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from gitops.emulator.storage.problem import StateError

FORMAT = 1
"""Raised when states that were written before can no longer be read."""
APPLICATION = 0x42544E45
_MAGIC = b"SQLite format 3\0"
_BLOCK = 4 * 1024 * 1024
_TABLES = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, place TEXT NOT NULL, key NOT NULL, body BLOB NOT NULL,
  UNIQUE (place, key)
);
CREATE TABLE files (name TEXT, block INTEGER, content BLOB NOT NULL, PRIMARY KEY (name, block));
CREATE TABLE written (at REAL NOT NULL);
"""
Row = tuple[str, Any, bytes]
"""Where it belongs, its key there, and its document."""


class StateFile:
    """An open state file."""

    def __init__(self, path: Path) -> None:
        """Open it, or make a new one that only its owner may read.

        Raises:
            StateError: it is something else, of another version, in use, or cannot be opened.
        """
        self.path = path
        _check(path)
        try:
            self._connection = sqlite3.connect(path, timeout=0, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as problem:
            raise StateError(_reason(path, problem)) from None

    def _prepare(self) -> None:
        run = self._connection.execute
        # In this mode the first read takes a lock that is kept, and the log has no index file.
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA synchronous = FULL")
        run("BEGIN EXCLUSIVE")
        if not run("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _TABLES.split(";"):
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION}")
            run(f"PRAGMA user_version = {FORMAT}")
        run("COMMIT")
        run("PRAGMA journal_mode = WAL")
        run("BEGIN IMMEDIATE")
        run("COMMIT")

    def written_at(self) -> float | None:
        """When it was last written (epoch seconds); None: never."""
        found = self._connection.execute("SELECT at FROM written").fetchone()
        return None if found is None else float(found[0])

    def rows(self) -> Iterator[Row]:
        """Everything in it, in order."""
        return self._connection.execute("SELECT place, key, body FROM entries ORDER BY id")

    def extract(self, names: set[str], folder: Path) -> None:
        """Put the files of these names into a folder, and drop all others from the state."""
        run = self._connection.execute
        for (name,) in run("SELECT DISTINCT name FROM files").fetchall():
            if name not in names:
                run("DELETE FROM files WHERE name = ?", (name,))
                continue
            with (folder / name).open("wb") as target:
                blocks = run("SELECT content FROM files WHERE name = ? ORDER BY block", (name,))
                for (content,) in blocks:
                    target.write(content)

    def write(
        self,
        now: float,
        *,
        gone: Iterable[tuple[str, Any]],
        emptied: Iterable[str],
        trimmed: Iterable[tuple[str, int]],
        rows: Iterable[Row],
        files: Iterable[Path],
    ) -> None:
        """Write everything that changed, wholly or not at all.

        Args:
            now: The time of the state, in epoch seconds.
            gone: Rows that are deleted.
            emptied: Places below which everything is deleted.
            trimmed: Places, and the keys below which they are deleted there.
            rows: Rows that are new or different.
            files: Files whose content is new; named by their own name.

        Raises:
            sqlite3.Error: nothing was written.
        """
        run, run_many = self._connection.execute, self._connection.executemany
        run("BEGIN IMMEDIATE")
        try:
            for place in emptied:
                run("DELETE FROM entries WHERE place > ? AND place < ?", (f"{place}/", f"{place}0"))
            run_many("DELETE FROM entries WHERE place = ? AND key = ?", gone)
            run_many("DELETE FROM entries WHERE place = ? AND key < ?", trimmed)
            run_many(
                "INSERT INTO entries (place, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (place, key) DO UPDATE SET body = excluded.body",
                rows,
            )
            for path in files:
                run_many("INSERT INTO files VALUES (?, ?, ?)", _blocks(path))
            if run("UPDATE written SET at = ?", (now,)).rowcount == 0:
                run("INSERT INTO written VALUES (?)", (now,))
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the log into the file and give the lock back."""
        self._connection.close()


def _blocks(path: Path) -> Iterator[tuple[str, int, bytes]]:
    with path.open("rb") as file:
        number = 0
        while (block := file.read(_BLOCK)) or number == 0:
            yield path.name, number, block
            number += 1


def _check(path: Path) -> None:
    """Look at the first bytes, so that a file that is not ours is not even locked."""
    try:
        with closing(os.fdopen(os.open(path, os.O_RDONLY | os.O_CREAT, 0o600), "rb")) as file:
            head = file.read(100)
    except OSError as problem:
        raise StateError(f"{path} cannot be opened: {problem.strerror}.") from None
    if not head:
        return
    number = int.from_bytes(head[68:72], "big")
    version = int.from_bytes(head[60:64], "big")
    if not head.startswith(_MAGIC) or number != APPLICATION:
        raise StateError(f"{path} is not a state of `gitops emulator`; it was left as it is.")
    if version != FORMAT:
        raise StateError(
            f"{path} was written by another version of gitops: its format is {version}, this one "
            f"reads {FORMAT}. It was left as it is; start with another --state."
        )


def _reason(path: Path, problem: sqlite3.Error) -> str:
    if "locked" in str(problem):
        return f"{path} is in use by another emulator; end that one, or take another --state."
    return f"{path} cannot be used as a state: {problem}."
