"""Durations in words, for the reasons that a plan gives and for all that is shown."""

from __future__ import annotations


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
