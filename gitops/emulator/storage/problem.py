"""What can be wrong with a state file."""

from __future__ import annotations


class StateError(Exception):
    """The state cannot be read or written; says why, and what to do."""
