"""The deploy log of one model as people and scripts look back at it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gitops.record.entry import Entry, Side
from gitops.record.history import ModelHistory, same_artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLog:
    """All entries of one model, oldest first.

    ``workspace`` is the workspace's ``NAME@HOST`` (its host alone where it has no name), ``kept``
    are ids of entries that this clone holds and the remote does not have yet.
    """

    workspace: str
    team: str
    model: str
    entries: tuple[Entry, ...] = ()
    kept: frozenset[str] = frozenset()

    def only(self, environment: str) -> ModelLog:
        """The same log with the entries of one environment, compared as Baseten's names."""
        own = (each for each in self.entries if each.environment.lower() == environment.lower())
        return replace(self, entries=tuple(own))

    def newest(self, number: int) -> ModelLog:
        """The same log with so many of its last entries."""
        return replace(self, entries=self.entries[-number:] if number else ())

    def until(self, moment: datetime) -> ModelLog:
        """The same log as it was at a moment."""
        return replace(self, entries=tuple(each for each in self.entries if each.at <= moment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the log says of one environment at its end.

    ``serving`` is what its last result says serves, ``since`` when it began to do so with success,
    ``announced`` an intent that nothing has closed, ``held`` what is on hold. Before any result,
    what an intent would replace is what serves.
    """

    environment: str
    serving: Side | None = None
    since: datetime | None = None
    announced: Entry | None = None
    held: tuple[Side, ...] = ()


def standings(log: ModelLog) -> tuple[Standing, ...]:
    """Every environment of a log, in the order in which the log first meets them."""
    history = ModelHistory.of(log.entries)
    found: list[Standing] = []
    for name in dict.fromkeys(each.environment.lower() for each in log.entries):
        own = history.environment(name)
        announced = own.open_intent
        serving = own.last_served or (announced.origin if announced is not None else None)
        span = own.served[-1] if own.served else None
        known = span is not None and serving is not None and same_artifact(span.side, serving)
        found.append(
            Standing(
                environment=name,
                serving=serving,
                since=span.start if span is not None and known else None,
                announced=announced.entry if announced is not None else None,
                held=tuple(hold.side for hold in own.holds),
            )
        )
    return tuple(found)
