"""Which keys the language knows where: read off the models, for "did you mean"."""

from __future__ import annotations

import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from gitops.release.finding import Path, Step


def keys_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the map at this path may have; empty where it may have any."""
    found: list[str] = []
    for kind in _follow(root, path):
        for key in _keys(kind):
            if key not in found:
                found.append(key)
    return tuple(found)


@cache
def _all_places(root: type[BaseModel]) -> dict[str, tuple[str, ...]]:
    places: dict[str, list[str]] = {}

    def visit(kind: Any, path: str, depth: int) -> None:
        for model in _models(kind):
            for key, below in _fields(model).items():
                places.setdefault(key, [])
                if path and path not in places[key]:
                    places[key].append(path)
                inside = f"{path}.{key}" if path else key
                if depth < 6:
                    visit(below, inside, depth + 1)
        for value in _map_values(kind):
            visit(value, f"{path}.NAME", depth + 1)

    visit(root, "", 0)
    return {key: tuple(found) for key, found in places.items()}


def places_of(root: type[BaseModel], key: str) -> tuple[str, ...]:
    """Where else this key belongs, as dotted paths with NAME for any name."""
    return _all_places(root).get(key, ())


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _keys(kind: Any) -> Iterator[str]:
    for model in _models(kind):
        yield from _fields(model)


def _parts(kind: Any) -> Iterator[Any]:
    """The alternatives of a type, annotations taken off."""
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _parts(get_args(kind)[0])
    elif origin in {Union, types.UnionType}:
        for each in get_args(kind):
            yield from _parts(each)
    else:
        yield kind


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _map_values(kind: Any) -> Iterator[Any]:
    for part in _parts(kind):
        if get_origin(part) is dict:
            yield get_args(part)[1]


def _follow(kind: Any, path: Path) -> Iterator[Any]:
    if not path:
        yield kind
        return
    step, rest = path[0], path[1:]
    for below in _step(kind, step):
        yield from _follow(below, rest)


def _step(kind: Any, step: Step) -> Iterator[Any]:
    for part in _parts(kind):
        if isinstance(part, type) and issubclass(part, BaseModel):
            fields = _fields(part)
            if step in fields:
                yield fields[str(step)]
        elif get_origin(part) is dict and isinstance(step, str):
            yield get_args(part)[1]
        elif get_origin(part) is list and isinstance(step, int):
            yield get_args(part)[0]
