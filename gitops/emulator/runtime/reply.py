"""What a truss answered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, kw_only=True)
class Reply:
    """An HTTP answer of a truss: a body, or a stream of its parts."""

    status: int
    body: bytes = b""
    media_type: str = "application/json"
    stream: AsyncIterator[bytes] | None = None
    traceback: str | None = None
    error_code: str | None = None

    @classmethod
    def json(cls, status: int, value: Any) -> Reply:
        """An answer that is one JSON value."""
        return cls(status=status, body=json.dumps(value).encode())

    @classmethod
    def problem(cls, status: int, code: str, message: str) -> Reply:
        """An answer of the platform itself, in its error form."""
        reply = cls.json(status, {"error": message, "error_code": code})
        reply.error_code = code
        return reply
