"""Blocks of a text that many files share to the letter, but for their pins, are parsed once.

A release file is cut before the keys at its left edge that hold most of it. Each piece is parsed
by itself, which gives what the whole gives: a key that stands at the left edge of a map ends
whatever came before it, unless that was in quotes or brackets, and then its piece is no YAML by
itself. So a file is cut only where every piece is a map, and is read whole where one is not.

Pins are what differs between files that are alike otherwise, so each is taken out of its piece
with the comment behind it. The rest is parsed with a stand-in in its place, a word like it that no
file has; where the parser finds that as an environment's ``commit``, the pin belongs just there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from gitops.state.json import Json
from gitops.yaml.quick import QUICK_BYTES, quick

Pieces: TypeAlias = tuple[bytes, ...]
"""The text of a block around its pins."""

_CUT: Final = (b"\nenvironments:", b"\nchecks:")
# Comments, empty lines, and then a key at the left edge: the map does not begin further right,
# where the keys that a cut is made at would not belong to it.
_AT_LEFT_EDGE: Final = re.compile(rb"(?:#[ -~]*\r?\n|\r?\n)*[a-z]")
# With a digit that is in no number.
_PIN: Final = re.compile(
    rb" commit: (?=[0-9a-f]*[acdf])([0-9a-f]{64}|[0-9a-f]{40}) *(?: #[ -~]*)?(?=\r?\n|\Z)"
)
_KEPT: Final = 1 << 26
"""Bytes of blocks that are kept at most."""


@dataclass(frozen=True, slots=True)
class Read:
    """The map that a text holds, and the blocks that gave it, by their keys.

    ``pins`` are the commits that were taken out of them, by environment: equal blocks gave equal
    values but for these.
    """

    value: dict[str, Json]
    blocks: Mapping[str, Pieces] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)


class _Block(NamedTuple):
    value: dict[str, Json]
    pinned: tuple[str, ...] = ()
    """The environments whose pins stood between the pieces, in their order."""


class Blocks:
    """The blocks of the files read so far. The values of blocks are shared: never change them."""

    def __init__(self) -> None:
        self._known: dict[Pieces, _Block | None] = {}
        self._kept = 0

    def read(self, data: bytes) -> Read | None:
        """A text in pieces; None: read it whole."""
        if len(data) > QUICK_BYTES:
            return None
        cuts = sorted(at + 1 for key in _CUT if (at := data.find(key)) >= 0)
        if not cuts or not _AT_LEFT_EDGE.match(data, 0, cuts[0]):
            return None
        trusted, head = quick(data[: cuts[0]])
        if not trusted or not isinstance(head, dict):
            return None
        value = dict(head)
        blocks: dict[str, Pieces] = {}
        pins: dict[str, str] = {}
        keys = len(value)
        for begin, end in zip(cuts, [*cuts[1:], len(data)], strict=True):
            parts = _PIN.split(data[begin:end])
            pieces = tuple(parts[::2])
            block = self._block(pieces)
            if block is None and len(parts) > 1:
                pieces = (data[begin:end],)
                block = self._block(pieces)
            if block is None:
                return None
            value.update(block.value)
            keys += len(block.value)
            blocks.update(dict.fromkeys(block.value, pieces))
            if block.pinned:
                pins.update(zip(block.pinned, map(bytes.decode, parts[1::2]), strict=True))
        if pins:
            value["environments"] = with_pins(value["environments"], pins)
        # A key that stands in two blocks is a problem that reading the whole will find.
        return Read(value, blocks, pins) if len(value) == keys else None

    def _block(self, pieces: Pieces) -> _Block | None:
        if pieces in self._known:
            return self._known[pieces]
        block = _parsed(pieces)
        if self._kept < _KEPT:
            self._known[pieces] = block
            self._kept += sum(map(len, pieces))
        return block


def _parsed(pieces: Pieces) -> _Block | None:
    stand_ins = [f"stand-in-{number}" for number in range(1, len(pieces))]
    filled = b"".join(
        b" commit: %b%b" % (stand_in.encode(), piece)
        for stand_in, piece in zip(stand_ins, pieces[1:], strict=True)
    )
    trusted, value = quick(pieces[0] + filled)
    if not trusted or not isinstance(value, dict):
        return None
    pinned = _pinned(value.get("environments"), stand_ins) if stand_ins else ()
    return None if pinned is None else _Block(value, pinned)


def _pinned(environments: Json, stand_ins: Sequence[str]) -> tuple[str, ...] | None:
    """The environments that have the stand-ins for their commits; None where one is elsewhere."""
    if not isinstance(environments, dict):
        return None
    found = {
        commit: name
        for name, each in environments.items()
        if isinstance(each, dict) and isinstance(commit := each.get("commit"), str)
    }
    pinned = tuple(found[each] for each in stand_ins if each in found)
    return pinned if len(pinned) == len(stand_ins) else None


def with_pins(environments: Any, pins: Mapping[str, str]) -> dict[str, Any]:
    """Environments with these commits."""
    return {
        name: {**each, "commit": pins[name]} if name in pins else each
        for name, each in environments.items()
    }
