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

    def until(self, moment: datetime) -> ModelLog:
        """The same log as it was at a moment."""
        return replace(self, entries=tuple(each for each in self.entries if each.at <= moment))


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the log says of one environment at its end.

    ``serving`` is what its last result says serves, ``since`` the entry from which on it does
    without a break, ``announced`` an intent that nothing has closed, ``held`` what is on hold.
    """

    environment: str
    serving: Side | None = None
    since: Entry | None = None
    announced: Entry | None = None
    held: tuple[Side, ...] = ()


def standings(log: ModelLog) -> tuple[Standing, ...]:
    """Every environment of a log, in the order in which the log first meets them."""
    history = ModelHistory.of(log.entries)
    found: list[Standing] = []
    for name in dict.fromkeys(each.environment.lower() for each in log.entries):
        own = history.environment(name)
        announced = own.open_intent.entry if own.open_intent is not None else None
        found.append(
            Standing(
                environment=name,
                serving=own.last_served,
                since=_since(own.entries, own.last_served),
                announced=announced,
                held=tuple(hold.side for hold in own.holds),
            )
        )
    return tuple(found)


def _since(entries: tuple[Entry, ...], serving: Side | None) -> Entry | None:
    """The oldest entry since which every one that says what serves says the same."""
    found: Entry | None = None
    for position in range(len(entries), 0, -1):
        side = ModelHistory.of(entries[:position]).environment(entries[0].environment).last_served
        if serving is None or side is None or not same_artifact(side, serving):
            break
        found = entries[position - 1]
    return found
