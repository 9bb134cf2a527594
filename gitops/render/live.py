"""The live view of an apply: a board, a moment and a size in; lines for a terminal out. Pure.

Every line is safe to print and takes at most ``width`` cells, so that none is ever broken by the
terminal. Nothing here knows where the cursor is: ``gitops.cli.live`` paints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gitops.plan.actions import short
from gitops.render.board import Board, Mark, Row
from gitops.render.cells import cut, cut_place, fit, length
from gitops.render.layout import safe
from gitops.render.palette import Role, Style, plain
from gitops.render.words import count, duration

MOST: Final = 140
"""Columns beyond which a row is hard to follow with the eye."""

LISTED: Final = 12
"""Environments in which all went well and that are still named one by one in the end."""

_NARROW: Final = 36
"""Fewer columns than this are no table."""

_TIME: Final = 7
_GAP: Final = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """What is no letter, for terminals that have it and for those that do not."""

    marks: tuple[tuple[Mark, str], ...]
    full: str
    rest: str
    arrow: str
    more: str
    dot: str

    def mark(self, mark: Mark) -> str:
        """The sign of a row."""
        return dict(self.marks)[mark]


UNICODE: Final = Glyphs(
    marks=(
        ("waiting", "·"),
        ("running", "●"),
        ("done", "✓"),
        ("bad", "✗"),
        ("back", "←"),
        ("held", "○"),
        ("left", "→"),
    ),
    full="━",
    rest="─",
    arrow="→",
    more="…",
    dot="·",
)
ASCII: Final = Glyphs(
    marks=(
        ("waiting", "."),
        ("running", "*"),
        ("done", "+"),
        ("bad", "x"),
        ("back", "<"),
        ("held", "o"),
        ("left", ">"),
    ),
    full="=",
    rest="-",
    arrow=">",
    more="~",
    dot="-",
)

_ROLES: Final[dict[Mark, Role]] = {
    "waiting": "dim",
    "running": "change",
    "done": "good",
    "bad": "bad",
    "back": "bad",
    "held": "held",
    "left": "change",
}

_IN_SIGHT: Final[dict[Mark, int]] = {
    "running": 0,
    "left": 0,
    "bad": 1,
    "back": 1,
    "held": 2,
    "waiting": 3,
    "done": 4,
}
"""Which rows stay where there is no room for all: what moves, then what went wrong."""

_COUNTED: Final[tuple[tuple[str, tuple[Mark, ...]], ...]] = (
    ("under way", ("running", "left")),
    ("gone wrong", ("bad", "back")),
    ("held", ("held",)),
    ("waiting", ("waiting",)),
    ("done", ("done",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Widths in cells; 0: not shown."""

    name: int
    step: int
    bar: int
    share: int
    replicas: int


def frame(
    board: Board,
    now: datetime,
    *,
    width: int,
    height: int,
    style: Style = plain,
    glyphs: Glyphs = UNICODE,
) -> list[str]:
    """The view in at most ``height`` lines of at most ``width`` cells; what does not fit folds."""
    width, height = max(min(width, MOST), 1), max(height, 1)
    rows = tuple(board.rows.values())
    lines = [_title(board, now, width, style, glyphs)]
    if board.stopping:
        lines.append(style(cut(_stopping(board), width, more=glyphs.more), "bad"))
    room = height - len(lines)
    if width < _NARROW:
        shown, folded = _in_sight(rows, room)
        lines += [_short(row, width, style, glyphs) for row in shown]
    else:
        columns = _columns(rows, width, glyphs)
        if rows and room >= 3:
            lines.append(_heading(columns, style, glyphs))
            room -= 1
        shown, folded = _in_sight(rows, room)
        lines += [_row(row, now, columns, style, glyphs) for row in shown]
    if folded and room > 0:
        lines.append(style(cut(_fold(folded, glyphs, bool(shown)), width, more=glyphs.more), "dim"))
    return lines[:height]


def closing(
    board: Board, *, width: int, style: Style = plain, glyphs: Glyphs = UNICODE
) -> list[str]:
    """What stays on the terminal: how each environment ended in which something was done."""
    width = max(min(width, MOST), 1)
    every = tuple(board.rows.values())
    done = [row for row in every if row.mark == "done"]
    rows = every if len(done) <= LISTED else [row for row in every if row.mark != "done"]
    names = max((length(_name(row, width, glyphs)) for row in rows), default=0)
    name = min(names, max(width // 2, 12))
    text = max(width - 2 - name - 2 - 2 - _TIME, 0)
    lines = []
    for row in rows:
        told = f"{row.words}: {row.detail}" if row.detail else row.words
        if row.serving is not None:
            told = f"{told}, deployment {row.serving} serves"
        took = _took(row, row.ended)
        lines.append(
            _mark(row, style, glyphs)
            + style(fit(_name(row, name, glyphs), name, more=glyphs.more), "heading")
            + _GAP
            + style(fit(told, text, more=glyphs.more), _ROLES[row.mark])
            + _GAP
            + style(took.rjust(_TIME), "dim")
        )
    if len(done) > LISTED:
        kinds = Counter(row.words for row in done)
        told = ", ".join(f"{number} {words}" for words, number in kinds.most_common())
        told = cut(f"{count(len(done), 'environment')}: {told}", width - 2, more=glyphs.more)
        lines.append(style(glyphs.mark("done"), "good") + " " + style(told, "good"))
    if board.unchanged:
        others = f"{count(board.unchanged, 'environment')} as Git wants, without a change"
        lines.append(style(cut(f"  {others}", width, more=glyphs.more), "dim"))
    return lines


def _title(board: Board, now: datetime, width: int, style: Style, glyphs: Glyphs) -> str:
    done = sum(row.mark not in {"waiting", "running"} for row in board.rows.values())
    since = (board.ended or now) - (board.began or now)
    took = duration(max(int(since.total_seconds()), 0))
    counted = f"{done} of {len(board.rows)} done {glyphs.dot} "
    progress = counted if board.rows and not board.title else ""
    right = cut(f"{progress}{took}", width, more=glyphs.more)
    title = board.title or f"applying {short(board.commit)} to {board.target}"
    left = cut(title, max(width - length(right) - 2, 0), more=glyphs.more)
    space = " " * max(width - length(left) - length(right), 0)
    return style(left, "heading") + space + style(right, "dim")


def _stopping(board: Board) -> str:
    return f"{board.stopping}: nothing new begins; what was begun goes on at Baseten"


def _columns(rows: Sequence[Row], width: int, glyphs: Glyphs) -> _Columns:
    bar = 0 if width < 76 else 8 if width < 100 else 12
    share = 4 if width >= 44 else 0
    sizes = max((length(_replicas(row, glyphs)) for row in rows), default=0)
    replicas = max(8, min(sizes, 13)) if width >= 54 else 0
    taken = 2 + sum(
        each + len(_GAP) for each in (bar + share + (1 if bar else 0), replicas, _TIME) if each
    )
    left = max(width - taken - len(_GAP), 4)
    names = max((length(_name(row, width, glyphs)) for row in rows), default=0)
    # The step has room for most words; names are longer, and are told apart by their ends.
    step = 18 if left >= 44 else 13
    name = max(min(max(names, len("ENVIRONMENT")), max(left - step, left // 2)), 1)
    return _Columns(name=name, step=left - name, bar=bar, share=share, replicas=replicas)


def _heading(columns: _Columns, style: Style, glyphs: Glyphs) -> str:
    traffic = columns.share + (columns.bar + 1 if columns.bar else 0)
    cells = [
        "  " + fit("ENVIRONMENT", columns.name, more=glyphs.more),
        fit("STEP", columns.step, more=glyphs.more),
        fit("TRAFFIC" if columns.bar else "NEW", traffic) if traffic else "",
        fit("REPLICAS", columns.replicas) if columns.replicas else "",
        "TIME".rjust(_TIME),
    ]
    return style(_GAP.join(each for each in cells if each), "dim")


def _row(row: Row, now: datetime, columns: _Columns, style: Style, glyphs: Glyphs) -> str:
    over = row.mark in {"waiting", "done"}
    name = fit(_name(row, columns.name, glyphs), columns.name, more=glyphs.more)
    cells = [
        _mark(row, style, glyphs) + (style(name, "dim") if over else name),
        style(_step(row, columns.step, glyphs), "dim" if over else _ROLES[row.mark]),
    ]
    if columns.share:
        cells.append(_traffic(row, columns, style, glyphs))
    if columns.replicas:
        cells.append(fit(_replicas(row, glyphs), columns.replicas, more=glyphs.more))
    cells.append(style(_took(row, row.ended or now).rjust(_TIME), "dim"))
    return _GAP.join(cells)


def _short(row: Row, width: int, style: Style, glyphs: Glyphs) -> str:
    """A row where there is no room for columns."""
    told = f"{glyphs.mark(row.mark)} {row.words}, {row.place}"
    return style(cut(told, width, more=glyphs.more), _ROLES[row.mark])


def _mark(row: Row, style: Style, glyphs: Glyphs) -> str:
    return style(glyphs.mark(row.mark), _ROLES[row.mark]) + " "


def _name(row: Row, width: int, glyphs: Glyphs) -> str:
    return cut_place(row.model, row.environment, width, more=glyphs.more)


def _step(row: Row, width: int, glyphs: Glyphs) -> str:
    """What it does; with more about it where that can be read, not just begun."""
    words, detail = row.words, row.detail
    for more in (detail, detail.rpartition(", ")[2]):
        whole = f"{words}: {more}" if more else words
        if length(safe(whole)) <= width:
            return fit(whole, width, more=glyphs.more)
    if width - length(words) >= 24:
        return fit(f"{words}: {detail}", width, more=glyphs.more)
    return fit(words, width, more=glyphs.more)


def _traffic(row: Row, columns: _Columns, style: Style, glyphs: Glyphs) -> str:
    whole = columns.share + (columns.bar + 1 if columns.bar else 0)
    if row.share is None or row.mark in {"waiting", "held"}:
        return " " * whole
    share = max(0, min(row.share, 100))
    number = f"{share}%".rjust(columns.share)
    if not columns.bar:
        return number
    full = share * columns.bar // 100
    role: Role = "bad" if row.undoing or row.mark in {"bad", "back"} else "good"
    return (
        style(glyphs.full * full, role) + style(glyphs.rest * (columns.bar - full), "dim")
    ) + f" {number}"


def _replicas(row: Row, glyphs: Glyphs) -> str:
    if row.old is None and row.new is None:
        return ""
    old = "" if row.old is None else f"{row.old} "
    new = "" if row.new is None else f" {row.new}"
    return f"{old}{glyphs.arrow}{new}"


def _took(row: Row, until: datetime | None) -> str:
    if row.began is None or until is None:
        return ""
    return duration(max(int((until - row.began).total_seconds()), 0))


def _in_sight(rows: Sequence[Row], room: int) -> tuple[list[Row], list[Row]]:
    """The rows that are shown and those that are folded into a line of their own."""
    if len(rows) <= room:
        return list(rows), []
    first = sorted(range(len(rows)), key=lambda each: (_IN_SIGHT[rows[each].mark], each))
    kept = set(first[: max(room - 1, 0)])
    shown = [row for number, row in enumerate(rows) if number in kept]
    return shown, [row for number, row in enumerate(rows) if number not in kept]


def _fold(rows: Sequence[Row], glyphs: Glyphs, some: bool) -> str:
    counted = [
        f"{number} {word}"
        for word, marks in _COUNTED
        if (number := sum(row.mark in marks for row in rows))
    ]
    lead = f"{glyphs.more} and {len(rows)} more" if some else count(len(rows), "environment")
    return f"  {lead}: {', '.join(counted)}"
