"""Where an apply is: one row an environment, brought up to date by each event. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, TypeAlias, TypeVar, assert_never

from gitops.plan.actions import ActionKind
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
from gitops.render.event_words import DONE, failed

Mark: TypeAlias = Literal["waiting", "running", "done", "bad", "back", "held", "left"]
"""``back``: rolled back; ``left``: we went, and it goes on at Baseten."""

DOING: Final[dict[ActionKind, str]] = {
    "push": "pushing",
    "ready": "getting ready",
    "check": "checking",
    "activate": "activating",
    "retry": "retrying",
    "create_environment": "creating it",
    "update_settings": "changing settings",
    "cancel_promotion": "cancelling",
    "promote": "promoting",
    "watch": "watching",
}
"""An action under way, in a cell of its own."""

_STATUS: Final = {"RELEASING": "promoting", "SUCCEEDED": "promoting"}

_RESULTS: Final[dict[str, tuple[Mark, str]]] = {
    "released": ("done", "released"),
    "adopted": ("done", "adopted"),
    "settings": ("done", "settings changed"),
    "rolled_back": ("back", "rolled back"),
    "held": ("held", "held"),
    "rejected": ("bad", "rejected by its checks"),
    "unverified": ("bad", "does not pass its checks"),
}
"""Entries of the deploy log that end something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One environment; ``environment`` None: of a push, until it is known whose it is.

    ``share`` is the share of traffic, 0-100, of what the release brings, ``old`` and ``new`` are
    replicas before and after, ``serving`` the deployment that serves in the end. None: not known.
    """

    model: str
    environment: str | None
    mark: Mark = "waiting"
    words: str = "waiting"
    detail: str = ""
    share: int | None = None
    old: int | None = None
    new: int | None = None
    began: datetime | None = None
    ended: datetime | None = None
    undoing: bool = False
    serving: str | None = None

    @property
    def place(self) -> str:
        """``MODEL/ENV``."""
        return f"{self.model}/{self.environment}" if self.environment else self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """All rows, in the order of the run. ``stopping`` is what asked the run to stop, if anything.

    ``title`` is for what is no apply, whose events have one of their own.
    ``unchanged`` is how many environments were as Git wants them without anything being done.
    """

    title: str = ""
    commit: str = ""
    target: str = ""
    began: datetime | None = None
    ended: datetime | None = None
    rows: Mapping[str, Row] = field(default_factory=dict)
    stopping: str = ""
    unchanged: int = 0


def heard(board: Board, event: ApplyEvent) -> Board:
    """The board after an event."""
    match event:
        case ApplyStarted():
            rows = (
                Row(model=model, environment=environment)
                for model, _, environment in (tag.rpartition("/") for tag in event.environments)
            )
            return replace(
                board,
                commit=event.commit,
                target=event.workspace or event.api_url,
                began=event.time,
                rows={row.place: row for row in rows},
            )
        case ActionStarted():
            return _changed(board, event, _started)
        case ActionProgress():
            return _changed(board, event, _moved)
        case ActionFinished():
            return _changed(board, event, _finished)
        case RollbackStarted():
            return _changed(board, event, _going_back)
        case RollbackFinished():
            return _changed(board, event, _gone_back)
        case LogEntry():
            return _changed(board, event, _noted)
        case ApplyFinished():
            return _over(board, event)
        case _:
            assert_never(event)


_OfPlace: TypeAlias = (
    ActionStarted | ActionProgress | ActionFinished | RollbackStarted | RollbackFinished | LogEntry
)
_Event = TypeVar("_Event", bound=_OfPlace)


def _changed(board: Board, event: _Event, change: Callable[[Row, _Event], Row]) -> Board:
    rows = dict(board.rows)
    key = _row_of(rows, event)
    row = rows.pop(key) if key is not None and key == event.model and event.environment else None
    if row is not None:
        # What was pushed without a known environment turns out to be for this one.
        row = replace(row, environment=event.environment)
    elif key is not None:
        row = rows[key]
    else:
        row = Row(model=event.model, environment=event.environment)
    rows[row.place] = change(row, event)
    for other in rows.values():
        # A model's environments come one after the other.
        if other.model == row.model and other.place != row.place and other.mark == "running":
            rows[other.place] = replace(other, mark="done", ended=event.time)
    return replace(board, rows=rows)


def _row_of(rows: Mapping[str, Row], event: _OfPlace) -> str | None:
    if event.environment is not None:
        place = f"{event.model}/{event.environment}"
        return place if place in rows else event.model if event.model in rows else None
    # A push belongs to no environment: it is made for the one whose turn it is.
    own = [row for row in rows.values() if row.model == event.model]
    running = [row for row in own if row.mark == "running"]
    waiting = [row for row in own if row.mark == "waiting"]
    return next((row.place for row in (*running, *waiting)), None)


def _begun(row: Row, event: _OfPlace) -> Row:
    return replace(row, mark="running", began=row.began or event.time, ended=None)


def _started(row: Row, event: ActionStarted) -> Row:
    known = event.kind == "watch"
    return replace(
        _begun(row, event),
        words=DOING[event.kind],
        detail="",
        share=row.share if known else None,
        old=row.old if known else None,
        new=row.new if known else None,
        undoing=False,
    )


def _moved(row: Row, event: ActionProgress) -> Row:
    words, detail = row.words, event.message
    if row.undoing:
        words, detail = "rolling back", "" if event.message == "going back" else event.message
    elif event.kind == "ready" and event.status:
        words = event.status.lower().replace("_", " ")
    elif event.kind == "watch" and event.percent is not None and event.status:
        status = (event.status or "").upper()
        words = _STATUS.get(status, status.lower().replace("_", " ")) or "promoting"
    elif event.kind == "watch" and (event.percent is not None or event.status):
        words = "watching"
    share = row.share
    if event.percent is not None:
        share = 100 - event.percent if row.undoing else event.percent
    sized = event.replicas_old is not None or event.replicas_new is not None
    return replace(
        _begun(row, event),
        words=words,
        detail=detail.removeprefix("watching: ").removeprefix("watching"),
        share=share,
        old=event.replicas_old if sized else row.old,
        new=event.replicas_new if sized else row.new,
    )


def _finished(row: Row, event: ActionFinished) -> Row:
    match event.result:
        case "ok":
            serving = event.deployment_id if event.kind == "watch" else None
            return replace(
                _begun(row, event),
                words="created" if event.kind == "create_environment" else DONE[event.kind],
                detail="",
                serving=serving or row.serving,
            )
        case "skipped" if row.began is None:
            return replace(row, mark="held", words="not begun", detail=event.message)
        case "skipped":
            return replace(row, detail=event.message)
        case "failed" if row.mark in {"back", "bad"} and row.ended is not None:
            # What went wrong with it is told already, and how it ended.
            return row
        case "failed":
            return replace(
                row,
                mark="bad",
                words=failed(event),
                detail="",
                began=row.began or event.time,
                ended=event.time,
            )
        case _:
            assert_never(event.result)


def _going_back(row: Row, event: RollbackStarted) -> Row:
    return replace(_begun(row, event), words="rolling back", detail=event.reason, undoing=True)


def _gone_back(row: Row, event: RollbackFinished) -> Row:
    return replace(
        row,
        mark="back" if event.confirmed else "bad",
        words="rolled back" if event.confirmed else "rollback not confirmed",
        detail="",
        share=0 if event.confirmed else row.share,
        ended=event.time,
        undoing=False,
        serving=event.serving,
    )


def _noted(row: Row, event: LogEntry) -> Row:
    if event.event not in _RESULTS or row.mark in {"bad", "back"}:
        return row
    mark, words = _RESULTS[event.event]
    return replace(row, mark=mark, words=words, detail="", ended=event.time)


def _over(board: Board, event: ApplyFinished) -> Board:
    rows = dict(board.rows)
    ends: tuple[tuple[tuple[str, ...], Mark, str], ...] = (
        (event.failed, "bad", "failed"),
        (event.rolled_back, "back", "rolled back"),
        (event.rejected, "bad", "rejected by its checks"),
        (event.blocked, "bad", "blocked"),
        (event.held, "held", "held"),
        (event.running, "left", "goes on at Baseten"),
        (event.superseded, "held", "superseded by a newer commit"),
    )
    for places, mark, words in ends:
        for place in places:
            model, _, environment = place.rpartition("/")
            row = rows.get(place) or Row(model=model, environment=environment)
            told = row.mark in {"bad", "back"} and mark in {"bad", "back"}
            # What was taken out by hand is held, and what served before is back.
            told = told or (row.mark, mark) == ("back", "held")
            rows[place] = replace(
                row,
                mark=row.mark if told else mark,
                words=row.words if told else words,
                detail="" if row.began is not None else row.detail,
            )
    for place in {*event.converged} & rows.keys():
        row = rows[place]
        if row.mark not in {"done", "bad", "back", "held"}:
            words = row.words if row.began is not None else "as Git wants it"
            rows[place] = replace(row, mark="done", words=words, detail="")
    for place, row in rows.items():
        if row.mark in {"waiting", "running"}:
            words = "not begun" if row.began is None else row.words
            rows[place] = replace(row, mark="held", words=words)
    rows = {
        place: replace(row, ended=row.ended or event.time) if row.began else row
        for place, row in rows.items()
    }
    unchanged = sum(place not in rows for place in event.converged)
    return replace(board, rows=rows, ended=event.time, unchanged=unchanged)
