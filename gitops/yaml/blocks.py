"""Blocks of a text that many files share to the letter are parsed once.

A release file is cut before the keys at its left edge that hold most of it. Each piece is parsed
by itself, which gives what the whole gives: a key that stands at the left edge of a map ends
whatever came before it, unless that was in quotes or brackets, and then its piece is no YAML by
itself. So a file is cut only where every piece is a map, and is read whole where one is not.
"""

from __future__ import annotations

import re
from typing import Final

from gitops.state.json import Json
from gitops.yaml.quick import QUICK_BYTES, quick

_CUT: Final = (b"\nenvironments:", b"\nchecks:")
# Comments, empty lines, and then a key at the left edge: the map does not begin further right,
# where the keys that a cut is made at would not belong to it.
_AT_LEFT_EDGE: Final = re.compile(rb"(?:#[ -~]*\r?\n|\r?\n)*[a-z]")
_KEPT: Final = 1 << 26
"""Bytes of blocks that are kept at most."""


class Blocks:
    """The blocks of the files read so far. The values of blocks are shared: never change them."""

    def __init__(self) -> None:
        self._known: dict[bytes, dict[str, Json] | None] = {}
        self._kept = 0

    def read(self, data: bytes) -> tuple[dict[str, Json], dict[str, bytes]] | None:
        """The map that a text holds, and its blocks' texts by key; None: read it whole."""
        if len(data) > QUICK_BYTES:
            return None
        cuts = sorted(at + 1 for key in _CUT if (at := data.find(key)) >= 0)
        if not cuts or not _AT_LEFT_EDGE.match(data, 0, cuts[0]):
            return None
        trusted, head = quick(data[: cuts[0]])
        if not trusted or not isinstance(head, dict):
            return None
        value = dict(head)
        texts: dict[str, bytes] = {}
        keys = len(value)
        for begin, end in zip(cuts, [*cuts[1:], len(data)], strict=True):
            text = data[begin:end]
            block = self._block(text)
            if block is None:
                return None
            value.update(block)
            keys += len(block)
            texts.update(dict.fromkeys(block, text))
        # A key that stands in two blocks is a problem that reading the whole will find.
        return (value, texts) if len(value) == keys else None

    def _block(self, text: bytes) -> dict[str, Json] | None:
        if text in self._known:
            return self._known[text]
        trusted, value = quick(text)
        block = value if trusted and isinstance(value, dict) else None
        if self._kept < _KEPT:
            self._known[text] = block
            self._kept += len(text)
        return block
