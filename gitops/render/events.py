"""An apply while it runs, one line an event; what failed takes the lines of its three sentences.

The ``Teller`` remembers what it has told, so that nothing is told twice; what an event says by
itself is in ``gitops.render.event_paragraphs``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from gitops.plan.actions import short
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    Failure,
    LogEntry,
    RollbackFinished,
    RollbackStarted,
    to_json,
)
from gitops.render.event_paragraphs import (
    after,
    ended,
    how_it_ended,
    lasts,
    place_of,
    progressed,
    rests_on,
    started,
)
from gitops.render.event_words import DOING, DONE, failed, noun, outcome
from gitops.render.figures import way_back
from gitops.render.layout import WIDTH
from gitops.render.palette import Style, plain
from gitops.render.paragraphs import Paragraph, Typesetter
from gitops.render.text import harmless
from gitops.render.words import duration

STILL: Final = timedelta(minutes=1)
"""How often a line comes again that says nothing new, or differs in its figures alone."""

_FIGURE: Final = re.compile(r"[0-9.]*[1-9][0-9.]*")


def json_line(event: ApplyEvent) -> str:
    """The event as one line of JSON, with its line break; other characters than ASCII escaped."""
    return harmless(json.dumps(to_json(event), allow_nan=False)) + "\n"


@dataclass(frozen=True, slots=True)
class _GoingOn:
    """What was told last of a place: its shape, since when it has that, and when it was told."""

    shape: tuple[object, ...]
    since: datetime
    told: datetime


class Teller:
    """Tells the events of one apply to people, line by line; every line is safe for a terminal.

    ``times`` puts the moment before each event, whole or (``clock``) as the time of day where the
    day is known from above. ``width`` is in columns, times not counted. Nothing is told twice: a
    failure comes in several events (the last one repeats all of them, for scripts), and a reason
    with every step that it leads to. What goes on and on is told once a minute. ``back``: the place
    that ``gitops rollback --now`` is about, where no event says it: the run is no apply then.
    ``lasting`` leaves out what a view on the terminal shows meanwhile. ``elsewhere`` are failures
    whose sentences the reader finds in another place.
    """

    def __init__(
        self,
        style: Style = plain,
        *,
        times: bool = False,
        clock: bool = False,
        width: int = WIDTH,
        lasting: bool = False,
        back: str = "",
        elsewhere: Iterable[Failure] = (),
    ) -> None:
        self._setter = Typesetter(style, times=times, clock=clock, width=width)
        self._failures: set[Failure] = set()
        self._elsewhere = frozenset(elsewhere)
        self._reasons: set[tuple[str, str]] = set()
        self._lasting = lasting
        self._back = back
        self._promoted: set[str] = set()
        self._going_on: dict[str, _GoingOn] = {}
        self._idle = True
        self._undone: RollbackFinished | None = None

    def goes_on(self, style: Style, width: int) -> None:
        """What follows is read on another stream."""
        self._setter.style, self._setter.width = style, width

    def __call__(self, event: ApplyEvent) -> tuple[str, ...]:
        """The lines for the next event; none of them holds a line break."""
        if isinstance(event, ApplyStarted | ApplyFinished):
            self._back = self._back or event.back
        if self._lasting and not lasts(event):
            self._idle = self._idle and not isinstance(event, ActionStarted | LogEntry)
            return ()
        return tuple(self._lines(self._tell(event), event.time))

    def _lines(self, told: Iterable[Paragraph], moment: datetime) -> Iterator[str]:
        return (line for each in told for line in self._setter.lines(each, moment))

    def _tell(self, event: ApplyEvent) -> Iterator[Paragraph]:
        match event:
            case ApplyStarted():
                yield started(event, self._back)
            case ActionStarted():
                self._idle = False
                if self._back and event.kind == "watch":
                    # The way back says itself that it begins, and why.
                    return
                yield Paragraph(DOING[event.kind] + self._because(event), place=place_of(event))
            case ActionProgress():
                self._reasons.add((event.model, event.message))
                yield from self._moved(event)
            case ActionFinished():
                yield from self._done(event)
            case RollbackStarted():
                to = f"to {event.to_deployment}" if event.to_deployment else "with nothing to go to"
                because = self._first_time(event.model, event.reason)
                text = f"rolls back from deployment {event.from_deployment} {to}{because}"
                yield Paragraph(text, "bad", place_of(event))
            case RollbackFinished():
                self._undone = event
                yield from self._rolled_back(event)
            case LogEntry():
                self._idle = False
                kept = "; kept here, the next run pushes it" if event.kept else ""
                text = f"log {short(event.entry)} {self._subject(event)}{kept}"
                yield Paragraph(text, "held" if event.kept else "dim", place_of(event))
            case ApplyFinished():
                yield from self._over(event)
            case _:
                assert_never(event)

    def _moved(self, event: ActionProgress) -> Iterator[Paragraph]:
        place, said = place_of(event), progressed(event)
        shape = _FIGURE.sub("#", f"{event.kind} {event.message}"), event.status, event.percent
        last = self._going_on.get(place)
        if last is None or last.shape != shape:
            self._going_on[place] = _GoingOn(shape, event.time, event.time)
        elif event.time - last.told < STILL:
            return
        else:
            self._going_on[place] = _GoingOn(shape, last.since, event.time)
            said += f", for {duration((event.time - last.since).total_seconds())}"
        yield Paragraph(said, "dim", place)

    def _done(self, event: ActionFinished) -> Iterator[Paragraph]:
        if event.kind == "watch" and event.failure in self._failures:
            # The way back has told how this ended.
            return
        if event.kind == "promote" and event.result == "ok":
            self._promoted.add(place_of(event))
        yield self._finished(event)
        yield from rests_on(event)
        yield from self._failure(event.failure)

    def _because(self, event: ActionStarted) -> str:
        place = place_of(event)
        if event.kind == "watch" and place in self._promoted:
            # What is watched is what was just promoted.
            return ""
        return self._first_time(event.model, event.reason)

    def _first_time(self, model: str, reason: str) -> str:
        """``: reason``, unless this model's reader has read it already."""
        known = (model, reason)
        if not reason or known in self._reasons:
            return ""
        self._reasons.add(known)
        return f": {reason}"

    def _subject(self, event: LogEntry) -> str:
        if event.event == "settings":
            # Which ones, the plan and the step have said.
            return event.event
        subject = event.subject or event.event
        name, colon, reason = subject.partition(": ")
        return f"{name}{self._first_time(event.model, reason)}" if colon else subject

    def _finished(self, event: ActionFinished) -> Paragraph:
        took = duration(event.seconds) if event.seconds is not None else ""
        place = place_of(event)
        match event.result:
            case "ok":
                within = f" in {took}" if took else ""
                return Paragraph(f"{DONE[event.kind]}{within}{after(event.message)}", "good", place)
            case "skipped":
                return Paragraph(f"{noun(event.kind)} skipped{after(event.message)}", "dim", place)
            case "failed":
                # The sentences below give the reason, if there are any.
                told = event.failure is not None and event.message in event.failure.happened
                because = "" if told else self._first_time(event.model, event.message)
                when = f" after {took}" if took else ""
                return Paragraph(f"{failed(event)}{when}{because}", "bad", place)
            case _:
                assert_never(event.result)

    def _rolled_back(self, event: RollbackFinished) -> Iterator[Paragraph]:
        took = f" in {duration(event.seconds)}" if event.seconds is not None else ""
        serving = f"deployment {event.serving} serves" if event.serving else "nothing serves"
        if event.confirmed:
            yield Paragraph(f"rolled back{took}, confirmed: {serving}", "good", place_of(event))
        else:
            told = event.failure is not None and event.message in event.failure.happened
            because = "" if told else after(event.message)
            text = f"rollback not confirmed{took}: {serving}{because}"
            yield Paragraph(text, "bad", place_of(event))
        if seen := way_back(event.figures):
            yield Paragraph(seen, indent="    ", rest="  ")
        yield from self._failure(event.failure)

    def _failure(self, failure: Failure | None) -> Iterator[Paragraph]:
        if failure is None or failure in self._failures:
            return
        self._failures.add(failure)
        if failure in self._elsewhere:
            return
        for line in failure.details:
            yield Paragraph(line, "dim", indent="    | ", rest="  ")
        yield Paragraph(failure.happened, None, "What happened", indent="    ")
        yield Paragraph(failure.serves_now, None, "What serves now", indent="    ")
        yield Paragraph(failure.next, None, "What to do", indent="    ")

    def over(self, event: ApplyFinished, table: Sequence[str]) -> tuple[str, ...]:
        """The lines for the last event, with a table in place of the lists of environments."""
        untold = [
            line for told in self._untold(event) for line in self._setter.lines(told, event.time)
        ]
        parted = [""] if untold and table and table[0] else []
        return (*untold, *parted, *table, *self._lines([self._end(event)], event.time))

    def _over(self, event: ApplyFinished) -> Iterator[Paragraph]:
        yield from self._untold(event)
        if not self._is_back(event):
            yield from ended(event)
        yield self._end(event)

    def _untold(self, event: ApplyFinished) -> Iterator[Paragraph]:
        for each in event.failures:
            if each.failure not in self._failures | self._elsewhere:
                place = "/".join(filter(None, (each.model, each.environment)))
                yield Paragraph(how_it_ended(event, place), "bad", place or "the run")
                yield from self._failure(each.failure)

    def _end(self, event: ApplyFinished) -> Paragraph:
        idle = self._idle and event.exit_code == 0
        took = f"after {duration(event.seconds)}" if event.seconds is not None else ""
        meaning = outcome(event, undone=self._undone is not None)
        verb = "Rollback" if self._back else "Apply"
        if event.exit_code:
            code = ", ".join(filter(None, (f"exit {event.exit_code}", took)))
            text = f"{verb}: {meaning} ({code})."
        elif self._undone is not None and self._is_back(event):
            again = f"deployment {self._undone.serving} serves {self._back} again, confirmed"
            text = f"Rollback: {' '.join(filter(None, (again, took)))}; the other is held."
        else:
            text = f"{verb}: {' '.join(filter(None, (meaning, took)))}."
        text = f"{verb}: there was nothing to do." if idle else text
        return Paragraph(text, "bad" if event.exit_code else "heading")

    def _is_back(self, event: ApplyFinished) -> bool:
        """Whether a rollback by hand did what it is for, which the last line says whole."""
        done = self._undone is not None and self._undone.confirmed and bool(self._back)
        return done and event.exit_code == 0


def render(
    events: Iterable[ApplyEvent],
    style: Style = plain,
    width: int = WIDTH,
    elsewhere: Iterable[Failure] = (),
) -> str:
    """A whole apply, with the time of every event; ``elsewhere`` as a ``Teller`` takes it."""
    teller = Teller(style, times=True, clock=True, width=width, elsewhere=elsewhere)
    return "".join(f"{line}\n" for event in events for line in teller(event))
