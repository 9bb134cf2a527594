"""Valid keys that cannot be carried out yet: one table, shrunk as they become possible.

An environment that asks for one of them is blocked and says so; nothing is ever ignored.
"""

from __future__ import annotations

from typing import Final

UNSUPPORTED: Final[dict[str, str]] = {
    "watch.latency.max": "Baseten's metrics know no slowest answer; p99 is the nearest bound",
}
"""Dotted key, without names, to why."""
