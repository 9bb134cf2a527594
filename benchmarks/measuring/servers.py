"""Servers to measure against, each a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment() -> dict[str, str]:
    """The variables of this process, with this checkout on the path of imports.

    Byte code is kept, as it is where the project is installed.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **{key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": path,
    }


@contextmanager
def server(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of this Python, ended afterwards."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def emulator(models: int, *options: str) -> Iterator[tuple[int, dict[str, str]]]:
    """A seeded emulator: its process and the variables that lead to it."""
    with server("-m", "gitops", "emulator", "--seed", str(models), *options) as process:
        variables = {}
        for line in process.stdout or ():
            name, _, value = shlex.split(line)[1].partition("=")
            variables[name] = value
            if name == "AWS_ENDPOINT_URL_S3":
                break
        else:
            raise SystemExit("the emulator did not start")
        yield process.pid, variables
