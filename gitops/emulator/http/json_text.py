"""Request bodies as JSON, no more and no less."""

from __future__ import annotations

import json
from typing import Any


def parsed(body: bytes) -> Any:
    """The value of a JSON text. Raises: ValueError, also for what only Python reads.

    That is NaN, a number beyond a double, half a character of a pair, and what nests too deeply:
    none of it could be answered again.
    """
    try:
        value = json.loads(body)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    return value
