"""The live view painted on a pseudo-terminal, and how it gives that back."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from gitops.apply.clock import StopFlag
from gitops.cli import live
from gitops.cli.context import Context
from gitops.cli.live import LiveView, glyphs_for
from gitops.cli.terminal import Terminal
from gitops.plan.events import ActionStarted, ApplyFinished, ApplyStarted
from gitops.render.live import ASCII, UNICODE
from gitops.render.palette import plain
from tests.patience import HANGS

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BEGUN = ApplyStarted(
    time=START,
    commit="4be1c02f0c5d",
    api_url="https://api.baseten.co",
    workspace="acme",
    environments=("qwen/staging",),
)
STEP = ActionStarted(
    time=START, model="qwen", environment="staging", action="qwen/staging/check", kind="check"
)
OVER = ApplyFinished(time=START, exit_code=0, converged=("qwen/staging",))


class Glass:
    """The person's side of a pseudo-terminal."""

    def __init__(self) -> None:
        self._master, self.descriptor = pty.openpty()
        # A read may end in the middle of a sign.
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.heard = ""

    def until(self, *words: str) -> str:
        """Read until all of these were written."""
        return self.until_it_holds(lambda heard: all(word in heard for word in words))

    def until_it_holds(self, holds: Callable[[str], object]) -> str:
        """Read until it holds of all that was written."""
        deadline = time.monotonic() + HANGS
        while not holds(self.heard):
            assert time.monotonic() < deadline, self.heard
            if select.select([self._master], [], [], 0.2)[0]:
                self._read()
        return self.heard

    def drain(self) -> None:
        """Read what was written so far."""
        while select.select([self._master], [], [], 0)[0]:
            self._read()

    def _read(self) -> None:
        self.heard += self._decoder.decode(os.read(self._master, 65536))

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.descriptor)[3] & termios.ECHO)

    def vanish(self) -> None:
        os.close(self._master)

    def close(self) -> None:
        for each in (self._master, self.descriptor):
            try:
                os.close(each)
            except OSError:
                continue


@pytest.fixture
def glass(monkeypatch: pytest.MonkeyPatch) -> Iterator[Glass]:
    glass = Glass()
    # No test has a controlling terminal of its own.
    monkeypatch.setattr(live, "in_foreground", lambda _: True)
    yield glass
    glass.close()


@contextmanager
def view(glass: Glass) -> Iterator[LiveView]:
    painted = LiveView(glass.descriptor, encoding="utf-8", style=plain)
    painted.start()
    try:
        yield painted
    finally:
        painted.close()


def test_it_takes_the_terminal_and_gives_it_back(glass: Glass) -> None:
    with view(glass) as painted:
        painted.hear(BEGUN)
        painted.hear(STEP)
        glass.until("\x1b[?25l", "applying 4be1c02f0c5d to acme", "● qwen/staging")
        assert not glass.echoes
        painted.say("a sentence that stays\n")
        glass.until("a sentence that stays\r")
    assert glass.until("\x1b[?25h").rstrip().endswith("\x1b[J\x1b[?7h\x1b[?25h")
    assert glass.echoes


def test_a_question_has_the_terminal_to_itself(glass: Glass) -> None:
    with view(glass) as painted:
        painted.hear(BEGUN)
        glass.until("applying")
        with painted.aside():
            assert glass.echoes
            glass.until("\x1b[?25h")
            asked = len(glass.heard)
            painted.hear(STEP)
            os.write(glass.descriptor, b"Apply this? [y/N]: ")
            glass.until("[y/N]: ")
            # Long enough for a painting, were there one.
            assert not select.select([glass._master], [], [], 3 * live.TICK)[0]
            assert glass.heard[asked:] == "Apply this? [y/N]: "
        glass.until("● qwen/staging")
        assert not glass.echoes


def test_what_was_said_last_is_not_lost(glass: Glass) -> None:
    with view(glass) as painted:
        painted.say("the last word\n")
    glass.until("the last word\r")


def test_a_terminal_that_is_gone_does_not_hold_up_the_apply(glass: Glass) -> None:
    with view(glass) as painted:
        painted.hear(BEGUN)
        glass.until("applying")
        glass.vanish()
        painted.hear(STEP)
        painted.say("nobody reads this\n")


def test_a_job_in_the_background_leaves_the_terminal_alone(
    glass: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    with view(glass) as painted:
        painted.hear(BEGUN)
        glass.until("applying")
        looked = threading.Event()
        monkeypatch.setattr(live, "in_foreground", lambda _: looked.set() or False)
        assert looked.wait(HANGS)
        glass.drain()
        painted.hear(STEP)
        painted.stops("stopping (SIGINT)")
        assert not select.select([glass._master], [], [], 3 * live.TICK)[0]
        monkeypatch.setattr(live, "in_foreground", lambda _: True)
        glass.until("● qwen/staging", "stopping (SIGINT)")


def test_a_window_that_got_narrower_is_painted_anew_from_the_frame_on(glass: Glass) -> None:
    with view(glass) as painted:
        painted.hear(BEGUN)
        glass.until("qwen/staging", "TIME")
        before = len(glass.heard)
        fcntl.ioctl(glass.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
        # Frames that only tell another second may come before it.
        anew = re.compile(r"\x1b\[\?2026h\r\x1b\[J(.*?)\x1b\[\?2026l", re.DOTALL)
        heard = glass.until_it_holds(lambda heard: anew.search(heard, before))
        [again] = anew.findall(heard, before)
        lines = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", again).split("\r\n")
        assert max(len(line.strip("\r")) for line in lines[-3:]) == 49


@pytest.mark.parametrize(
    ("encoding", "glyphs"),
    [("utf-8", UNICODE), ("ascii", ASCII), ("latin-1", ASCII), ("no-such", ASCII)],
)
def test_signs_that_an_encoding_lacks_are_not_used(encoding: str, glyphs: object) -> None:
    assert glyphs_for(encoding) is glyphs


class OnTerminal:
    """stderr as a terminal."""

    encoding = "utf-8"

    def __init__(self, glass: Glass) -> None:
        self._glass = glass

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._glass.descriptor

    def write(self, text: str) -> int:
        return os.write(self._glass.descriptor, text.encode())

    def flush(self) -> None:
        """Nothing is kept back."""


@contextmanager
def stderr_on(glass: Glass) -> Iterator[None]:
    """stderr is a terminal. No fixture: pytest captures anew between a fixture and its test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", OnTerminal(glass))
        yield


@pytest.mark.parametrize(
    ("form", "environ"),
    [
        ("text", {"TERM": "dumb"}),
        ("text", {}),
        ("text", {"TERM": "xterm", "CI": "true"}),
        ("json", {"TERM": "xterm"}),
    ],
)
def test_where_lines_cannot_be_written_twice_they_are_written_once(
    form: Literal["text", "json"],
    environ: dict[str, str],
    glass: Glass,
    tmp_path: Path,
) -> None:
    context = Context(tmp_path, environ)
    with stderr_on(glass), Terminal(context, form=form, yes=True) as terminal:
        for event in (BEGUN, STEP, OVER):
            terminal.emit(event)
        terminal.say("to be read afterwards")
    heard = glass.until("to be read afterwards")
    assert not re.search("\x1b\\[[^m]*[^0-9;m]", heard)
    assert form == "json" or "qwen/staging:" in heard
    assert "\x1b" not in heard or "TERM" not in environ


def test_a_view_without_colour_is_still_a_view(
    glass: Glass, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    context = Context(tmp_path, {"TERM": "xterm", "NO_COLOR": "1"})
    with stderr_on(glass), Terminal(context, form="text", yes=True) as terminal:
        terminal.emit(BEGUN)
        terminal.emit(STEP)
        glass.until("● qwen/staging")
        terminal.emit(OVER)
    glass.until("✓ qwen/staging")
    assert not re.search("\x1b\\[[0-9;]*m", glass.heard)
    # stdout is no terminal: the lists are for whoever reads it.
    assert "converged: qwen/staging\nApply: done.\n" in capsys.readouterr().out


@pytest.mark.parametrize("ignored", [False, True], ids=["closed", "nohup"])
def test_a_window_that_is_closed_stops_the_run_unless_nohup_was_asked_for(
    ignored: bool, tmp_path: Path
) -> None:
    handled = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in handled}
    stop = StopFlag()
    try:
        if ignored:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        Terminal(Context(tmp_path, {}), form="text", yes=True).stoppable(stop)
        signal.raise_signal(signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert stop.reason == ("" if ignored else "SIGHUP")


def test_an_apply_that_breaks_leaves_the_terminal_clean(glass: Glass, tmp_path: Path) -> None:
    context = Context(tmp_path, {"TERM": "xterm"})

    def breaks() -> None:
        with stderr_on(glass), Terminal(context, form="text", yes=True) as terminal:
            terminal.emit(BEGUN)
            glass.until("applying")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    glass.until("\x1b[?25h")
    assert glass.echoes
