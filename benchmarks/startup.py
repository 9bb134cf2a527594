"""Startup: what a person waits for before any command does something.

Measured: whole processes of `gitops --help`, `gitops --version` and `gitops validate --help`, from
start to exit, output thrown away.
Floor: the bare interpreter importing typing, json and argparse.
Goal: 3 times the floor. Byte code is written and read, as it is where the project is installed.

    python benchmarks/startup.py [--rounds N]
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from measuring.side_by_side import Case, compare, rounds_wanted

ROOT = Path(__file__).parent.parent
GOAL = 3.0


def process(command: list[str]) -> float:
    """Seconds that a process takes from start to exit."""
    environ = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    begun = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun


def gitops() -> list[str]:
    """The installed command; what it does, where the project runs without being installed."""
    script = Path(sys.executable).with_name("gitops")
    if script.exists():
        return [str(script)]
    return [sys.executable, "-c", "from gitops.cli.main import main; main()"]


def main() -> None:
    """Measure and print."""
    rounds = rounds_wanted(__doc__, 21)
    floor = [sys.executable, "-c", "import typing, json, argparse"]
    commands = (["--help"], ["--version"], ["validate", "--help"])
    compare(
        "Startup",
        [Case(name="floor: import typing, json, argparse", run=partial(process, floor))],
        [
            Case(
                name=" ".join(["gitops", *arguments]),
                run=partial(process, [*gitops(), *arguments]),
                goal=GOAL,
            )
            for arguments in commands
        ],
        rounds,
    )


if __name__ == "__main__":
    main()
