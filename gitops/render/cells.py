"""Text in the cells of a terminal: a letter takes one, an ideograph two, an accent none."""

from __future__ import annotations

from typing import Final

from rich.cells import cell_len, set_cell_size

from gitops.render.layout import safe

_MOST: Final = 500
"""Characters that are looked at: accents take no cell, and a name may be made of thousands."""


def fit(text: str, width: int, *, more: str = "…") -> str:
    """Safe text in exactly ``width`` cells: filled up with spaces, or cut with ``more``."""
    return set_cell_size(cut(text, width, more=more), width)


def cut(text: str, width: int, *, more: str = "…") -> str:
    """Safe text in at most ``width`` cells."""
    text = safe(text[:_MOST])
    if cell_len(text) <= width:
        return text
    if width <= cell_len(more):
        return set_cell_size(more, max(width, 0))
    return set_cell_size(text, width - cell_len(more)).rstrip() + more


def cut_place(model: str, environment: str | None, width: int, *, more: str = "…") -> str:
    """``MODEL/ENV`` in at most ``width`` cells: the middle of the model gives way first.

    Names of a fleet begin alike, and often only their ends tell them apart.
    """
    if environment is None:
        return cut(model, width, more=more)
    whole = safe(f"{model}/{environment}"[:_MOST])
    if cell_len(whole) <= width:
        return whole
    tail = safe(f"/{environment}"[:_MOST])
    left = width - cell_len(tail)
    if left < min(8, width // 2):
        return cut(whole, width, more=more)
    end = safe(model[-_MOST:])[-(left // 3) :]
    while cell_len(end) > left // 3:
        end = end[1:]
    return cut(model, left - cell_len(end), more=more) + end + tail


def length(text: str) -> int:
    """How many cells a safe text takes."""
    return cell_len(text)
