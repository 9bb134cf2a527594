"""What a state file keeps piece by piece, and how it is noticed that a piece may have changed.

    Rows       a dict whose entries are kept one by one
    Appended   a deque to which is only appended, kept line by line
    Entity     an entry of `Rows` that notices when one of its fields is set, or when a field is
               read whose value could be changed in place

Noticing too much is harmless: what did not change is not written. What would not be noticed is a
change to a part of an entity (a promotion, a list) by somebody who held on to that part while
others were writing, so parts are fetched from their entity whenever they are needed.

Without a state file all of them are what they look like, and nothing is noted.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterable
from inspect import get_annotations
from pathlib import Path
from types import MemberDescriptorType
from typing import Annotated, Any, Literal, Protocol, Self, TypeVar, get_origin

from pydantic import (
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    SerializationInfo,
    ValidationInfo,
)
from pydantic_core import core_schema

Key = TypeVar("Key")
Value = TypeVar("Value")
Book = list["Rows[Any, Any] | Appended[Any]"]
"""Where everything is noted that may have changed since the last time it was written."""


class Rows(dict[Key, Value]):
    """A dict whose entries are kept one by one, in their order."""

    __slots__ = ("book", "changed", "known", "place", "shape")

    def __init__(self, entries: Iterable[tuple[Key, Value]] = ()) -> None:
        """Kept nowhere until it is part of a state."""
        super().__init__(entries)
        self.book: Book | None = None
        self.place = ""
        self.shape: Any = None
        self.changed: dict[Key, None] = {}
        self.known: dict[Key, tuple[Value, int]] = {}
        """What is kept of each entry: the entry itself, and a hash of its document."""

    def touch(self, key: Key) -> None:
        """Note that an entry is new, gone, or may have changed."""
        if self.book is not None:
            if not self.changed:
                self.book.append(self)
            self.changed[key] = None

    def __setitem__(self, key: Key, value: Value) -> None:
        """Add or replace an entry."""
        super().__setitem__(key, value)
        self.touch(key)

    def __delitem__(self, key: Key) -> None:
        """Remove an entry."""
        super().__delitem__(key)
        self.touch(key)

    def pop(self, key: Key, *default: Any) -> Any:
        """Remove an entry and give it."""
        value = super().pop(key, *default)
        self.touch(key)
        return value

    def popitem(self) -> tuple[Key, Value]:
        """Remove the newest entry and give it."""
        key, value = super().popitem()
        self.touch(key)
        return key, value

    def clear(self) -> None:
        """Remove every entry."""
        for key in list(self):
            del self[key]

    def setdefault(self, key: Key, default: Value = None) -> Value:  # type: ignore[assignment]
        """The entry, added where it is missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def update(self, *others: Any, **named: Any) -> None:
        """Add or replace entries."""
        for key, value in dict(*others, **named).items():
            self[key] = value

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Its entries are no part of what it belongs to."""
        return core_schema.any_schema()


class Appended(deque[Value]):
    """A deque that is only appended to; with a `maxlen` the oldest lines leave."""

    __slots__ = ("book", "place", "shape", "total", "written")

    def __init__(self, lines: Iterable[Value] = (), maxlen: int | None = None) -> None:
        """Kept nowhere until it is part of a state."""
        super().__init__(lines, maxlen)
        self.book: Book | None = None
        self.place = ""
        self.shape: Any = None
        self.total = len(self)
        """Lines so far, those that left included."""
        self.written = 0

    def append(self, line: Value) -> None:
        """Add a line."""
        super().append(line)
        if self.book is not None and self.total == self.written:
            self.book.append(self)
        self.total += 1

    def extend(self, lines: Iterable[Value]) -> None:
        """Add lines."""
        for line in lines:
            self.append(line)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Its lines are no part of what it belongs to."""
        return core_schema.any_schema()


class Entity:
    """Base of the dataclasses that are changed while they are entries of `Rows`."""

    __slots__ = ("_key", "_rows")
    __pydantic_config__ = {  # noqa: RUF012 - pydantic reads it, and does not take a ClassVar
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
        "ser_json_inf_nan": "constants",
    }
    _rows: Rows[Any, Any] | None
    _key: Any

    def __new__(cls, *_args: Any, **_named: Any) -> Self:
        """Kept nowhere until it is part of a state."""
        made = super().__new__(cls)
        object.__setattr__(made, "_rows", None)
        return made

    def __init_subclass__(cls, **named: Any) -> None:
        """Have the fields watched whose values could be changed in place."""
        super().__init_subclass__(**named)
        for name, annotation in get_annotations(cls).items():
            slot = cls.__dict__.get(name)
            if isinstance(slot, MemberDescriptorType) and not _is_value(cls, annotation):
                setattr(cls, name, _Watched(slot))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field and note it."""
        object.__setattr__(self, name, value)
        self.touch()

    def touch(self) -> None:
        """Note that something of it may have changed."""
        if self._rows is not None:
            self._rows.touch(self._key)

    def belong(self, rows: Rows[Any, Any] | None, key: Any) -> None:
        """Note changes with `rows` from now on, or with nobody."""
        object.__setattr__(self, "_rows", rows)
        object.__setattr__(self, "_key", key)


class _Watched:
    """A field that counts as changed when it is read."""

    __slots__ = ("_slot",)

    def __init__(self, slot: MemberDescriptorType) -> None:
        self._slot = slot

    def __get__(self, entity: Entity | None, _owner: type | None = None) -> Any:
        if entity is None:
            return self
        entity.touch()
        return self._slot.__get__(entity)

    def __set__(self, entity: Entity, value: Any) -> None:
        self._slot.__set__(entity, value)


_PLAIN = frozenset({"None", "Path", "StoredFile", "bool", "bytes", "float", "int", "str", "tuple"})


def _is_value(cls: type, annotation: str) -> bool:
    """Whether what a field holds cannot be changed in place, or notices that by itself."""
    if annotation.startswith(("Rows[", "Appended[")):
        return True
    known = sys.modules[cls.__module__].__dict__
    words: list[str] = re.findall(r"\w+", annotation)
    return all(word in _PLAIN or _is_frozen(known.get(word)) for word in words)


def _is_frozen(kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return True
    return bool(getattr(getattr(kind, "__dataclass_params__", None), "frozen", False))


class Files(Protocol):
    """The files that a state names."""

    def keep(self, path: Path) -> str:
        """Keep a file's content too; gives its name."""
        ...

    def path(self, name: str) -> Path:
        """Where the file of that name is."""
        ...


def _kept(path: Path, info: SerializationInfo[Files | None]) -> str:
    return info.context.keep(path) if info.context else str(path)


def _found(name: object, info: ValidationInfo[Files | None]) -> Path:
    if not isinstance(name, str):
        raise ValueError("the name of a file was expected")
    return info.context.path(name) if info.context else Path(name)


StoredFile = Annotated[Path, PlainSerializer(_kept), PlainValidator(_found)]
"""A file in the emulator's folder; its content is kept together with what names it."""
