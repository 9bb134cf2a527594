"""The installed command against a real repository, a real remote and an emulator over HTTP.

    with trouble(tmp_path, truss(), release(STAGING)) as made:
        ended = made.gitops("plan")
        assert ended.code == 0, ended.err

Every call checks what holds for every call: no traceback, no raw control characters, exit 2 only
where it was asked for, and the API key in no byte of its output.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from gitops.emulator import Running, running
from tests import invariants
from tests.e2e.forked import Forked
from tests.e2e.told import Told, log_of
from tests.invariants import Noted, Traces
from tests.patience import HANGS
from tests.repositories import Repository

ROOT: Final = Path(__file__).resolve().parents[2]
SPEED: Final = 600.0
HARMFUL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Control characters but tab and line break, and what reorders or hides text."""
GITOPS: Final = ("gitops",)
INTERPRETER: Final = re.compile("PYTHON|LC_|LANG")
"""Variables that Python reads when it begins."""


@dataclass(frozen=True)
class Ended:
    """How a command ended. ``requests`` is what the emulator heard meanwhile."""

    code: int
    out: str
    err: str
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def writes(self) -> list[str]:
        """What was asked to change, as ``METHOD path``; looks at many things at once are reads."""
        return [
            f"{each['method']} {each['path']}"
            for each in self.requests
            if each["method"] != "GET" and not each["path"].startswith("/inference/")
        ]


@dataclass
class Trouble:
    """A work tree with a remote, and an emulator as Baseten."""

    work: Repository
    emulator: Running
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = GITOPS
    """The module that is run, and what it is told before everything else."""

    def commit(self, *files: Mapping[str, Any], message: str = "Change") -> str:
        """Commit these files, and push."""
        merged = {name: content for each in files for name, content in each.items()}
        commit = self.work.commit(merged, message)
        self.work.git("push", "-q", "origin", "HEAD:main")
        return commit

    def start(self, *arguments: str, cwd: Path | None = None, **environ: str | None) -> Process:
        """Run ``gitops ARGUMENTS`` beside the test. A variable that is None is not set."""
        return subprocess.Popen(
            [sys.executable, "-m", *self.command, *arguments],
            cwd=cwd or self.work.path,
            env=self.variables(**environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
        )

    def variables(self, **environ: str | None) -> dict[str, str]:
        """The environment variables of a command."""
        known = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            **self.emulator.environ(),
            **self.environ,
            **environ,
        }
        return {name: value for name, value in known.items() if value is not None}

    def gitops(self, *arguments: str, cwd: Path | None = None, **environ: str | None) -> Ended:
        """Run ``gitops ARGUMENTS`` to its end, in a process that need not import it anew.

        Where the interpreter itself is told something, it is a new one.
        """
        before = len(self.emulator.requests())
        process: Process | Forked
        if self.command != GITOPS or any(INTERPRETER.match(name) for name in environ):
            process = self.start(*arguments, cwd=cwd, **environ)
        else:
            process = Forked(
                arguments,
                cwd=cwd or self.work.path,
                env=self.variables(**environ),
                hurried=False,
            )
        out, err = process.communicate(timeout=HANGS)
        assert process.returncode is not None
        ended = Ended(process.returncode, out, err, self.emulator.requests()[before:])
        self.check(ended, detailed="--detailed-exitcode" in arguments)
        return ended

    def check(self, ended: Ended, *, detailed: bool = False) -> None:
        """What holds for every command, however it ended."""
        both = ended.out + ended.err
        assert "Traceback" not in both, both
        assert "gitops: internal error" not in both, both
        assert not HARMFUL.search(both), both
        assert self.emulator.api_key not in both
        assert self.emulator.api_key.partition(".")[2] not in both
        assert detailed or ended.code != 2, both

    def until(self, holds: Callable[[], bool], process: Process | None = None) -> None:
        """Wait until something holds, which a command that runs beside the test may bring about."""
        pause = threading.Event()
        while not holds():
            if process is not None and process.poll() is not None:
                assert holds(), process.communicate()
            pause.wait(0.01)

    def lift(self) -> None:
        """Lift all faults."""
        self.emulator.call(self.emulator.emulator.faults.lift)

    def apply(self, *arguments: str, **environ: str | None) -> Ended:
        """``gitops apply --yes``."""
        return self.gitops("apply", "--yes", *arguments, **environ)

    def environment(self, name: str = "production", model: str = "triage") -> Any:
        """An environment as the emulator has it."""
        models = self.emulator.call(list, self.emulator.world.models.values())
        [found] = (one for one in models if one.name == model)
        return found.environments[name]

    def serving(self, name: str = "production", model: str = "triage") -> str | None:
        """The id of the deployment that serves."""
        found: str | None = self.environment(name, model).current_id
        return found

    def clone(self, name: str) -> Repository:
        """Another clone of the same remote."""
        remote = Repository(self.folder / "remote.git")
        copy = remote.clone(self.folder / name)
        copy.git("remote", "set-url", "origin", str(remote.path))
        return copy

    def log(self, model: str = "triage") -> list[Told]:
        """A model's deploy log on the remote, oldest entry first."""
        return log_of(Repository(self.folder / "remote.git"), model)

    def traces(self, model: str = "triage") -> Traces:
        """What applies did to a model, as the audit log and the deploy log tell it."""
        headers = {"Authorization": f"Bearer {self.emulator.api_key}"}
        with httpx.Client(base_url=self.emulator.api_url, headers=headers, timeout=HANGS) as http:
            models = self.emulator.call(list, self.emulator.world.models.values())
            ids = {each.name: each.id for each in models}
            return invariants.traces(
                lambda path: http.get(path).raise_for_status().json(),
                ids[model],
                key_prefix=self.emulator.api_key.partition(".")[0],
                log=[Noted.of(each.body) for each in self.log(model)],
            )

    def entries(self) -> list[str]:
        """The deploy log on the remote, oldest first: the event of each entry's subject."""
        remote = Repository(self.folder / "remote.git")
        refs = remote.refs("refs/gitops/log")
        return [subject for ref in refs for subject in reversed(remote.log(ref))]

    def assert_key_nowhere(self) -> None:
        """The API key is in no file here, and in no object of either repository."""
        key = self.emulator.api_key.partition(".")[2].encode()
        for path in self.folder.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert key not in path.read_bytes(), path
        for place in self.folder.iterdir():
            if (place / ".git").is_dir() or (place / "HEAD").is_file():
                objects = Repository(place).run(
                    "cat-file", "--batch-all-objects", "--batch", "--buffer"
                )
                assert key not in objects, place


Process = subprocess.Popen[str]


@contextmanager
def trouble(folder: Path, *files: Mapping[str, Any], **options: Any) -> Iterator[Trouble]:
    """A repository with a first commit and a bare remote, and an emulator of its own."""
    merged = {name: content for each in files for name, content in each.items()}
    work = Repository.create(folder / "work", merged or {"README.md": "nothing yet\n"})
    work.publish(folder / "remote.git")
    with running(**{"speed": SPEED, "seed": 7, "rate_limits": False, **options}) as emulator:
        made = Trouble(work=work, emulator=emulator, folder=folder)
        yield made
        made.assert_key_nowhere()


def interrupt(process: Process, number: signal.Signals, when: str) -> tuple[str, str]:
    """Send a signal once a line of stdout holds ``when``; stdout and stderr in the end."""
    assert process.stdout is not None
    heard: list[str] = []
    for line in process.stdout:
        heard.append(line)
        if when in line:
            process.send_signal(number)
            break
    out, err = process.communicate(timeout=HANGS)
    return "".join(heard) + out, err
