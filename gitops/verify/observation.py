"""What was observed: answers to requests, and figures read from Baseten's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the inference API. ``status`` None where none came: then ``error`` says why.

    ``seconds`` is from the request's start to the last byte. The rest is of streams only:
    ``first_token`` and ``last_token`` in seconds from the start, how many ``events`` came, and
    how many ``tokens``: as the stream itself counts them, else one for every event with text.
    """

    status: int | None
    seconds: float
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    first_token: float | None = None
    last_token: float | None = None
    events: int = 0
    tokens: int = 0

    @property
    def tokens_per_second(self) -> float | None:
        """How fast tokens came after the first one; None where fewer than two moments are known."""
        if self.first_token is None or self.last_token is None or self.tokens < 2:
            return None
        took = self.last_token - self.first_token
        return (self.tokens - 1) / took if took > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Metrics of one deployment over ``start`` to ``end``; None: unknown, which is not zero.

    ``requests`` and ``errors`` (5xx) are counts, ``latency`` maps ``p50``, ``p90``, ``p95``,
    ``p99`` to seconds, ``first_token`` the same to the seconds until an answer's first byte, which
    of a stream is its first token. ``replicas`` is the last value. ``until`` is the last moment
    that the figures cover (metrics trail behind the clock by minutes); None where that is not
    known.
    """

    start: datetime
    end: datetime
    requests: float | None = None
    errors: float | None = None
    latency: Mapping[str, float] = field(default_factory=dict)
    first_token: Mapping[str, float] = field(default_factory=dict)
    replicas: float | None = None
    until: datetime | None = None

    @property
    def error_rate(self) -> float | None:
        """5xx answers as a share (0-1) of all; None where nothing is known or nothing was asked."""
        if self.requests is None or self.errors is None or self.requests <= 0:
            return None
        return self.errors / self.requests
