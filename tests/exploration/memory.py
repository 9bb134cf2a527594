"""The deploy log as it is kept: entries with ids of their own content, and what they tell."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

from gitops.record.entry import Entry, Side
from gitops.record.history import ModelHistory
from gitops.state.artifact import Artifact

LETTERS: Final = "ABCF"
DIGESTS: Final = {each: (each.encode().hex() * 32)[:64] for each in LETTERS}
ARTIFACTS: Final = {
    each: Artifact(digest=DIGESTS[each], commit=each.lower() * 40, truss="trusses/model")
    for each in "ABC"
}
NAMES: Final = {
    each: ARTIFACTS[each].deployment_name if each in ARTIFACTS else "hotfix" for each in LETTERS
}
_OF: Final = {digest: each for each, digest in DIGESTS.items()}
_HISTORIES: dict[str, ModelHistory] = {}
_MOST: Final = 60_000


def letter(side: Side | None) -> str | None:
    """The artifact of one side of an entry."""
    if side is None:
        return None
    return _OF[side.digest] if side.digest is not None else "F"


def identified(entry: Entry, parent: str | None) -> Entry:
    """The entry with an id made of what it says and of what it follows."""
    bare = repr((parent, replace(entry, id="")))
    return replace(entry, id=hashlib.blake2b(bare.encode(), digest_size=10).hexdigest())


def history(chain: tuple[Entry, ...]) -> ModelHistory:
    """What a chain tells, read once."""
    if not chain:
        return ModelHistory.of(())
    found = _HISTORIES.get(chain[-1].id)
    if found is None:
        if len(_HISTORIES) > _MOST:
            _HISTORIES.clear()
        found = _HISTORIES[chain[-1].id] = ModelHistory.of(chain)
    return found
