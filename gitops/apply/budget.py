"""How many rollbacks one apply may see before nothing more is promoted."""

from __future__ import annotations

import threading


class Budget:
    """Counts rollbacks over all models; safe to share between threads."""

    def __init__(self, max_rollbacks: int) -> None:
        self._max = max_rollbacks
        self._count = 0
        self._lock = threading.Lock()

    @property
    def rollbacks(self) -> int:
        """Rollbacks so far."""
        with self._lock:
            return self._count

    @property
    def allows_promotions(self) -> bool:
        """Whether anything new may be promoted."""
        return self.rollbacks < self._max

    def count_rollback(self) -> None:
        """One more release was undone."""
        with self._lock:
            self._count += 1
