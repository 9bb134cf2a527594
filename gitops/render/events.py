"""An apply while it runs, one line an event; what failed takes the lines of its three sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
from gitops.render.event_words import DOING, DONE, failed, noun, outcome
from gitops.render.figures import way_back
from gitops.render.layout import WIDTH, safe, styled
from gitops.render.measurements import bounded
from gitops.render.palette import Role, Style, plain
from gitops.render.text import harmless
from gitops.render.words import count, duration, instant

LISTED: Final = 4
"""Environments that are as Git wants them and still named one by one."""

STILL: Final = timedelta(minutes=1)
"""How often a line comes again that says nothing new, or differs in its figures alone."""

_FIGURE: Final = re.compile(r"[0-9.]*[1-9][0-9.]*")


def json_line(event: ApplyEvent) -> str:
    """The event as one line of JSON, with its line break; other characters than ASCII escaped."""
    return harmless(json.dumps(to_json(event), allow_nan=False)) + "\n"


@dataclass(frozen=True, slots=True)
class _Told:
    """A paragraph. ``place`` is what it is about, ``indent`` what every line of it begins with."""

    text: str
    role: Role | None = None
    place: str = ""
    indent: str = ""
    rest: str = "    "


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
    ``lasting`` leaves out what a view on the terminal shows meanwhile.
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
    ) -> None:
        self._style = style
        self._times = times
        self._clock = clock
        self._width = width
        self._day: date | None = None
        self._failures: set[Failure] = set()
        self._reasons: set[tuple[str, str]] = set()
        self._lasting = lasting
        self._back = back
        self._promoted: set[str] = set()
        self._going_on: dict[str, _GoingOn] = {}
        self._idle = True
        self._undone: RollbackFinished | None = None

    def goes_on(self, style: Style, width: int) -> None:
        """What follows is read on another stream."""
        self._style, self._width = style, width

    def __call__(self, event: ApplyEvent) -> tuple[str, ...]:
        """The lines for the next event; none of them holds a line break."""
        if isinstance(event, ApplyStarted | ApplyFinished):
            self._back = self._back or event.back
        if self._lasting and not _lasts(event):
            self._idle = self._idle and not isinstance(event, ActionStarted | LogEntry)
            return ()
        return tuple(line for told in self._tell(event) for line in self._lines(told, event.time))

    def _lines(self, told: _Told, moment: datetime) -> Iterator[str]:
        # What is indented belongs to the line above.
        timed = self._times and not told.indent
        time = f"{self._style(self._instant(moment), 'dim')} " if timed else ""
        for number, line in enumerate(self._paragraph(told)):
            yield line if number else f"{time}{line}"

    def _paragraph(self, told: _Told) -> Iterator[str]:
        lead = safe(f"{told.place}:") if told.place else ""
        text = f"{lead} {safe(told.text)}" if lead else safe(told.text)
        return styled(
            text,
            self._style,
            told.role,
            self._width,
            lead="" if told.role == "dim" else lead,
            first=told.indent,
            rest=told.indent + told.rest,
        )

    def _instant(self, moment: datetime) -> str:
        if self._clock and moment.date() == self._day:
            return f"{moment:%H:%M:%S}"
        self._day = moment.date()
        return instant(moment)

    def _tell(self, event: ApplyEvent) -> Iterator[_Told]:
        match event:
            case ApplyStarted():
                yield _started(event, self._back)
            case ActionStarted():
                self._idle = False
                if self._back and event.kind == "watch":
                    # The way back says itself that it begins, and why.
                    return
                yield _Told(DOING[event.kind] + self._because(event), place=_place(event))
            case ActionProgress():
                self._reasons.add((event.model, event.message))
                yield from self._moved(event)
            case ActionFinished():
                yield from self._done(event)
            case RollbackStarted():
                to = f"to {event.to_deployment}" if event.to_deployment else "with nothing to go to"
                because = self._first_time(event.model, event.reason)
                text = f"rolls back from deployment {event.from_deployment} {to}{because}"
                yield _Told(text, "bad", _place(event))
            case RollbackFinished():
                self._undone = event
                yield from self._rolled_back(event)
            case LogEntry():
                self._idle = False
                kept = "; kept here, the next run pushes it" if event.kept else ""
                text = f"log {short(event.entry)} {self._subject(event)}{kept}"
                yield _Told(text, "held" if event.kept else "dim", _place(event))
            case ApplyFinished():
                yield from self._over(event)
            case _:
                assert_never(event)

    def _moved(self, event: ActionProgress) -> Iterator[_Told]:
        place, said = _place(event), _moved(event)
        shape = _FIGURE.sub("#", f"{event.kind} {event.message}"), event.status, event.percent
        last = self._going_on.get(place)
        if last is None or last.shape != shape:
            self._going_on[place] = _GoingOn(shape, event.time, event.time)
        elif event.time - last.told < STILL:
            return
        else:
            self._going_on[place] = _GoingOn(shape, last.since, event.time)
            said += f", for {duration((event.time - last.since).total_seconds())}"
        yield _Told(said, "dim", place)

    def _done(self, event: ActionFinished) -> Iterator[_Told]:
        if event.kind == "watch" and event.failure in self._failures:
            # The way back has told how this ended.
            return
        if event.kind == "promote" and event.result == "ok":
            self._promoted.add(_place(event))
        yield self._finished(event)
        yield from _figures(event)
        yield from self._failure(event.failure)

    def _because(self, event: ActionStarted) -> str:
        place = _place(event)
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

    def _finished(self, event: ActionFinished) -> _Told:
        took = duration(event.seconds) if event.seconds is not None else ""
        place = _place(event)
        match event.result:
            case "ok":
                within = f" in {took}" if took else ""
                return _Told(f"{DONE[event.kind]}{within}{_after(event.message)}", "good", place)
            case "skipped":
                return _Told(f"{noun(event.kind)} skipped{_after(event.message)}", "dim", place)
            case "failed":
                # The sentences below give the reason, if there are any.
                told = event.failure is not None and event.message in event.failure.happened
                because = "" if told else self._first_time(event.model, event.message)
                when = f" after {took}" if took else ""
                return _Told(f"{failed(event)}{when}{because}", "bad", place)
            case _:
                assert_never(event.result)

    def _rolled_back(self, event: RollbackFinished) -> Iterator[_Told]:
        took = f" in {duration(event.seconds)}" if event.seconds is not None else ""
        serving = f"deployment {event.serving} serves" if event.serving else "nothing serves"
        if event.confirmed:
            yield _Told(f"rolled back{took}, confirmed: {serving}", "good", _place(event))
        else:
            told = event.failure is not None and event.message in event.failure.happened
            because = "" if told else _after(event.message)
            text = f"rollback not confirmed{took}: {serving}{because}"
            yield _Told(text, "bad", _place(event))
        if seen := way_back(event.figures):
            yield _Told(seen, indent="    ", rest="  ")
        yield from self._failure(event.failure)

    def _failure(self, failure: Failure | None) -> Iterator[_Told]:
        if failure is None or failure in self._failures:
            return
        self._failures.add(failure)
        for line in failure.details:
            yield _Told(line, "dim", indent="    | ", rest="  ")
        yield _Told(failure.happened, None, "What happened", indent="    ")
        yield _Told(failure.serves_now, None, "What serves now", indent="    ")
        yield _Told(failure.next, None, "What to do", indent="    ")

    def over(self, event: ApplyFinished, table: Sequence[str]) -> tuple[str, ...]:
        """The lines for the last event, with a table in place of the lists of environments."""
        untold = [line for told in self._untold(event) for line in self._lines(told, event.time)]
        parted = [""] if untold and table and table[0] else []
        return (*untold, *parted, *table, *self._lines(self._end(event), event.time))

    def _over(self, event: ApplyFinished) -> Iterator[_Told]:
        yield from self._untold(event)
        if not self._is_back(event):
            yield from _lists(event)
        yield self._end(event)

    def _untold(self, event: ApplyFinished) -> Iterator[_Told]:
        for each in event.failures:
            if each.failure not in self._failures:
                place = "/".join(filter(None, (each.model, each.environment)))
                yield _Told(_how(event, place), "bad", place or "the run")
                yield from self._failure(each.failure)

    def _end(self, event: ApplyFinished) -> _Told:
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
        return _Told(text, "bad" if event.exit_code else "heading")

    def _is_back(self, event: ApplyFinished) -> bool:
        """Whether a rollback by hand did what it is for, which the last line says whole."""
        done = self._undone is not None and self._undone.confirmed and bool(self._back)
        return done and event.exit_code == 0


def _lists(event: ApplyFinished) -> Iterator[_Told]:
    ends: tuple[tuple[str, tuple[str, ...], Role], ...] = (
        ("converged", event.converged, "good"),
        ("failed", event.failed, "bad"),
        ("rolled back", event.rolled_back, "bad"),
        ("rejected", event.rejected, "bad"),
        ("blocked", event.blocked, "bad"),
        ("held", event.held, "held"),
        ("still running", event.running, "change"),
        ("superseded", event.superseded, "held"),
    )
    for word, names, role in ends:
        if names:
            fold = word == "converged" and len(names) > LISTED
            told = count(len(names), "environment") if fold else ", ".join(names)
            yield _Told(f"{word}: {told}", role)


def _lasts(event: ApplyEvent) -> bool:
    """Whether a person has to be able to read it when all is over."""
    match event:
        case ActionFinished():
            return event.result == "failed"
        case LogEntry():
            return event.kept
        case RollbackStarted() | RollbackFinished() | ApplyFinished():
            return True
        case ApplyStarted() | ActionStarted() | ActionProgress():
            return False
        case _:
            assert_never(event)


def _how(event: ApplyFinished, place: str) -> str:
    """How an environment ended that has something to say, as the lists below have it."""
    others = {
        "blocked": event.blocked,
        "held": event.held,
        "rejected": event.rejected,
        "rolled back": event.rolled_back,
        "still running": event.running,
        "superseded": event.superseded,
    }
    return next((word for word, places in others.items() if place in places), "failed")


def render(events: Iterable[ApplyEvent], style: Style = plain, width: int = WIDTH) -> str:
    """A whole apply, with the time of every event."""
    teller = Teller(style, times=True, clock=True, width=width)
    return "".join(f"{line}\n" for event in events for line in teller(event))


def _figures(event: ActionFinished) -> Iterator[_Told]:
    """What a verdict that is good rests on; of a bad one the sentences tell."""
    if event.result == "ok":
        for line in bounded(event.figures):
            yield _Told(line, "dim", indent="    ", rest="  ")


def _started(event: ApplyStarted, back: str) -> _Told:
    where = event.workspace or event.api_url
    if back:
        return _Told(f"rollback of {back} in {where}", "heading")
    dirty = " with uncommitted changes" if event.dirty else ""
    what = count(event.actions, "action") if event.actions else "nothing to change"
    return _Told(f"apply of commit {short(event.commit)}{dirty} to {where}: {what}", "heading")


def _moved(event: ActionProgress) -> str:
    share = "" if event.percent is None else f"{event.percent}%"
    figures = ", ".join(
        filter(None, (" ".join(filter(None, (event.status, share))), _sizes(event)))
    )
    if event.kind == "ready" and event.status:
        return f"{event.message} is {event.status}"
    return f"{event.message}{f' ({figures})' if figures else ''}"


def _sizes(event: ActionProgress) -> str:
    """The replicas of both sides, where there are two."""
    old, new = event.replicas_old, event.replicas_new
    return "" if old is None or new is None else f"replicas {old} → {new}"


def _place(
    event: ActionStarted
    | ActionProgress
    | ActionFinished
    | RollbackStarted
    | RollbackFinished
    | LogEntry,
) -> str:
    return f"{event.model}/{event.environment}" if event.environment else event.model


def _after(text: str) -> str:
    return f": {text}" if text else ""
