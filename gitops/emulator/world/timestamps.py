"""Moments as Baseten writes them."""

from __future__ import annotations

from datetime import UTC, datetime


def timestamp(at: float) -> str:
    """Epoch seconds as RFC 3339 in UTC, with microseconds."""
    moment = datetime.fromtimestamp(at, tz=UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
