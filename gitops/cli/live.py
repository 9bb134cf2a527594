"""The live view painted: a frame that stays at the bottom of a terminal while an apply runs.

Between two paintings the cursor stands at the frame's first cell. Whatever a resized terminal does
with the lines below it, wrapping them anew or cutting them off, the cursor stays at that cell: what
is below is erased and painted again, and nothing above is touched. That is also why this is not
`rich.live`, which leaves the cursor below its lines and counts upwards: they are more by then.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import FrameType
from typing import Any, Final

from gitops.plan.events import ApplyEvent
from gitops.render.board import Board, heard
from gitops.render.live import ASCII, UNICODE, Glyphs, frame
from gitops.render.palette import Style

TICK: Final = 0.1
"""Seconds between two looks at whether something has changed."""

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_CUT, _WRAP = "\x1b[?7l", "\x1b[?7h"
_TOGETHER, _APART = "\x1b[?2026h", "\x1b[?2026l"
_REST_OF_LINE, _REST = "\x1b[K", "\x1b[J"
_LEAVING: Final = (signal.SIGTSTP, signal.SIGQUIT)


def glyphs_for(encoding: str) -> Glyphs:
    """The signs that an encoding has."""
    signs = "".join((*(sign for _, sign in UNICODE.marks), UNICODE.full, UNICODE.rest))
    try:
        f"{signs}{UNICODE.arrow}{UNICODE.more}{UNICODE.dot}".encode(encoding)
    except (UnicodeError, LookupError):
        return ASCII
    return UNICODE


def in_foreground(descriptor: int) -> bool:
    """Whether the terminal is ours to paint on: a job in the background leaves it alone."""
    try:
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


class LiveView:
    """Events and sentences in, from any thread; a frame on the terminal, by a thread of its own.

    A terminal that is slow, stopped or gone never holds up who tells it something.
    """

    def __init__(
        self, descriptor: int, *, encoding: str, style: Style, board: Board | None = None
    ) -> None:
        self._descriptor = descriptor
        self._encoding = encoding
        self._style = style
        self.glyphs = glyphs_for(encoding)
        # Appending is atomic: a signal handler may do so whatever it interrupts.
        self._inbox: deque[ApplyEvent | str] = deque()
        self._said: list[str] = []
        self._board = board or Board()
        self._stopping = ""
        self.talked = False
        """Whether lines were put above the frame."""
        # Reentrant, since a signal handler paints too.
        self._painting = threading.RLock()
        self._painted: tuple[list[str], os.terminal_size] | None = None
        self._entered = False
        self._gone = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._paint_on, name="live view", daemon=True)
        self._modes: list[Any] | None = None
        self._handlers: dict[signal.Signals, Callable[..., object] | int | None] = {}

    def start(self) -> None:
        """Paint from now on. Only from the main thread, which alone may handle signals."""
        self.enter()
        self._said.append("\n")
        for number in _LEAVING:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._handlers[number] = signal.signal(number, self._leave_for)
        self._thread.start()

    def hear(self, event: ApplyEvent) -> None:
        """Take an event into account."""
        self._inbox.append(event)

    def say(self, text: str) -> None:
        """Put safe lines above the frame, where they stay. Also from a signal handler."""
        self._inbox.append(text)

    def stops(self, why: str) -> None:
        """Show that the run is to stop. Also from a signal handler."""
        self._stopping = why

    def close(self) -> Board:
        """Paint no more, leave what was said and no frame; where everything ended."""
        self._over.set()
        self._thread.join()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()
        self.leave()
        return self._board

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Without a frame, with a cursor and an echo: for a question."""
        self.leave()
        try:
            yield
        finally:
            self.enter()

    def enter(self) -> None:
        """Paint again. The first painting takes the terminal: until then it may be a shell's."""
        with self._painting:
            self._entered = True

    def leave(self) -> None:
        """Give the terminal back as it was, with all that was said and without the frame."""
        with self._painting:
            self._take()
            if not self._entered:
                return
            self._entered = False
            spoken = self._spoken()
            if self._painted is None:
                self._write(spoken)
                return
            self._painted = None
            self._write(f"\r{_REST}{spoken}{_WRAP}{_SHOW}")
            if self._modes is not None:
                with suppress(termios.error):
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, self._modes)
                self._modes = None

    def _quiet(self) -> None:
        """Echo nothing. Keys that mean a signal still do, and lines are kept for who reads next."""
        try:
            self._modes = termios.tcgetattr(self._descriptor)
            modes = termios.tcgetattr(self._descriptor)
            modes[3] &= ~termios.ECHO
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)
        except termios.error:
            self._modes = None

    def _leave_for(self, number: int, _: FrameType | None) -> None:
        """Before a stop (Ctrl-Z) or a kill from the keyboard does what it does."""
        self.leave()
        own = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        # Only a stopped process comes here, once it goes on.
        signal.signal(number, own)
        self.enter()

    def _paint_on(self) -> None:
        shown: tuple[object, ...] = ()
        while not self._over.wait(TICK):
            with self._painting:
                new = self._take()
                if not self._entered or not in_foreground(self._descriptor):
                    continue
                now = datetime.now(tz=UTC)
                size = self._size()
                state = (size, self._stopping, int(now.timestamp()))
                if new or state != shown:
                    shown = state
                    self._paint(now, size)

    def _take(self) -> bool:
        new = bool(self._inbox)
        while self._inbox:
            each = self._inbox.popleft()
            if isinstance(each, str):
                self.talked = True
                self._said.append(each)
            else:
                self._board = heard(self._board, each)
        return new

    def _paint(self, now: datetime, size: os.terminal_size) -> None:
        # A line as wide as the terminal would leave the cursor neither on it nor below.
        board = self._board
        lines = [
            # An empty line parts the frame from what was said.
            *([""] if self.talked else []),
            *frame(
                replace(board, stopping=self._stopping) if self._stopping else board,
                now,
                width=size.columns - 1,
                height=max(size.lines * 2 // 3, min(size.lines - 1, 8)) - 1,
                style=self._style,
                glyphs=self.glyphs,
            ),
        ]
        if not self._said and self._painted == (lines, size):
            return
        taken = ""
        if self._painted is None:
            self._quiet()
            taken = _HIDE
        moved = self._painted is None or self._painted[1] != size or bool(self._said)
        self._painted = (lines, size)
        body = f"{_REST_OF_LINE}\r\n".join(lines)
        back = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        above = f"{_REST}{self._spoken()}" if moved else ""
        self._write(f"{taken}{_TOGETHER}\r{above}{_CUT}{body}{_REST}\r{back}{_WRAP}{_APART}")

    def _spoken(self) -> str:
        said = "".join(self._said).replace("\n", "\r\n")
        self._said.clear()
        return said

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._descriptor)
        except OSError:
            return os.terminal_size((80, 24))
        return os.terminal_size((size.columns or 80, size.lines or 24))

    def _write(self, text: str) -> None:
        """Past every buffer: a signal handler must be able to write while another write waits."""
        data = text.encode(self._encoding, errors="replace")
        while data and not self._gone:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError:
                # The terminal is gone; the apply is not.
                self._gone = True
