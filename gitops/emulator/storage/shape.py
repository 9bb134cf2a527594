"""How the values of a type are kept: as one JSON document, and which parts of it apart.

Everything is found out from the annotations, so that a new field needs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache
from operator import attrgetter
from typing import Any, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from gitops.emulator.world.kept import Appended, Files, Rows


@dataclass(frozen=True, slots=True)
class Part:
    """A field, or a field of a field, that is kept apart; its `shape` is that of its entries."""

    path: str
    shape: Shape
    get: attrgetter[Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The document of a type without its parts; `key` is for the keys of `Rows` of it."""

    value: TypeAdapter[Any]
    apart: dict[str, Any] | None
    parts: tuple[Part, ...]
    key: TypeAdapter[Any] | None = None
    """None: the keys are kept as they are."""

    def write(self, value: Any, files: Files) -> bytes:
        """A value as JSON, without its parts."""
        return self.value.dump_json(value, exclude=self.apart, context=files)

    def read(self, body: bytes, files: Files) -> Any:
        """The value of a document, with empty parts. Raises: ValidationError."""
        return self.value.validate_json(body, context=files)

    def write_key(self, key: Any) -> Any:
        """A key as SQLite keeps it."""
        return key if self.key is None else self.key.dump_json(key).decode()

    def read_key(self, key: Any) -> Any:
        """The key that was written. Raises: ValidationError."""
        return key if self.key is None else self.key.validate_json(key)


@cache
def shape_of(hint: Any, key: Any = str) -> Shape:
    """The shape of a type, and of the keys that lead to it."""
    parts = tuple(_parts(hint))
    return Shape(
        value=TypeAdapter(hint),
        apart=_apart([part.path.split(".") for part in parts]),
        parts=parts,
        key=None if key in {str, int} else TypeAdapter(key),
    )


def _parts(hint: Any, prefix: str = "") -> Iterator[Part]:
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return
    for name, field in get_type_hints(hint).items():
        if name not in hint.__dataclass_fields__:
            continue
        path = f"{prefix}{name}"
        origin, arguments = get_origin(field), get_args(field)
        if origin is Rows:
            yield Part(path, shape_of(arguments[1], arguments[0]), attrgetter(path))
        elif origin is Appended:
            yield Part(path, shape_of(arguments[0], int), attrgetter(path))
        else:
            yield from _parts(field, f"{path}.")


def _apart(paths: list[list[str]]) -> dict[str, Any] | None:
    """Paths as pydantic is told what to leave out."""
    found: dict[str, Any] = {}
    for first, *rest in paths:
        if rest:
            found.setdefault(first, {}).update(_apart([rest]) or {})
        else:
            found[first] = True
    return found or None
