"""The live view on a real terminal: tmux, whose window changes its size while an apply runs."""

from __future__ import annotations

import re
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.trouble import Trouble, trouble
from tests.echo import STAGING, release, truss
from tests.patience import HANGS


class Window:
    """A tmux server of its own with one window. ``text`` is all that was ever in it."""

    def __init__(self, folder: Path, made: Trouble) -> None:
        self._socket = str(folder / "tmux")
        self._environ = made.variables(TERM="xterm-256color")
        self._directory = made.work.path

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *arguments],
            env=self._environ,
            capture_output=True,
            encoding="utf-8",
            timeout=HANGS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    @contextmanager
    def running(self, command: str) -> Iterator[None]:
        """The command in a window of 100 columns; when it ends, the window stays."""
        # Ctrl-C is for the command, and the shell goes on.
        shell = f"sh -c 'trap : INT; {command}; echo ended with $?; read -r line'"
        size = ("-x", "100", "-y", "30")
        self.tmux("new-session", "-d", *size, "-c", str(self._directory), shell)
        try:
            yield
        finally:
            self.tmux("kill-server")

    @property
    def text(self) -> str:
        return self.tmux("capture-pane", "-p", "-S", "-")

    def until(self, holds: Callable[[str], object]) -> str:
        """Wait until it holds of the text, and give that text."""
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            text = self.text
            assert "internal error" not in text, text
            if holds(text):
                return text
        pytest.fail(f"it never came to hold of\n{self.text}")

    def resize(self, columns: int, rows: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def ask(self, name: str) -> str:
        return self.tmux("display-message", "-p", f"#{{{name}}}").strip()

    def is_left_as_it_was(self) -> bool:
        """A cursor, an echo, and lines that are broken at the end."""
        with Path(self.ask("pane_tty")).open() as terminal:
            echoes = termios.tcgetattr(terminal)[3] & termios.ECHO
        return bool(echoes) and (self.ask("cursor_flag"), self.ask("wrap_flag")) == ("1", "1")


def titles(text: str) -> list[str]:
    """The first line of every frame that is to be seen."""
    return [line for line in text.splitlines() if line.startswith("applying ")]


def painted_for(columns: int) -> Callable[[str], object]:
    """One frame is there, whole, and as wide as the terminal is now."""

    def holds(text: str) -> bool:
        rows = [line for line in text.splitlines() if re.search(r"^● triage/\S+ +deploying", line)]
        headings = [line for line in text.splitlines() if line.startswith("  ENVIRONMENT ")]
        widths = [len(line) for line in (*titles(text), *headings)]
        return widths == [columns - 1] * 2 and len(rows) == 1

    return holds


@pytest.mark.needs("tmux")
def test_a_window_that_changes_its_size_shows_one_frame_and_then_the_summary(
    tmp_path: Path,
) -> None:
    with trouble(tmp_path, truss(), release(STAGING)) as made:
        # It starts when the test has looked long enough.
        made.emulator.fault(kind="no_capacity", model="^triage$")
        window = Window(tmp_path, made)
        apply = f"{sys.executable} -m gitops apply --yes"
        with window.running(f"{apply}; {apply}"):
            for columns, rows in ((60, 12), (120, 40), (50, 9), (80, 24)):
                window.resize(columns, rows)
                window.until(painted_for(columns))
                assert window.ask("cursor_flag") == "0"
            window.tmux("send-keys", "C-c")
            window.until(lambda text: "Apply: interrupted (exit 130" in text)
            window.until(titles)
            made.emulator.call(made.emulator.world.faults.lift, "no_capacity")
            text = window.until(lambda text: "ended with " in text)
            assert window.is_left_as_it_was()
        assert made.serving("staging")
    assert titles(text) == []
    assert "ENVIRONMENT" not in text
    first, last = text.split("Apply: interrupted")
    assert re.search(r"^→ triage/staging +goes on at Baseten +\d+", first, re.MULTILINE)
    *_, row, verdict, _ = last.rstrip().splitlines()
    assert re.fullmatch(r"✓ triage/staging +released, deployment \w+ serves +[\dms. ]+", row)
    assert re.fullmatch(r"Apply: done after [\dms. ]+\.", verdict)
