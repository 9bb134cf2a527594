"""A state and its file: read at the start, and from then on written whenever it changed."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from gitops.emulator.storage.file import Row, StateFile
from gitops.emulator.storage.problem import StateError
from gitops.emulator.storage.shape import Shape, shape_of
from gitops.emulator.world.kept import Appended, Book, Entity, Rows

_ROOTS = "roots"
_GONE = object()
_Places = dict[str, list[tuple[Any, bytes]]]


class _Files:
    """Files in the emulator's folder, known by their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: set[str] = set()
        self.fresh: dict[str, Path] = {}

    def keep(self, path: Path) -> str:
        if path.name not in self.kept:
            self.kept.add(path.name)
            self.fresh[path.name] = path
        return path.name

    def path(self, name: str) -> Path:
        self.kept.add(name)
        return self.folder / name


class Store:
    """Keeps entities, and all that belongs to them, in a state file."""

    def __init__(self, path: Path, folder: Path) -> None:
        """Open the file; those that its entities name are put into `folder`.

        Raises:
            StateError: it cannot be used.
        """
        self._file = StateFile(path)
        self._files = _Files(folder)
        self._book: Book = []
        self._roots: dict[str, tuple[Entity, Shape]] = {}
        self._written: dict[str, int] = {}
        self._broken: str | None = None
        self._clear()

    def _clear(self) -> None:
        self._rows: list[Row] = []
        self._gone: list[tuple[str, Any]] = []
        self._emptied: list[str] = []
        self._trimmed: list[tuple[str, int]] = []

    def keep(self, name: str, root: Entity, kind: type) -> None:
        """Have `root`, and everything below the fields of its base `kind`, kept under a name."""
        self._roots[name] = root, shape_of(kind)

    def read(self) -> float | None:
        """Fill what is kept with what the file holds; gives when that was written, or None.

        Raises:
            StateError: the file's content cannot be understood; it is left as it is.
        """
        at = self._file.written_at()
        places: _Places = defaultdict(list)
        for place, key, body in self._file.rows():
            places[place].append((key, body))
        try:
            for key, body in places[_ROOTS]:
                root, shape = self._roots[key]
                self._restore(root, shape.read(body, self._files))
                self._written[key] = hash(body)
                self._fill(root, f"{_ROOTS}/{key}", shape, places)
        except (ValidationError, KeyError) as problem:
            raise StateError(
                f"{self._file.path} was written by another version of gitops and cannot be read "
                f"by this one ({_first_line(problem)}). It was left as it is; start with another "
                "--state."
            ) from None
        self._files.folder.mkdir(parents=True, exist_ok=True)
        self._file.extract(self._files.kept, self._files.folder)
        for name, (root, shape) in self._roots.items():
            self._adopt(root, f"{_ROOTS}/{name}", shape)
        return at

    def write(self, now: float) -> None:
        """Write what changed since the last time, in one transaction; `now` in epoch seconds.

        Raises:
            StateError: it could not be written. What is in memory is then ahead of the file,
                and nothing is written any more.
        """
        if self._broken is not None:
            raise StateError(self._broken)
        for name, (root, shape) in self._roots.items():
            self._note_root(name, root, shape)
        while self._book:
            # What something belongs to comes before it, because it may be gone.
            batch = sorted(self._book, key=lambda part: len(part.place))
            self._book.clear()
            for part in batch:
                if part.book is None:
                    continue
                if isinstance(part, Rows):
                    self._note_rows(part)
                else:
                    self._note_lines(part)
        if not (self._rows or self._gone or self._trimmed):
            return
        try:
            self._file.write(
                now,
                gone=self._gone,
                emptied=self._emptied,
                trimmed=self._trimmed,
                rows=self._rows,
                files=self._files.fresh.values(),
            )
        except (sqlite3.Error, OSError) as problem:
            self._broken = (
                f"{self._file.path} cannot be written: {problem}. What was not acknowledged is "
                "lost; start the emulator again when there is room."
            )
            raise StateError(self._broken) from None
        self._clear()
        self._files.fresh.clear()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _note_root(self, name: str, root: Entity, shape: Shape) -> None:
        body = shape.write(root, self._files)
        if self._written.get(name) != hash(body):
            self._written[name] = hash(body)
            self._rows.append((_ROOTS, name, body))

    def _note_rows(self, rows: Rows[Any, Any]) -> None:
        changed, rows.changed = rows.changed, {}
        rows.book = None  # to look at an entry is not to change it
        for key in changed:
            value, known = rows.get(key, _GONE), rows.known.get(key)
            if known is not None and known[0] is not value:
                self._disown(rows, key)
            if value is _GONE:
                if known is not None:
                    self._gone.append((rows.place, rows.shape.write_key(key)))
                continue
            body = rows.shape.write(value, self._files)
            if key not in rows.known:
                self._own(rows, key, value)
            elif known is not None and known[1] == hash(body):
                continue
            rows.known[key] = value, hash(body)
            self._rows.append((rows.place, rows.shape.write_key(key), body))
        rows.book = self._book

    def _note_lines(self, lines: Appended[Any]) -> None:
        first = lines.total - len(lines)
        number = max(lines.written, first)
        fresh = list(islice(reversed(lines), lines.total - number))
        for line in reversed(fresh):
            self._rows.append((lines.place, number, lines.shape.write(line, self._files)))
            number += 1
        if first:
            self._trimmed.append((lines.place, first))
        lines.written = lines.total

    def _own(self, rows: Rows[Any, Any], key: Any, value: Any) -> None:
        if isinstance(value, Entity):
            value.belong(rows, key)
        self._adopt(value, _below(rows, key), rows.shape)

    def _adopt(self, value: Any, place: str, shape: Shape) -> None:
        """Notice from now on what happens to the parts of a value."""
        for part in shape.parts:
            target: Rows[Any, Any] | Appended[Any] = part.get(value)
            target.place, target.shape = f"{place}/{part.path}", part.shape
            target.book = self._book
            if isinstance(target, Appended):
                if target.total > target.written:
                    self._book.append(target)
                continue
            for key, item in target.items():
                if key in target.known:
                    self._own(target, key, item)
                else:
                    target.touch(key)

    def _disown(self, rows: Rows[Any, Any], key: Any) -> None:
        """Forget an entry that is gone or was replaced, and all below it."""
        value, _ = rows.known.pop(key)
        if isinstance(value, Entity):
            value.belong(None, None)
        if rows.shape.parts:
            self._emptied.append(_below(rows, key))
        for part in rows.shape.parts:
            target: Rows[Any, Any] | Appended[Any] = part.get(value)
            target.book = None
            if isinstance(target, Rows):
                target.changed = {}
                for inner in list(target.known):
                    self._disown(target, inner)

    def _restore(self, root: Entity, kept: Any) -> None:
        for field in fields(kept):
            value = getattr(kept, field.name)
            if not isinstance(value, Rows | Appended):
                setattr(root, field.name, value)

    def _fill(self, value: Any, place: str, shape: Shape, places: _Places) -> None:
        for part in shape.parts:
            target: Rows[Any, Any] | Appended[Any] = part.get(value)
            target.clear()
            inside = f"{place}/{part.path}"
            for key, body in places.get(inside, ()):
                item = part.shape.read(body, self._files)
                if isinstance(target, Appended):
                    target.append(item)
                    target.written = target.total = int(key) + 1
                    continue
                name = part.shape.read_key(key)
                target[name] = item
                target.known[name] = item, hash(body)
                if part.shape.parts:
                    self._fill(item, f"{inside}/{_segment(key)}", part.shape, places)


def _below(rows: Rows[Any, Any], key: Any) -> str:
    return f"{rows.place}/{_segment(rows.shape.write_key(key))}"


def _segment(key: Any) -> str:
    return quote(str(key), safe="")


def _first_line(problem: ValidationError | KeyError) -> str:
    if isinstance(problem, KeyError):
        return f"it holds {problem}"
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{problem.title}.{where}: {first['msg']}" if where else first["msg"]
