"""``expect.status``: which HTTP statuses are right."""

from __future__ import annotations


def problem(allowed: tuple[int, ...], status: int) -> str | None:
    """What is wrong with the status, or None."""
    if status in allowed:
        return None
    return f"status {status}, expected {' or '.join(str(each) for each in allowed)}"
