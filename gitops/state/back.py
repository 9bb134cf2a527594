"""What puts a release's settings back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from gitops.state.differences import can_be_made, equal, flatten
from gitops.state.json import Json, JsonObject
from gitops.state.schedules import PREFIX, is_over
from gitops.state.settings import Change, Settings


def put_back(
    before: JsonObject, after: JsonObject, live: Settings, now: datetime
) -> tuple[Change, ...]:
    """What puts ``before`` back where ``after`` changed it and it is still so in ``live``.

    The first two are flat settings, as an intent keeps them. A field that somebody changed since is
    left alone, and so is one that was not set before: Baseten cannot unset it. A schedule that was
    not there before goes, and one that the release took away comes back, unless its time is over.
    """
    return tuple(_changes(before, after, flatten(live), now))


def _changes(
    before: JsonObject, after: JsonObject, shown: JsonObject, now: datetime
) -> Iterator[Change]:
    for path, asked in sorted(after.items()):
        was, shows = before.get(path), shown.get(path)
        if equal(path, was, asked) or not equal(path, asked, shows):
            continue
        if _is_possible(path, was, shows, now):
            yield Change(path=path, before=shows, after=was)


def _is_possible(path: str, was: Json, shows: Json, now: datetime) -> bool:
    if not path.startswith(PREFIX):
        return was is not None and shows is not None
    if isinstance(was, Mapping) and is_over(was, now):
        return False
    return shows is not None or can_be_made(was, now)
