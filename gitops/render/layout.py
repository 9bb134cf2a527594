"""Sentences in lines that fit: broken between words, with what follows indented below."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Final

from gitops.render.palette import Role, Style
from gitops.render.text import printable

WIDTH: Final = 100
"""Columns where there is no terminal to ask: a CI log, a file, a pipe."""

LEAST: Final = 40
MOST: Final = 120
"""A sentence is hard to read on lines that are longer."""

_WHOLE: Final = re.compile(r"`[^`]*`|\b(?:commit|deployment) (?=\S)|\b\d+[hm] (?=\d+[ms]\b)")
_LONG_NAME: Final = re.compile(r"\bgit-([0-9a-f]{12})[0-9a-f]{8,}")
# Private use: `printable` escapes it, so it is in no text that comes here.
_JOINT: Final = "\ue000"


def columns(terminal: int | None) -> int:
    """The width to write for: a terminal's own within bounds, ``WIDTH`` where there is none."""
    return WIDTH if terminal is None else max(LEAST, min(terminal, MOST))


def safe(text: str) -> str:
    """The text made printable, with our own deployments' long names cut as commits are."""
    return printable(_LONG_NAME.sub(r"git-\1…", text))


def lines(text: str, width: int, *, first: str = "", rest: str = "  ") -> list[str]:
    """Safe text in lines of at most ``width`` columns; ``first`` and ``rest`` begin them.

    No word is broken, no command between back ticks, so that it can be copied whole, and no commit
    or deployment is parted from its name.
    """
    if len(first) + len(text) <= width:
        return [first + text]
    joined = _WHOLE.sub(lambda found: found[0].replace(" ", _JOINT), text)
    wrapped = textwrap.wrap(
        joined,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_JOINT, " ") for line in wrapped] or [first]


def styled(
    text: str,
    style: Style,
    role: Role | None,
    width: int,
    *,
    lead: str = "",
    first: str = "",
    rest: str = "  ",
) -> Iterator[str]:
    """Lines with their emphasis. ``lead`` is the beginning of the text that reads as a heading.

    The indent is never styled.
    """
    for number, line in enumerate(lines(text, width, first=first, rest=rest)):
        indent = rest if number else first
        body = line[len(indent) :]
        if number == 0 and lead and body.startswith(lead):
            yield indent + style(lead, "heading") + _one(body[len(lead) :], style, role)
        else:
            yield indent + _one(body, style, role)


def _one(text: str, style: Style, role: Role | None) -> str:
    return style(text, role) if role and text else text
