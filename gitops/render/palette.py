"""Emphasis as a hook: renderers name what a piece of text is, a palette decides how it looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal[
    "heading", "add", "change", "remove", "good", "bad", "drift", "held", "dim"
]
Style: TypeAlias = Callable[[str, Role], str]
"""Takes one line's worth of safe text and its role; gives the text to print."""

_CODES: Final[dict[Role, str]] = {
    "heading": "1",
    "add": "32",
    "change": "33",
    "remove": "31",
    "good": "32",
    "bad": "1;31",
    "drift": "35",
    "held": "36",
    "dim": "2",
}


def plain(text: str, role: Role) -> str:  # noqa: ARG001 - a palette knows the role
    """No emphasis: for files, pipes and CI."""
    return text


def ansi(text: str, role: Role) -> str:
    """The sixteen colours that every terminal has, in the user's own theme."""
    return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if text else text


def chosen(*, colour: bool) -> Style:
    """The palette for a stream that may or may not be coloured."""
    return ansi if colour else plain
