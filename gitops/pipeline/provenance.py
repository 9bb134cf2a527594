"""Which line gave a value: looked up only when somebody asks, since that reads the file again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.pipeline.places import Places
from gitops.release import words
from gitops.release.finding import Path

_LEAVES = frozenset({"request", "requires", "allow", "equals", "schema"})


class Provenance(Mapping[str, str]):
    """Dotted keys below an environment to ``file:line:column`` of what gave them."""

    def __init__(self, places: Places, path: Path, raw: Mapping[str, Any]) -> None:
        self._places = places
        self._path = path
        self._raw = raw
        self._found: dict[str, str] | None = None

    def _all(self) -> dict[str, str]:
        if self._found is None:
            self._found = {
                words.dotted(path): str(self._places.where((*self._path, *path)))
                for path in _leaves(self._raw, ())
            }
        return self._found

    def __getitem__(self, key: str) -> str:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Provenance({words.dotted(self._path)})"


def _leaves(value: Mapping[str, Any], path: Path) -> Iterator[Path]:
    for key, below in value.items():
        here = (*path, key)
        if isinstance(below, dict) and below and key not in _LEAVES:
            yield from _leaves(below, here)
        else:
            yield here
