"""Holds: artifacts that an environment must not be given again by the next run.

A hold is made by a ``rolled_back``, a ``rejected`` or a ``held`` entry. It ends when it is lifted
by hand, when its artifact is released after all or a person went back to it, or when Git stops
asking for that artifact. The last is not in the log: whoever decides has to look at what Git asked
for since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitops.record.entry import Entry, Event, Side
from gitops.state.json import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """``side`` is held because of ``entry``; the settings are the held release's own."""

    side: Side
    entry: Entry
    settings_before: JsonObject
    settings_after: JsonObject


def held_side(entry: Entry) -> Side | None:
    """The artifact that an entry puts on hold."""
    match entry.event:
        case Event.ROLLED_BACK | Event.REJECTED:
            return entry.to
        case Event.HELD:
            return entry.from_
        case _:
            return None


def holds_in(entries: Sequence[Entry]) -> tuple[Hold, ...]:
    """The holds that the log has not ended, oldest first, at most one for each artifact."""
    holds: dict[str, Hold] = {}
    by_id = {entry.id: entry for entry in entries if entry.id}
    for entry in entries:
        side = held_side(entry)
        if side is not None:
            source = by_id.get(entry.intent or "", entry)
            by_hand = entry.event is source.event is Event.HELD and source is not entry
            if by_hand and entry.to is not None:
                # The end of a rollback by hand: a person chose what serves now.
                holds.pop(_key(entry.to), None)
            holds.pop(_key(side), None)
            holds[_key(side)] = Hold(
                side=side,
                entry=entry,
                settings_before=_either(entry.settings_before, source.settings_before),
                settings_after=_either(entry.settings_after, source.settings_after),
            )
        elif entry.event in {Event.RELEASED, Event.ADOPTED, Event.LIFTED} and entry.to is not None:
            holds.pop(_key(entry.to), None)
    return tuple(holds.values())


def unverified_in(entries: Sequence[Entry]) -> Entry | None:
    """The newest ``unverified``, unless something was released, adopted or begun after it."""
    for entry in reversed(entries):
        if entry.event is Event.UNVERIFIED:
            return entry
        if entry.event not in {Event.SETTINGS, Event.REJECTED, Event.NOT_STARTED}:
            return None
    return None


def _key(side: Side) -> str:
    return side.digest or f"deployment {side.deployment_id}"


def _either(own: JsonObject | None, intents: JsonObject | None) -> JsonObject:
    return own if own is not None else intents or {}
