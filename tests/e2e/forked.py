"""The command in a process that is forked from one that has imported it already.

Most of what a short run takes is its imports. Where a test kills the command a hundred times, each
run forks from a server that is ready instead: a process of its own all the same, with its own id,
signals, working directory and environment.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from tests.patience import HANGS

# Importing a module of tests in the server would import pytest too.
PRELOADED = [
    "boto3.session",
    "gitops.baseten.client",
    "gitops.baseten.upload",
    "gitops.cli.main",
    "gitops.cli.apply",
    "gitops.pipeline.apply",
    "gitops.wiring",
]


class Forked:
    """A run of the command, started where it is made; of `subprocess.Popen` what tests need."""

    def __init__(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str], hurried: bool
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forked-")
        self._streams = tuple(Path(self._folder.name) / name for name in ("out", "err"))
        self._process: ForkServerProcess = _context().Process(
            target=_run, args=(tuple(arguments), str(cwd), dict(env), hurried, self._streams)
        )
        # How it ended can be read once: by whoever waits for it, or by whoever killed it.
        self._one_reader = threading.Lock()
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        with self._one_reader:
            return self._process.exitcode

    def poll(self) -> int | None:
        """As `returncode`."""
        return self.returncode

    def wait(self, timeout: float) -> None:
        """Until it has ended; `timeout` in seconds."""
        assert connection.wait([self._process.sentinel], timeout), f"runs after {timeout} s"

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()

    def communicate(self, timeout: float = HANGS) -> tuple[str, str]:
        """Wait for its end: its output and its errors."""
        self.wait(timeout)
        out, err = (
            stream.read_text(errors="replace") if stream.exists() else ""
            for stream in self._streams
        )
        self._folder.cleanup()
        return out, err


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def _run(
    arguments: tuple[str, ...],
    cwd: str,
    env: dict[str, str],
    hurried: bool,
    streams: tuple[Path, Path],
) -> None:
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, path in enumerate(streams, start=1):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = ["gitops", *arguments]

    from gitops.apply.pace import Pace
    from gitops.cli.main import main

    if hurried:
        # An announced promotion that is not to be seen is looked for a minute before it counts as
        # never begun. Emulated promotions show at once, so that a second says as much.
        assert Pace.__init__.__kwdefaults__ is not None
        Pace.__init__.__kwdefaults__["visible"] = 1.0
    main()
