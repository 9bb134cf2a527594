"""Other people's words made safe to print: on a terminal, in a log file, in a commit's subject."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, formats (bidirectional and invisible ones), lone surrogates, unassigned, separators."""


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with everything escaped that could move a cursor, hide, or read in another order.

    Control characters (so every ANSI sequence), bidirectional and invisible characters and
    undecodable bytes come out as ``\n``, ``\x1b``, ``\u202e`` and the like: visible, and always
    encodable as UTF-8. The result is one line; with ``lines``, line breaks stay.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(character, lines=lines) for character in text)


def _escaped(character: str, *, lines: bool) -> str:
    if lines and character == "\n":
        return character
    if unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode("ascii")
