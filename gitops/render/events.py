"""An apply while it runs, one line an event; what failed takes the lines of its three sentences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias, assert_never

from gitops.plan.actions import ActionKind, short
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
from gitops.render.palette import Role, Style, plain
from gitops.render.text import printable
from gitops.render.words import count, duration, instant

DOING: Final[dict[ActionKind, str]] = {
    "push": "pushes",
    "ready": "waits until ready",
    "check": "checks",
    "activate": "activates",
    "retry": "retries",
    "create_environment": "creates the environment",
    "update_settings": "sets",
    "cancel_promotion": "cancels a promotion",
    "promote": "promotes",
    "watch": "watches",
}
"""An action under way, as a verb."""

DONE: Final[dict[ActionKind, str]] = {
    "push": "pushed",
    "ready": "ready",
    "check": "checked",
    "activate": "activated",
    "retry": "retried",
    "create_environment": "environment created",
    "update_settings": "set",
    "cancel_promotion": "promotion cancelled",
    "promote": "promoted",
    "watch": "watched",
}
"""An action that went well, as a word."""

_Told: TypeAlias = tuple[str, Role | None]

EXIT_CODES: Final[dict[int, str]] = {
    0: "done",
    1: "failed",
    3: "a release was bad and was rolled back",
    4: "refused or blocked",
    5: "a candidate was not good enough; nothing was promoted",
    6: "another run was there first",
    7: "something still runs; the next apply continues",
    8: "a person is needed",
    130: "interrupted",
}
"""What an apply's exit code means."""


def json_line(event: ApplyEvent) -> str:
    """The event as one line of JSON, with its line break; other characters than ASCII escaped."""
    return json.dumps(to_json(event), ensure_ascii=True, allow_nan=False) + "\n"


class Teller:
    """Tells the events of one apply to people, line by line; every line is safe for a terminal.

    ``times`` puts the moment before each event. A failure is told once, however many events carry
    it (the last one repeats all of them, for scripts), and so is a reason that a model's next
    steps share.
    """

    def __init__(self, style: Style = plain, *, times: bool = False) -> None:
        self._style = style
        self._times = times
        self._told: set[Failure] = set()
        self._reasons: dict[str, str] = {}

    def __call__(self, event: ApplyEvent) -> tuple[str, ...]:
        """The lines for the next event; none of them holds a line break."""
        shown = [
            self._style(printable(text), role) if role else printable(text)
            for text, role in self._lines(event)
        ]
        if self._times and shown:
            shown[0] = f"{instant(event.time)} {shown[0]}"
        return tuple(shown)

    def _lines(self, event: ApplyEvent) -> Iterator[_Told]:
        if isinstance(event, ActionFinished | RollbackFinished) and event.failure is not None:
            if event.failure in self._told:
                yield from _told(replace(event, failure=None))
                return
            self._told.add(event.failure)
        if isinstance(event, ActionStarted):
            if self._reasons.get(event.model) == event.reason:
                event = replace(event, reason="")
            else:
                self._reasons[event.model] = event.reason
        if isinstance(event, ApplyFinished):
            for each in event.failures:
                if each.failure not in self._told:
                    place = "/".join(filter(None, (each.model, each.environment)))
                    yield f"{place or 'the run'}: failed", "bad"
                    yield from _failure(each.failure)
        yield from _told(event)


def render(events: Iterable[ApplyEvent], style: Style = plain) -> str:
    """A whole apply, with the time of every event."""
    teller = Teller(style, times=True)
    return "".join(f"{line}\n" for event in events for line in teller(event))


def _told(event: ApplyEvent) -> Iterator[_Told]:
    match event:
        case ApplyStarted():
            yield from _started(event)
        case ActionStarted():
            yield f"{_place(event)}: {DOING[event.kind]}{_after(event.reason)}", None
        case ActionProgress():
            figures = " ".join(
                filter(None, (event.status, "" if event.percent is None else f"{event.percent} %"))
            )
            yield f"{_place(event)}: {event.message}{f' ({figures})' if figures else ''}", "dim"
        case ActionFinished():
            yield from _finished(event)
        case RollbackStarted():
            to = f" to {event.to_deployment}" if event.to_deployment else ", with nothing to go to"
            yield (
                (
                    f"{_place(event)}: rolls back from {event.from_deployment}{to}"
                    f"{_after(event.reason)}"
                ),
                "bad",
            )
        case RollbackFinished():
            yield from _rolled_back(event)
        case LogEntry():
            kept = "; kept here, the next run pushes it" if event.kept else ""
            subject = event.subject or event.event
            yield f"{_place(event)}: log {short(event.entry)} {subject}{kept}", "dim"
        case ApplyFinished():
            yield from _over(event)
        case _:
            assert_never(event)


def _started(event: ApplyStarted) -> Iterator[_Told]:
    where = event.workspace or event.api_url
    dirty = " with uncommitted changes" if event.dirty else ""
    what = f"{count(event.actions, 'action')} in {count(len(event.models), 'model')}"
    yield f"apply of commit {short(event.commit)}{dirty} to {where}: {what}", "heading"


def _finished(event: ActionFinished) -> Iterator[_Told]:
    took = f" in {duration(event.seconds)}" if event.seconds is not None else ""
    match event.result:
        case "ok":
            yield f"{_place(event)}: {DONE[event.kind]}{took}{_after(event.message)}", "good"
        case "skipped":
            yield f"{_place(event)}: {event.kind} not needed{_after(event.message)}", "dim"
        case "failed":
            yield f"{_place(event)}: {event.kind} failed{took}{_after(event.message)}", "bad"
            yield from _failure(event.failure)
        case _:
            assert_never(event.result)


def _rolled_back(event: RollbackFinished) -> Iterator[_Told]:
    took = f" in {duration(event.seconds)}" if event.seconds is not None else ""
    serving = f"{event.serving} serves" if event.serving else "nothing serves"
    if event.confirmed:
        message = f"rolled back{took}, confirmed: {serving}{_after(event.message)}"
        yield f"{_place(event)}: {message}", "good"
    else:
        message = f"rollback not confirmed{took}: {serving}{_after(event.message)}"
        yield f"{_place(event)}: {message}", "bad"
    yield from _failure(event.failure)


def _failure(failure: Failure | None) -> Iterator[_Told]:
    if failure is None:
        return
    for line in failure.details:
        yield f"    | {line}", "dim"
    yield f"    What happened: {failure.happened}", None
    yield f"    What serves now: {failure.serves_now}", None
    yield f"    What to do: {failure.next}", None


def _over(event: ApplyFinished) -> Iterator[_Told]:
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
            yield f"{word}: {', '.join(names)}", role
    took = f" after {duration(event.seconds)}" if event.seconds is not None else ""
    meaning = EXIT_CODES.get(event.exit_code, "ended")
    code = "" if event.exit_code == 0 else f" (exit {event.exit_code})"
    yield f"Apply: {meaning}{took}{code}.", "heading"


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
