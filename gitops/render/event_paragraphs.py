"""What one event of an apply says by itself; what was told before is the teller's to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from gitops.plan.actions import short
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    ApplyEvent,
    ApplyFinished,
    ApplyStarted,
    LogEntry,
    RollbackFinished,
    RollbackStarted,
)
from gitops.render.measurements import bounded
from gitops.render.palette import Role
from gitops.render.paragraphs import Paragraph
from gitops.render.words import count

_REFUSED: Final = 4

LISTED: Final = 4
"""Environments that are as Git wants them and still named one by one."""


def started(event: ApplyStarted, back: str) -> Paragraph:
    """What begins, and where; ``back`` is the place that a rollback by hand is about."""
    where = event.workspace or event.api_url
    if back:
        return Paragraph(f"rollback of {back} in {where}", "heading")
    dirty = " with uncommitted changes" if event.dirty else ""
    what = count(event.actions, "action") if event.actions else "nothing to change"
    return Paragraph(f"apply of commit {short(event.commit)}{dirty} to {where}: {what}", "heading")


def progressed(event: ActionProgress) -> str:
    """How far an action is, with its figures."""
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


def rests_on(event: ActionFinished) -> Iterator[Paragraph]:
    """What a verdict that is good rests on; of a bad one the sentences tell."""
    if event.result == "ok":
        for line in bounded(event.figures):
            yield Paragraph(line, "dim", indent="    ", rest="  ")


def ended(event: ApplyFinished) -> Iterator[Paragraph]:
    """The environments by how they ended: what is well first, then what is not."""
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
            yield Paragraph(f"{word}: {told}", role)


def how_it_ended(event: ApplyFinished, place: str) -> str:
    """How an environment ended that has something to say, as the lists below have it.

    An empty ``place`` is the whole run.
    """
    if not place and event.exit_code == _REFUSED:
        return "refused"
    others = {
        "blocked": event.blocked,
        "held": event.held,
        "rejected": event.rejected,
        "rolled back": event.rolled_back,
        "still running": event.running,
        "superseded": event.superseded,
    }
    return next((word for word, places in others.items() if place in places), "failed")


def lasts(event: ApplyEvent) -> bool:
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


def place_of(
    event: ActionStarted
    | ActionProgress
    | ActionFinished
    | RollbackStarted
    | RollbackFinished
    | LogEntry,
) -> str:
    """The environment that an event is about, or the model where it is about none."""
    return f"{event.model}/{event.environment}" if event.environment else event.model


def after(text: str) -> str:
    """``: text``, or nothing."""
    return f": {text}" if text else ""
