"""Durations and lists in words, for the reasons that a plan gives and for all that is shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

from gitops.state.recognise import called


class Version(Protocol):
    """A deployment with the commit that it was built from, where that is known."""

    @property
    def deployment_id(self) -> str:
        """Its id."""

    @property
    def deployment_name(self) -> str | None:
        """Its name."""

    @property
    def commit(self) -> str | None:
        """The full id of the commit that it is labelled with."""


def version(it: Version) -> str:
    """``commit 4be1c02f0c5d``, or where no commit is known ``deployment w5d8x2q``."""
    if it.commit:
        return f"commit {it.commit[:12]}"
    return called(it.deployment_id, it.deployment_name)


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


def largest_unit(span: timedelta) -> str:
    """A span in its largest whole unit: ``45d``, ``3h``; ``0s`` for a negative one."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


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
