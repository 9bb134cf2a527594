"""A stage for whole runs of the command: a repository, a bare remote, Baseten as a process.

    with stage(tmp_path, files) as made:
        done = made.run("apply", "--yes", lane="first")
        made.environments("triage")["production"]["current_deployment"]

The command runs as a process of its own, through a `Gate` that can kill it (tests/e2e/gate.py).
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests import invariants
from tests.e2e.forked import Forked
from tests.e2e.gate import Gate, Kill, Sent, When
from tests.e2e.told import Told, log_of
from tests.invariants import Noted, Traces
from tests.patience import HANGS
from tests.repositories import Content, Repository

ROOT = Path(__file__).parent.parent.parent
KEY = "canary71.kEy-that-must-never-be-seen-4d1f"
SECRET = KEY.partition(".")[2]
GITOPS = (sys.executable, "-m", "gitops")
ENDS_WITHIN = 240.0

# Stands in for the Git host's network: whoever pushes an entry dies before or after it is taken.
HOOK = """\
#!/bin/sh
hook=$(basename "$0")
while read -r old new ref; do
  case $ref in refs/gitops/log/*) ;; *) continue ;; esac
  order=kills/${ref##*/}
  [ -f "$order" ] || continue
  read -r pid at wanted < "$order"
  [ "$hook" = "$wanted" ] || continue
  echo "$new" >> "$order.pushes"
  [ "$(wc -l < "$order.pushes")" -eq $((at + 1)) ] || continue
  rm "$order"
  kill -9 "$pid"
  [ "$hook" = post-receive ] || exit 1
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKill:
    """Die at the `at`-th push of a model's deploy log: before the remote took it, or after."""

    model: str
    at: int
    when: When

    @property
    def hook(self) -> str:
        """Git's name for that moment."""
        return "pre-receive" if self.when == "before" else "post-receive"

    def __str__(self) -> str:
        return f"{self.when} push {self.at} of the log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run of the command ended. `code` is -9 where it was killed."""

    code: int
    out: str
    err: str
    sent: tuple[Sent, ...]
    killed_at: Sent | None

    @property
    def writes(self) -> tuple[Sent, ...]:
        """What it sent that is no read."""
        return tuple(each for each in self.sent if each.is_write)

    @property
    def told(self) -> str:
        """All of its output."""
        return self.out + self.err


@dataclass
class Stage:
    """Everything that one story needs; threads share it, each with lanes of its own."""

    work: Repository
    remote: Repository
    folder: Path
    gate: Gate
    emulator: Mapping[str, str]
    outputs: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # Git

    def commit(self, files: Mapping[str, Content], message: str = "Change") -> str:
        """Commit and push."""
        commit = self.work.commit(files, message)
        self.work.git("push", "-q", "origin", "main")
        return commit

    def clone(self, name: str) -> Repository:
        """Another clone, as a colleague or the next CI run has it."""
        with self._lock:
            return self.remote.clone(self.folder / "clones" / name)

    def log(self, model: str) -> list[Told]:
        """A model's deploy log on the remote, oldest entry first."""
        return log_of(self.remote, model)

    # The command

    def run(
        self,
        *arguments: str,
        lane: str = "lane",
        at: Repository | None = None,
        kill: Kill | LogKill | None = None,
        hurried: bool = False,
    ) -> Done:
        """Run the command to its end, or to its violent one.

        Hurried, it does not wait long for what emulated promotions show at once.
        """
        at_gate = kill if isinstance(kill, Kill) else None
        with self.started(*arguments, lane=lane, at=at, kill=at_gate, hurried=hurried) as process:
            if isinstance(kill, LogKill):
                (self.remote.path / "kills" / kill.model).write_text(
                    f"{process.pid} {kill.at} {kill.hook}\n"
                )
            out, err = process.communicate(timeout=ENDS_WITHIN)
        way = self.gate.lane(lane)
        with self._lock:
            self.outputs += [out, err]
        return Done(
            code=_ended(process),
            out=out,
            err=err,
            sent=tuple(way.sent),
            killed_at=way.killed_at,
        )

    @contextmanager
    def started(
        self,
        *arguments: str,
        lane: str = "lane",
        at: Repository | None = None,
        kill: Kill | None = None,
        hurried: bool = False,
    ) -> Iterator[Forked]:
        """A run of the command; killed where the block does not see it end."""
        way = self.gate.lane(lane)
        way.expect(kill)
        cwd = (at or self.work).path
        # What was killed and is run again in the same lane is the same CI run: it takes the locks
        # back that were left behind, where another one would wait for their end.
        env = _environ() | self.gate.environ(way, KEY) | {"GITHUB_RUN_ID": lane}
        process = Forked(arguments, cwd=cwd, env=env, hurried=hurried)
        way.belongs_to(process)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    # Baseten, asked behind the command's back

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """A request of our own, past the gate."""
        answer = httpx.request(
            method,
            self.emulator["BASETEN_API_URL"] + path,
            json=body,
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=HANGS,
            trust_env=False,
        )
        return answer.raise_for_status().json()

    def journal(self) -> list[dict[str, Any]]:
        """Every request that reached Baseten."""
        return list(self.ask("/__emulator__/requests")["requests"])

    def forget_journal(self) -> None:
        """Begin a new journal."""
        self.ask("/__emulator__/requests", "DELETE")

    def model_ids(self) -> dict[str, str]:
        """The models' ids by name."""
        return {each["name"]: each["id"] for each in self.ask("/v1/models")["models"]}

    def environments(self, model_id: str) -> dict[str, dict[str, Any]]:
        """A model's environments by name."""
        found = self.ask(f"/v1/models/{model_id}/environments")["environments"]
        return {each["name"]: each for each in found}

    def deployments(self, model_id: str) -> list[dict[str, Any]]:
        """A model's deployments."""
        return list(self.ask(f"/v1/models/{model_id}/deployments")["deployments"])

    def traces(self, model: str, model_id: str) -> Traces:
        """What applies did to a model, as the audit log and the deploy log tell it."""
        return invariants.traces(
            self.ask,
            model_id,
            key_prefix=KEY.partition(".")[0],
            log=[Noted.of(each.body) for each in self.log(model)],
        )

    @contextmanager
    def used(self, model_id: str, *environments: str, every: float = 0.15) -> Iterator[Users]:
        """Somebody uses these environments all the time, and notes every answer."""
        users = Users(
            base=self.emulator["BASETEN_INFERENCE_URL"].format(model_id=model_id),
            environments=environments,
            every=every,
        )
        with users.asking():
            yield users

    # Secrets

    def leaks(self) -> list[str]:
        """Where the API key, or its secret part, can be read: outputs, files, Git objects."""
        found = [text[:200] for text in self.outputs if SECRET in text]
        needle = SECRET.encode()
        found += [
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and not path.is_symlink() and needle in path.read_bytes()
        ]
        for repository in (self.work, self.remote):
            objects = repository.run("cat-file", "--batch-all-objects", "--batch", "--unordered")
            if needle in objects:
                found.append(f"an object of {repository.path.name}")
        return found


@dataclass
class Users:
    """Asks environments again and again; `answers` are (environment, status), in order."""

    base: str
    environments: Sequence[str]
    every: float
    answers: list[tuple[str, int]] = field(default_factory=list)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask until the block ends."""
        stop = threading.Event()

        def ask() -> None:
            with httpx.Client(timeout=HANGS, trust_env=False) as client:
                while not stop.is_set():
                    for name in self.environments:
                        answer = client.post(
                            f"{self.base}/environments/{name}/predict",
                            json={"text": "hello"},
                            headers={"Authorization": f"Bearer {KEY}"},
                        )
                        self.answers.append((name, answer.status_code))
                    stop.wait(self.every)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def other_than(self, *statuses: int) -> list[tuple[str, int]]:
        """The answers with another status."""
        return [each for each in self.answers if each[1] not in statuses]


def _ended(process: Forked) -> int:
    assert process.returncode is not None
    return process.returncode


def _environ() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@contextmanager
def stage(
    folder: Path, files: Mapping[str, Content], *, options: Sequence[str] = ()
) -> Iterator[Stage]:
    """A repository with these files and a remote, an emulator of its own, and a gate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "clones").mkdir()
    work = Repository.create(folder / "work", files)
    remote = work.publish(folder / "remote.git")
    (remote.path / "kills").mkdir()
    for name in ("pre-receive", "post-receive"):
        hook = remote.path / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(HOOK)
        hook.chmod(0o755)
    with (
        emulator(folder / "emulator.log", ("--control", "--no-rate-limits", *options)) as variables,
        Gate(variables["BASETEN_API_URL"]).serving() as gate,
    ):
        yield Stage(work=work, remote=remote, folder=folder, gate=gate, emulator=variables)


@contextmanager
def emulator(log: Path, options: Sequence[str]) -> Iterator[dict[str, str]]:
    """`gitops emulator` as a process; yields the variables that it prints."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [*GITOPS, "emulator", *options],
            env=_environ(),
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        try:
            yield _exports(process)
        finally:
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def _exports(process: subprocess.Popen[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        words = shlex.split(line)
        if len(words) == 2 and words[0] == "export":
            name, _, value = words[1].partition("=")
            found[name] = value
        if len(found) == 4:
            return found
    raise AssertionError(f"the emulator ended with {process.wait()} before it listened")
