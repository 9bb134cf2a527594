"""Whether an entry that had to wait still belongs into the log."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from typing import Final

from gitops.git.pending import Kept
from gitops.record.entry import CLOSING, Entry, Event
from gitops.record.history import ModelHistory

_MOVES_ON: Final = frozenset(Event) - {Event.SETTINGS, Event.UNVERIFIED, Event.REJECTED}
"""Events after which an older one would say something that is no longer so."""


def still_wanted(
    chain: Sequence[Entry], entry: Entry, base: str | None, ours: Container[str] = ()
) -> str | None:
    """Why an entry must not be appended to a chain: None where it may, "" where it is there.

    ``base`` is the id of the newest entry of the log when it was written, ``ours`` are ids of
    entries that waited with it. A result belongs into the log while the intent that it closes is
    open; anything else while nothing has happened in its environment that it knew nothing of.
    """
    if same_entry(chain, entry) is not None:
        return ""
    if entry.event in CLOSING and entry.intent is not None:
        opened = ModelHistory.of(chain).environment(entry.environment).open_intent
        if opened is None or opened.id != entry.intent:
            return "its intent has been closed by another run"
        return None
    known = {each.id: position for position, each in enumerate(chain)}
    if base is not None and base not in known:
        return "the log it was written for is another one now"
    own = entry.environment.lower()
    later = [
        each
        for each in (chain[known[base] + 1 :] if base is not None else chain)
        if each.environment.lower() == own and each.event in _MOVES_ON and each.id not in ours
    ]
    return f"{later[-1].event} was recorded there since" if later else None


def with_waiting(
    chain: tuple[Entry, ...], waiting: Iterable[Kept]
) -> tuple[tuple[Entry, ...], frozenset[str]]:
    """A chain with the waiting entries that still belong after it, and the ids of these."""
    ours: set[str] = set()
    for kept in waiting:
        if still_wanted(chain, kept.entry, kept.base, ours) is None:
            chain = (*chain, kept.entry)
            ours.add(kept.entry.id)
    return chain, frozenset(ours)


def same_entry(chain: Sequence[Entry], entry: Entry) -> Entry | None:
    """The entry of a chain that says the very same, whatever its id."""
    bare = replace(entry, id="")
    return next((each for each in reversed(chain) if replace(each, id="") == bare), None)
