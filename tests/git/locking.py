"""Locks for tests: stores of several clones, holders, and a clock that only moves when told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gitops.apply.locking import Claim
from gitops.git.locks import Locks
from gitops.git.repository import Repository
from gitops.record.lock import Applied, Holder, Lock
from gitops.state.names import ModelKey
from tests.git.logs import KEY, START, WORKSPACE, WRITER, team_of
from tests.patience import HANGS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

REF = "refs/gitops/lock/acme%40api%2Ebaseten%2Eco/ml/qwen-3-8b"


@dataclass
class Hand:
    """A clock moved by hand; who sleeps moves it. ``on_sleep`` is called after each sleep."""

    time: float = 0.0
    off: timedelta = timedelta()
    slept: list[float] = field(default_factory=list)
    on_sleep: Callable[[], object] | None = None

    def now(self) -> datetime:
        return START + self.off + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        if self.on_sleep is not None:
            self.on_sleep()


def holder(run: str = "run-one", **more: Any) -> Holder:
    known: dict[str, Any] = {"by": "Ann", "where": "here", "commit": "c" * 40, "since": START}
    return Holder(run=run, **{**known, **more})


def store(path: Path, remote: str | None = "origin", **more: Any) -> Locks:
    known: dict[str, Any] = {"team_of": team_of, "writer": WRITER, "timeout": HANGS}
    return Locks(Repository.discover(path), WORKSPACE, remote, **{**known, **more})


@dataclass
class Said:
    """What a claim tells."""

    told: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> None:
        self.told.append(text)


def claim(
    locks: Any,
    clock: Any,
    run: str = "run-one",
    *,
    keys: Sequence[ModelKey] = (KEY,),
    timeout: float = 0.0,
    say: Callable[[str], None] = lambda _: None,
    applies: Callable[[Lock | None], Applied | None] = lambda lock: lock.applied if lock else None,
    **who: Any,
) -> Claim:
    return Claim(
        store=locks,
        clock=clock,
        holder=holder(run, **who),
        keys=keys,
        applies=applies,
        timeout=timeout,
        say=say,
    )
