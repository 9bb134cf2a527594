"""Durations and lists in words, for the reasons that a plan gives and for all that is shown."""

from __future__ import annotations

from collections.abc import Sequence


def duration(seconds: float) -> str:
    """Seconds as people say them: ``45s``, ``10m``, ``1h 30m``; tenths below ten seconds."""
    if seconds < 10 and seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{hours}h"] if hours else []
    if minutes:
        parts.append(f"{minutes}m")
    if left and not hours:
        parts.append(f"{left}s")
    return " ".join(parts) or "0s"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def sentence(text: str) -> str:
    """A hint or a remedy, told on its own: it begins with a capital and ends with a stop.

    A first word that is no plain word (a path, a name with a hyphen, code) stays as it is.
    """
    first = text.split(" ", 1)[0].rstrip(",:;")
    begun = f"{text[:1].upper()}{text[1:]}" if first.isascii() and first.isalpha() else text
    return begun if not begun or begun[-1] in ".?!…" else f"{begun}."
