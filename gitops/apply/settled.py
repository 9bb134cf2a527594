"""Whether changes of settings can be read back, and what puts a release's settings back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gitops.state.differences import flatten, same
from gitops.state.json import Json, JsonObject
from gitops.state.settings import Change, Settings


def pending(changes: Iterable[Change], settings: Settings) -> tuple[Change, ...]:
    """The changes whose ``after`` is not what Baseten shows; numbers compare as numbers."""
    shown = flatten(settings)
    return tuple(each for each in changes if not _agrees(each.after, shown.get(each.path)))


def put_back(before: JsonObject, after: JsonObject, live: Settings) -> tuple[Change, ...]:
    """What puts ``before`` back where ``after`` changed it and it is still so in ``live``.

    The first two are flat settings, as an intent keeps them. A field that somebody changed since is
    left alone, and so is one that was not set before: Baseten cannot unset it.
    """
    shown = flatten(live)
    return tuple(
        Change(path=path, before=shown[path], after=before[path])
        for path, asked in sorted(after.items())
        if before.get(path) is not None
        and path in shown
        and not same(before[path], asked)
        and _agrees(asked, shown[path])
    )


def _agrees(asked: Json, shown: Json) -> bool:
    """Equal, but for fields of an object that only Baseten knows (a schedule's id)."""
    if isinstance(asked, Mapping) and isinstance(shown, Mapping):
        return all(_agrees(value, shown.get(name)) for name, value in asked.items())
    return same(asked, shown)
