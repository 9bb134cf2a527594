"""Valid keys that cannot be carried out yet: one table, shrunk as they become possible.

An environment that asks for one of them is blocked and says so; nothing is ever ignored.
"""

from __future__ import annotations

from typing import Final

UNSUPPORTED: Final[dict[str, str]] = {
    "watch.latency.first_token": "the time to the first token is not measured yet",
    "watch.keep_previous": "the previous deployment cannot be kept warm for a watch yet",
    "schedules": "autoscaling schedules are not written yet",
    "deploy_log.tags": "no tags are set for releases yet",
}
"""Dotted key, without names, to why."""
