"""What a command that changes Baseten says, asks and hears while it does so."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final, Literal, Self

import click

from gitops.cli.context import Context
from gitops.cli.eventfile import over

if TYPE_CHECKING:
    from gitops.apply.clock import StopFlag
    from gitops.cli.live import LiveView
    from gitops.errors import GitopsError
    from gitops.pipeline.plan import Planned
    from gitops.plan.events import ApplyEvent, ApplyFinished
    from gitops.render.board import Board

_SIMPLE: Final = frozenset({"", "dumb", "unknown"})
"""Kinds of terminal on which no line can be written twice."""


_NOTHING_IS_LOST: Final = (
    "nothing new is started; what runs at Baseten goes on, and the next apply continues from "
    "there, also if this one is killed now"
)


@dataclass(slots=True)
class _Asking:
    """Whether a question stands on the terminal: then Ctrl-C answers it."""

    now: bool = False


class Terminal:
    """Results go to stdout, everything else to stderr.

    On a terminal the run is shown as a view that is painted anew while it goes on, and only what a
    person has to read afterwards stays; elsewhere there is a line for each event. Used as a context
    manager: however the block ends, the terminal is left as it was, and a stream of JSON events has
    its end. ``back``: the place that the run is to bring back by hand, where it is no apply.
    """

    def __init__(
        self, context: Context, *, form: Literal["text", "json"], yes: bool, back: str = ""
    ) -> None:
        from gitops.render.events import Teller
        from gitops.render.palette import chosen

        self._form = form
        self._yes = yes
        self._asking = _Asking()
        self._context = context
        self._style = chosen(colour=context.colour(err=True))
        self._width = context.width(err=True)
        self._lively = form == "text" and self._can_be_painted_on()
        self._progress = Teller(
            self._style,
            times=context.in_ci,
            clock=True,
            width=self._width,
            lasting=self._lively,
            back=back,
        )
        self._back = back
        self._view: LiveView | None = None
        self._gone: set[bool] = set()
        self._begun = self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        from gitops.errors import GitopsError

        if self._view is not None:
            view, self._view = self._view, None
            view.close()
        if isinstance(error, GitopsError | click.Abort | KeyboardInterrupt):
            self._end(error)

    def approve(self, planned: Planned) -> bool:
        """Show the plan on stderr, and ask. Raises ``Refused`` where nobody can be asked."""
        from gitops.render import plan_text

        shown = plan_text.render(planned.plan, self._style, self._width)
        return self.confirm(shown, "Apply this?", planned.warnings)

    def confirm(self, shown: str, question: str, warnings: Iterable[str] = ()) -> bool:
        """Show a text and warnings on stderr, and ask. Raises as ``approve`` does.

        A view that is there makes room for it. Enter answers with no; Ctrl-C and Ctrl-D are a
        ``click.Abort`` that says that nothing was changed: whoever asks has begun nothing.
        """
        from gitops.errors import Refused

        self._say(shown)
        for warning in warnings:
            self.say(warning)
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise Refused(
                "there is no terminal to ask on",
                hint="Look at the plan, and run it again with --yes.",
            )
        with self._aside():
            self._asking.now = True
            try:
                return click.confirm(question, default=False, err=True)
            except (click.Abort, KeyboardInterrupt):
                raise click.Abort("Nothing on Baseten was changed.") from None
            finally:
                self._asking.now = False

    def emit(self, event: ApplyEvent) -> None:
        """Tell an event. A reader that went away, or a full disk, does not stop an apply."""
        from gitops.plan.events import ApplyFinished, ApplyStarted
        from gitops.render.board import Board
        from gitops.render.events import json_line

        self._begun = True
        self._ended = isinstance(event, ApplyFinished)
        if self._form == "json":
            self._write(json_line(event), err=False)
            return
        if self._lively and isinstance(event, ApplyStarted):
            self._show(Board(title=f"rolling {self._back} back") if self._back else None)
        if self._view is not None:
            self._view.hear(event)
        if isinstance(event, ApplyFinished):
            self._finish(event)
            return
        if self._lively:
            # A line that stays is broken for the terminal as it is by now.
            self._progress.goes_on(self._style, self._context.width(err=True))
        self._say("".join(f"{line}\n" for line in self._progress(event)))

    def begin(self, title: str) -> None:
        """Show a view of something that is no apply: of its events until the block ends."""
        if self._lively:
            from datetime import UTC, datetime

            from gitops.render.board import Board

            self._show(Board(title=title, began=datetime.now(tz=UTC)))

    def say(self, text: str) -> None:
        """A warning for people."""
        from gitops.render.text import printable

        self._say(f"{printable(text)}\n")

    def stoppable(self, stop: StopFlag) -> None:
        """From now on, Ctrl-C, SIGTERM and a terminal that is closed ask the run to stop."""

        def handle(number: int, _: FrameType | None) -> None:
            if self._asking.now:
                raise KeyboardInterrupt
            name = signal.Signals(number).name
            again = stop.is_set
            stop.set(name)
            if self._view is not None:
                self._view.stops(f"{'still ' if again else ''}stopping ({name})")
                return
            # A CI runner may kill us seconds from now: what a person has to know is said first.
            told = "still stopping" if again else f"stopping: {_NOTHING_IS_LOST}"
            # A handler may interrupt a write to the same stream; the descriptor has no lock.
            with suppress(OSError):
                os.write(2, f"gitops: {name}, {told}\n".encode())

        signal.signal(signal.SIGINT, handle)
        signal.signal(signal.SIGTERM, handle)
        # Who starts a command with nohup wants it to go on.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, handle)

    def _can_be_painted_on(self) -> bool:
        if not sys.stderr.isatty() or self._context.in_ci:
            return False
        if self._context.environ.get("TERM", "") in _SIMPLE:
            return False
        from gitops.cli.live import in_foreground

        return in_foreground(sys.stderr.fileno())

    def _show(self, board: Board | None = None) -> None:
        from gitops.cli.live import LiveView

        self._view = LiveView(
            sys.stderr.fileno(),
            encoding=sys.stderr.encoding or "ascii",
            style=self._style,
            board=board,
        )
        self._view.start()

    def _finish(self, event: ApplyFinished) -> None:
        """The summary, on stdout. Where a view was, its last state takes the lists' place."""
        from gitops.render.palette import chosen

        view, self._view = self._view, None
        table: tuple[str, ...] = ()
        if view is not None:
            from gitops.render.live import closing

            board = view.close()
            width = self._context.width(err=True)
            rows = closing(board, width=width - 1, style=self._style, glyphs=view.glyphs)
            table = ("", *rows) if view.talked else tuple(rows)
        style = chosen(colour=self._context.colour())
        self._progress.goes_on(style, self._context.width())
        if view is not None and self._context.on_terminal:
            lines = self._progress.over(event, table)
        else:
            self._write("".join(f"{line}\n" for line in table), err=True)
            lines = self._progress(event)
        self._write("".join(f"{line}\n" for line in lines), err=False)

    @contextmanager
    def _aside(self) -> Iterator[None]:
        if self._view is None:
            yield
            return
        with self._view.aside():
            yield

    def _end(self, error: GitopsError | click.Abort | KeyboardInterrupt) -> None:
        """A stream of events has an end, also where nothing was begun."""
        if self._form == "json" and not self._ended:
            self.emit(over(error, begun=self._begun))

    def _say(self, text: str) -> None:
        if self._view is None:
            self._write(text, err=True)
        elif text:
            self._view.say(text)

    def _write(self, text: str, *, err: bool) -> None:
        stream = sys.stderr if err else sys.stdout
        if not text or err in self._gone:
            return
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            self._gone.add(err)
            # What is buffered goes nowhere, or Python would complain about it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
