"""What a key turned out to be able to see, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Sight = Literal["there", "hidden", "absent"]
"""An endpoint answers; the key may not use it; this Baseten does not have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a key can see. ``endpoints`` are those that a plan is better with, by what they give.

    ``key_type`` is Baseten's word, None where it does not list this key. ``models`` counts those
    that the key sees. ``server_time`` is Baseten's clock, None where its answer had none; ``asked``
    is ours at the same moment.
    """

    workspace: str | None
    key_type: str | None
    models: int
    endpoints: tuple[tuple[str, Sight], ...]
    server_time: datetime | None
    asked: datetime
