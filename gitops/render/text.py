"""Other people's words made safe to print: on a terminal, in a log file, in a commit's subject."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, formats (bidirectional and invisible ones), lone surrogates, unassigned, separators."""

_COMMAND: Final = re.compile(r"##(?=[A-Za-z]*\[)|(?<!\S)::(?=[A-Za-z])")
"""What runners take for a command wherever it is printed, ``##vso[``, or at a line's beginning,
``::set-output``, where a word may come to stand when lines are broken."""

_DOUBTFUL_IN_JSON: Final = re.compile(r"##|[^ -~\n]")


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with everything escaped that could move a cursor, hide, or read in another order.

    Control characters (so every ANSI sequence), bidirectional and invisible characters and
    undecodable bytes come out as ``\n``, ``\x1b``, ``\u202e`` and the like: visible, and always
    encodable as UTF-8. So does one letter of what a CI runner would take for a command. The result
    is one line; with ``lines``, line breaks stay.
    """
    if not text.isprintable():
        text = "".join(_escaped(character, lines=lines) for character in text)
    if "##" in text or "::" in text:
        text = _COMMAND.sub(lambda found: f"{found[0][0]}\\u{ord(found[0][1]):04x}", text)
    return text


def harmless(text: str) -> str:
    r"""A JSON text with the same value that no terminal and no CI runner acts on.

    Raw control characters, invisible ones and lone surrogates become ``\uXXXX``, as JSON has it.
    """
    return _DOUBTFUL_IN_JSON.sub(_in_json, text)


def _in_json(found: re.Match[str]) -> str:
    text = found[0]
    if text == "##":
        return "#\\u0023"
    if unicodedata.category(text) not in _UNSAFE:
        return text
    units = text.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _escaped(character: str, *, lines: bool) -> str:
    if lines and character == "\n":
        return character
    if unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape").decode("ascii")
