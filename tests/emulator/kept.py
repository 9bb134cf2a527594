"""Whether a state file holds what an emulator holds: everything, by the annotations alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from gitops.emulator import Options
from gitops.emulator.storage.store import Store
from gitops.emulator.uploads import Bucket, Uploads
from gitops.emulator.world.entities import Deployment
from gitops.emulator.world.kept import Appended
from gitops.emulator.world.state import State
from gitops.emulator.world.world import World


class NoTrusses:
    """A runner that does nothing."""

    def build(self, deployment: Deployment) -> tuple[str, ...]:
        return ()

    def load(self, deployment: Deployment) -> None:
        return

    def resume(self, deployment: Deployment) -> None:
        return

    def stop(self, deployment_id: str) -> None:
        return


def plain(value: Any, kind: type | None = None) -> Any:
    """A value as nothing but dicts in their order, lists and scalars; files by their names."""
    if isinstance(value, dict):
        return [(plain(key), plain(inner)) for key, inner in value.items()]
    if is_dataclass(value):
        names = [field.name for field in fields(kind or value)]
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, list | tuple | Appended):
        return [plain(each) for each in value]
    return value.name if isinstance(value, Path) else value


def of(world: World, uploads: Uploads) -> dict[str, Any]:
    """All that is to be kept of an emulator."""
    return {"world": plain(world, State), "uploads": plain(uploads, Bucket)}


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[tuple[World, Uploads, Store]]:
    """What a state file holds, before anything is made of it."""
    world = World(Options(), NoTrusses(), 0.0)
    uploads = Uploads(folder, lambda: 0.0)
    store = Store(path, folder)
    try:
        store.keep("world", world, State)
        store.keep("uploads", uploads, Bucket)
        store.read()
        yield world, uploads, store
    finally:
        store.close()


def read(path: Path, folder: Path) -> dict[str, Any]:
    """All that a state file holds."""
    with opened(path, folder) as (world, uploads, _):
        return of(world, uploads)
