"""A job of CI that ran, and how one script of it is run: what both forges' runners here share.

What stands in for a machine of a job's own: a folder, the interpreter of the tests, `gitops` as
tests/e2e/ready.py forks it, and one installation for all jobs.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.patience import HANGS

INSTALL: Final = "python -m pip install "
"""What begins so is run by the first job alone: at a forge every job has a machine of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step that ran: `code` is 0 where it went well. Not `counts`: the job is green anyway."""

    name: str
    code: int
    output: str
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job that ran. `summary` is the Markdown that its steps wrote for the job's page."""

    name: str
    steps: tuple[Step, ...]
    summary: str = ""

    @property
    def failed(self) -> Step | None:
        """The step that failed, and with it the job."""
        return next((step for step in self.steps if step.code and step.counts), None)

    @property
    def green(self) -> bool:
        return self.failed is None

    @property
    def output(self) -> str:
        return "".join(f"== {step.name} ({step.code})\n{step.output}" for step in self.steps)


@dataclass(slots=True)
class Machine:
    """Where scripts are run. `environ` is what leads to the emulator, without its key.

    `command` is the folder that holds `gitops`.
    """

    environ: Mapping[str, str]
    command: Path
    secrets: tuple[str, ...]
    """What must be in no output."""
    installed: set[str] = field(default_factory=set)

    def run(
        self, script: list[str], *, name: str, folder: Path, variables: Mapping[str, str]
    ) -> Step:
        """Run commands in one shell, which ends with the first that fails."""
        lines = [line for line in script if line not in self.installed]
        process = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(lines)],
            cwd=folder,
            env=self._variables(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=HANGS,
            check=False,
        )
        for secret in self.secrets:
            assert secret not in process.stdout
        if process.returncode == 0:
            self.installed.update(line for line in lines if line.startswith(INSTALL))
        return Step(name=name, code=process.returncode, output=process.stdout)

    def _variables(self, own: Mapping[str, str]) -> dict[str, str]:
        folders = (str(self.command), str(Path(sys.executable).parent), os.environ["PATH"])
        path = os.pathsep.join(folders)
        return {**os.environ, "PATH": path, "CI": "true", **self.environ, **own}
