"""What is going to happen, in time order: as data, so that it can be kept in a file.

An event is the name of a registered function and plain arguments: texts, numbers, booleans,
nulls, and lists and mappings of these. Ids stand for things, which may be gone by then.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from gitops.emulator.world.kept import Rows

_EVENT = "event:"
EVENTS: dict[str, Callable[..., None]] = {}
"""What can be planned, by name."""

_Handler = TypeVar("_Handler", bound=Callable[..., None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An event that is due `at` (epoch seconds)."""

    at: float
    name: str
    arguments: Sequence[Any]


def event(handler: _Handler) -> _Handler:
    """Register a function as something that can be planned, by its module and its name.

    It is called with the world and the arguments that it was planned with.
    """
    EVENTS[_named(handler)] = handler
    return handler


def name_of(handler: Callable[..., None]) -> str:
    """The name by which an event is kept.

    Raises:
        LookupError: the function was never registered as one.
    """
    name = _named(handler)
    if EVENTS.get(name) is not handler:
        raise LookupError(f"{name} is not an event: decorate it with @event")
    return name


def _named(handler: Callable[..., None]) -> str:
    return f"{_EVENT}{handler.__module__.rpartition('.')[2]}.{handler.__qualname__}"


class Timeline:
    """Due events; two of the same instant happen in the order in which they were planned."""

    def __init__(self, planned: Rows[int, Planned]) -> None:
        """What is planned stays in `planned`, by number."""
        self._planned = planned
        self._heap: list[tuple[float, int]] = []
        self.next_number = 1

    def plan(self, at: float, handler: Callable[..., None], *arguments: Any) -> int:
        """Have an event happen when time reaches `at` (epoch seconds); gives its number.

        No two events of a world have the same number.
        """
        number = self.next_number
        self.next_number += 1
        self._planned[number] = Planned(at=at, name=name_of(handler), arguments=arguments)
        heapq.heappush(self._heap, (at, number))
        return number

    def restored(self) -> None:
        """Order what `planned` was filled with.

        Raises:
            LookupError: something was planned that there is not.
        """
        for each in self._planned.values():
            for name in (each.name, *each.arguments):
                if isinstance(name, str) and name.startswith(_EVENT) and name not in EVENTS:
                    raise LookupError(f"there is no {name}")
        self._heap = [(each.at, number) for number, each in self._planned.items()]
        heapq.heapify(self._heap)
        self.next_number = max(self._planned, default=0) + 1

    def next_at(self) -> float | None:
        """When the next event is due, or None."""
        return self._heap[0][0] if self._heap else None

    def take(self, until: float) -> Planned | None:
        """Remove and give the first event due by `until`, or None."""
        if not self._heap or self._heap[0][0] > until:
            return None
        due: Planned = self._planned.pop(heapq.heappop(self._heap)[1])
        return due
