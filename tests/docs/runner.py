"""Runs a page: every command in order, in one repository, with one emulator as Baseten.

`gitops …` runs in this process, everything else in a shell. An emulator that a page starts runs in
this process as well, only faster, and watches are as short as that allows.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click

from gitops.cli.main import run
from gitops.emulator import Running, running
from gitops.emulator.command import command as emulator_command
from tests.docs.page import Block, Typed, edited, first_difference, shows, typed

SPEED: Final = 600.0
TRAFFIC: Final = 40.0
_OWN: Final = re.compile(r"gitops( [^|;&<>`$]*)?(?:> (?P<into>[\w./-]+))?")
_BACKGROUND: Final = re.compile(r"gitops (?P<arguments>emulator[^|;&<>]*)> (?P<into>\S+) &")
_WATCH: Final = re.compile(r"\bfor: 10s")
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Runner:
    """Where a page's commands run. `folder` is the shell's directory, which `cd` moves."""

    folder: Path
    stack: ExitStack
    emulator: Running | None = None
    last_code: int = 0
    out: str | None = None
    """The results of the last command alone, which is what most pages show of it."""
    names: dict[str, object] = field(default_factory=dict)
    instead: dict[str, Callable[[], None]] = field(default_factory=dict)
    """What a command with a reader's own names and keys comes to here."""
    seen: list[tuple[str, str]] = field(default_factory=list)
    """Every command with what it printed, for whoever writes a page."""

    def start(self, **options: object) -> Running:
        """Start an emulator of the page and put its variables into the environment."""
        self.emulator = self.stack.enter_context(running(speed=SPEED, **options))  # type: ignore[arg-type]
        os.environ.update(self.emulator.environ())
        return self.emulator

    def page(self, name: str, found: list[Block]) -> None:
        """Run all blocks of a page in order. A mistake names the page and the line."""
        for block in found:
            if block.not_run is not None:
                continue
            where = f"{name}:{block.line}"
            if block.path is not None and block.language == "diff":
                before = (self.folder / block.path).read_text(encoding="utf-8")
                self.write(block.path, edited(before, _WATCH.sub("for: 3s", block.text)))
            elif block.path is not None:
                self.write(block.path, block.text)
            elif block.language == "python":
                with contextlib.chdir(self.folder), contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(block.text, where, "exec"), self.names)  # noqa: S102
            elif block.language == "console":
                for each in typed(block):
                    self.step(where, each)
        self.has_succeeded(name)

    def write(self, path: str, text: str) -> None:
        """What a reader does with an editor."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_WATCH.sub("for: 3s", text), encoding="utf-8")

    def step(self, where: str, each: Typed) -> None:
        """One command: it prints what the page shows, and succeeds unless `echo $?` asks."""
        if each.command == "echo $?":
            self.out = None
            printed, self.last_code = f"{self.last_code}\n", 0
        else:
            self.out = None
            self.has_succeeded(where)
            self.last_code, printed = self.execute(each.command)
        self.seen.append((each.command, printed))
        fits = shows(each.prints, printed) or (
            self.out is not None and shows(each.prints, self.out)
        )
        assert fits or not each.prints.strip(), (
            f"{where}: $ {each.command}\nprinted\n{printed}\nwhere the page shows\n{each.prints}\n"
            f"They differ at: {first_difference(each.prints, printed)}"
        )

    def has_succeeded(self, where: str) -> None:
        """The last command, or what it printed is told."""
        told = "\n".join(self.seen[-1]) if self.seen else ""
        assert self.last_code == 0, (
            f"{where}: ended in {self.last_code}, which the page does not say:\n{told}"
        )

    def execute(self, command: str) -> tuple[int, str]:
        """The exit code and what was printed, both streams in order."""
        if command in self.instead:
            self.instead[command]()
            return 0, ""
        if started := _BACKGROUND.fullmatch(command):
            return 0, self.serve(started["arguments"], self.folder / started["into"])
        if own := _OWN.fullmatch(command):
            words = shlex.split(command.partition(" > ")[0])[1:]
            if words[0] == "emulator":
                if "--exec" in words:
                    return self.inside(words)
                return 0, self.serve(shlex.join(words), None)
            code, out, both = self.gitops(words)
            self.out = out
            if own["into"]:
                (self.folder / own["into"]).write_text(out, encoding="utf-8")
                return code, both.removeprefix(out) if both.startswith(out) else both
            return code, both
        return self.shell(command)

    def serve(self, arguments: str, into: Path | None) -> str:
        """An emulator that the page starts; its options are parsed as the command does it."""
        words = shlex.split(arguments)[1:]
        given = emulator_command.make_context("emulator", words).params
        self.start(traffic=TRAFFIC if given["traffic"] else 0.0)
        assert self.emulator is not None
        lines = [f"export {k}={shlex.quote(v)}\n" for k, v in self.emulator.environ().items()]
        if into is None:
            return "".join(lines)
        into.write_text("".join(lines), encoding="utf-8")
        for name in self.emulator.environ():
            os.environ.pop(name)
        return ""

    def inside(self, words: list[str]) -> tuple[int, str]:
        """A command inside of an emulator of its own."""
        split = words.index("--exec")
        given = emulator_command.make_context("emulator", words[1:split]).params
        inner = words[split + 1 :]
        assert inner[0] == "gitops", inner
        with (
            running(speed=SPEED, faults=given["faults"], seed=given["seed"]) as emulator,
            _variables(emulator.environ()),
        ):
            code, _, both = self.gitops(inner[1:])
        return code, both

    def gitops(self, words: list[str]) -> tuple[int, str, str]:
        """One call of the command: the code, stdout, and both streams as a terminal mixes them."""
        both, out = io.StringIO(), _Tee()
        out.also = both
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(both),
            _agreeing(),
        ):
            try:
                code = run(words)
            except click.exceptions.Exit as done:
                code = done.exit_code
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
        return code, out.getvalue(), both.getvalue()

    def shell(self, command: str) -> tuple[int, str]:
        """Anything else, in a shell that keeps its directory and variables for the next one."""
        reading, writing = os.pipe()
        script = f"{command}\ncode=$?\n{{ pwd; env -0; }} >&{writing}\nexit $code"
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with os.fdopen(reading, "rb") as state:
            try:
                done = subprocess.run(
                    ["bash", "-c", script],
                    cwd=self.folder,
                    env={**os.environ, "PATH": path},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=[writing],
                    text=True,
                    check=False,
                )
            finally:
                os.close(writing)
            folder, _, variables = state.read().partition(b"\n")
        if folder:
            self.folder = Path(os.fsdecode(folder))
            pairs = (os.fsdecode(each).partition("=") for each in variables.split(b"\0") if each)
            left = {"_", "PATH", "PWD", "OLDPWD", "SHLVL"}
            os.environ.update({name: value for name, _, value in pairs if name not in left})
        return done.returncode, done.stdout


class _Reader(io.StringIO):
    """Somebody at the terminal, who agrees."""

    def isatty(self) -> bool:
        return True

    def readline(self, *_: object) -> str:
        return "y\n"


class _Tee(io.StringIO):
    """Standard output, which is also part of what a terminal shows."""

    also: io.StringIO

    def write(self, text: str, /) -> int:
        self.also.write(text)
        return super().write(text)


@contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _agreeing() -> Iterator[None]:
    before, sys.stdin = sys.stdin, _Reader()
    try:
        yield
    finally:
        sys.stdin = before


@contextmanager
def open_runner(folder: Path) -> Iterator[Runner]:
    """A runner in an empty folder; environment and emulators are as before afterwards."""
    with ExitStack() as stack, _variables({}):
        yield Runner(folder=folder, stack=stack)
