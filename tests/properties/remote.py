"""A Git host in memory: commits on one branch, the deploy log, the locks; and clones of it.

The rules of the deploy log are those of ``tests.exploration``, which are those of ``gitops.git``;
locks are values that are swapped under the real ``Claim`` and ``Leases``.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from gitops.apply.clock import StopFlag
from gitops.apply.run import Ports
from gitops.decide.situation import Asked
from gitops.errors import RemoteUnreachable
from gitops.git.cirun import CiRun
from gitops.pipeline.project import Project
from gitops.record.lock import Applied, Lock, LockSwap, SeenLock, Swapped
from gitops.state.changed import Changes
from gitops.state.differences import flatten
from gitops.wiring import Outside
from tests.exploration.clone import Log as Kept
from tests.exploration.clone import Waiting
from tests.properties.asked import KEY, Content, Template
from tests.properties.hands import Clock, reach

if TYPE_CHECKING:
    from gitops.record.entry import Entry
    from gitops.record.history import ModelHistory
    from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel
    from gitops.state.names import ModelKey
    from tests.properties.stage import Stage
    from tests.properties.turns import Run

BRANCH = "main"


def commit_id(index: int) -> str:
    return f"{index:040x}"


@dataclass
class Host:
    """What all clones share. ``down``: it does not answer."""

    commits: list[Content]
    chain: tuple[Entry, ...] = ()
    locks: dict[ModelKey, tuple[str, Lock]] = field(default_factory=dict)
    down: bool = False
    made: int = 0
    tick: int = 0

    def reach(self) -> None:
        if self.down:
            raise RemoteUnreachable("The Git host does not answer.")


@dataclass
class Clone:
    """``alive`` are runs that began here: whether their processes still run."""

    name: str
    host: Host
    kept: tuple[Waiting, ...] = ()
    alive: dict[str, Run] = field(default_factory=dict)

    # What ``tests.exploration.clone.Log`` asks of the world that it belongs to

    @property
    def chain(self) -> tuple[Entry, ...]:
        return self.host.chain

    @chain.setter
    def chain(self, entries: tuple[Entry, ...]) -> None:
        self.host.chain = entries

    @property
    def tick(self) -> int:
        return self.host.tick

    @tick.setter
    def tick(self, value: int) -> None:
        self.host.tick = value


@dataclass
class _Hand:
    """A run in a clone, as ``tests.exploration.clone.Log`` knows one."""

    run: Run
    world: Clone
    heard: Callable[[Entry], None]
    same_clone: bool = True

    @property
    def plan(self) -> _Hand:
        return self

    @property
    def judge(self) -> _Hand:
        return self

    @property
    def host_down(self) -> bool:
        return self.world.host.down

    def writes_down(self, _: object, entry: Entry) -> None:
        self.heard(entry)

    def call(self, _: str, effect: Callable[[], Any], *, effects: bool = False) -> Any:
        self.run.point()
        done = effect()
        self.run.point()
        return done


class Log(Kept):
    """One clone's deploy log. Fulfils ``gitops.apply.ports.DeployLog``."""

    remote = "origin"

    def __init__(self, run: Run, clone: Clone, heard: Callable[[Entry], None]) -> None:
        super().__init__(_Hand(run, clone, heard), waiting=clone.kept)  # type: ignore[arg-type]

    def former(self, key: ModelKey) -> ModelKey | None:
        """Models keep their names here."""
        return None

    def unnamed(self, keys: Iterable[ModelKey]) -> dict[ModelKey, tuple[Entry, ...]]:
        return {}


class Locks:
    """The locks as one clone sees them. Fulfils ``gitops.apply.ports.LockStore``."""

    shared = True

    def __init__(self, run: Run, clone: Clone) -> None:
        self.run, self.clone, self.host = run, clone, clone.host
        self.tips: dict[ModelKey, tuple[str, Lock]] = {}

    def reload(self) -> None:
        self.tips = dict(self.host.locks)

    def fetch(self) -> None:
        self.run.point()
        self.host.reach()
        self.reload()
        self.run.point()

    def seen(self, keys: Iterable[ModelKey]) -> dict[ModelKey, SeenLock]:
        found = {}
        for key in keys:
            oid, lock = self.tips.get(key, (None, None))
            holder = lock.holder if lock is not None else None
            there = self.clone.alive.get(holder.run) if holder is not None else None
            alive = None if there is None else not there.dead
            found[key] = SeenLock(id=oid, lock=lock, alive=alive)
        return found

    def applied(self, key: ModelKey) -> Applied | None:
        _, lock = self.tips.get(key, (None, None))
        return lock.applied if lock is not None else None

    def swap(self, moves: Mapping[ModelKey, LockSwap]) -> Swapped:
        self.run.point()
        self.host.reach()
        there = {key: self.host.locks.get(key, (None, None))[0] for key in moves}
        moved = frozenset(key for key, each in moves.items() if there[key] != each.seen)
        if not moved:
            for key, each in moves.items():
                self.host.made += 1
                self.host.locks[key] = self.tips[key] = (f"lock-{self.host.made}", each.lock)
        self.run.point()
        ids = {} if moved else {key: self.tips[key][0] for key in moves}
        return Swapped(ids=ids, moved=moved)

    def begin(self, run: str) -> None:
        self.clone.alive[run] = self.run

    def end(self, run: str) -> None:
        if not self.run.dead:
            self.clone.alive.pop(run, None)


@dataclass(frozen=True)
class Facts:
    """What Git's history knows about one applied commit; the branch has no forks."""

    template: Template
    host: Host
    index: int
    locks: Locks

    def asked(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> tuple[Asked, ...]:
        base = history.environment(environment.name).asked_since
        if base is None:
            return ()
        return tuple(
            self._asked(index, environment.name) for index in range(int(base, 16), self.index + 1)
        )

    def _asked(self, index: int, name: str) -> Asked:
        (model,) = self.template.desired(self.host.commits[index]).models
        found = next(each for each in model.environments if each.name == name)
        return Asked(
            commit=commit_id(index),
            digest=found.artifact.digest if found.artifact is not None else None,
            settings=flatten(found.settings),
        )

    def superseded(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> bool:
        return self.index < max(newest(history.entries), _index(self.locks.applied(KEY)))

    def formerly(self, model: DesiredModel) -> str | None:
        return None

    def applies(self, lock: Lock | None, older: bool) -> Applied | None:
        """What a lock names as applied once this commit is applied under it."""
        locked = lock.applied if lock is not None else None
        if not older and self.index < _index(locked):
            return locked
        return Applied(commit=commit_id(self.index), branch=BRANCH)


def newest(entries: Iterable[Entry]) -> int:
    """The commit of the newest entry, as a number; -1 where there is none."""
    last = next(reversed(tuple(entries)), None)
    return int(last.applied_commit, 16) if last is not None else -1


def _index(applied: Applied | None) -> int:
    return int(applied.commit, 16) if applied is not None else -1


@dataclass
class Checkout:
    """A clone at one commit, as far as the pipeline asks. The repository of a ``Project``."""

    clone: Clone
    history: History
    is_bare: bool = False

    def root_id(self) -> str:
        return commit_id(0)

    def __getattr__(self, name: str) -> Any:
        """What is asked about the trusses' commits."""
        return getattr(self.history, name)


class History:
    """What Git says of the trusses' commits, which nothing changes; asked once."""

    def __init__(self, template: Template) -> None:
        repository = template.repository
        self.exists = cache(repository.exists)
        self.info = cache(repository.info)
        self.is_ancestor = cache(repository.is_ancestor)
        self._touching = cache(
            lambda paths, head, base: repository.commits_touching(paths, head, base=base)
        )
        self._changed = cache(repository.changed)

    def commits_touching(self, paths: Iterable[str], head: str, *, base: str) -> tuple[str, ...]:
        """As the repository has it."""
        return self._touching(tuple(paths), head, base)

    def changed(self, steps: Iterable[Iterable[str]], paths: Iterable[str]) -> tuple[Changes, ...]:
        """As the repository has it."""
        return self._changed(tuple(map(tuple, steps)), tuple(sorted(paths)))


class InMemory:
    """Fulfils ``tests.properties.stage.Backend``."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.history = History(template)
        self.host = Host([Content()])
        self.contents = self.host.commits
        self.clones = {name: Clone(name, self.host) for name in ("one", "two")}

    @property
    def down(self) -> bool:
        return self.host.down

    @down.setter
    def down(self, value: bool) -> None:
        self.host.down = value

    def answers(self, whether: bool) -> None:
        """Everybody asks ``down``."""

    def commit(self, content: Content) -> None:
        self.contents.append(content)

    def revision(self, index: int) -> str | None:
        return commit_id(index)

    @contextmanager
    def project(self, run: Run, name: str) -> Iterator[Project]:
        checkout: Any = Checkout(self.clones[name], self.history)
        yield Project(repository=checkout, worktree=checkout, environ={})

    def desired(self, project: Project, *, rev: str) -> Desired:
        """Takes the place of ``gitops.pipeline.project.desired_state``."""
        return replace(self.template.desired(self.contents[int(rev, 16)]), commit=rev)

    def connect(self, stage: Stage, run: Run, project: Project, desired: Desired) -> Outside:
        checkout: Any = project.repository
        stop = StopFlag()
        clock = Clock(run, stop)
        baseten = reach(stage, run, clock)
        baseten.reader.workspace()
        log: Any = Log(run, checkout.clone, stage.hears)
        locks: Any = Locks(run, checkout.clone)
        facts = Facts(self.template, self.host, int(desired.commit, 16), locks)
        ports = Ports(
            reader=baseten.reader,
            writer=baseten.writer,
            prober=baseten.prober,
            log=log,
            archives=self.template,
            clock=clock,
        )
        return Outside(
            ports=ports,
            facts=facts,
            log=log,
            locks=locks,
            applies=facts.applies,
            baseten=baseten,
            stop=stop,
            remote="origin",
            branch=BRANCH,
            by="tester",
            where="here",
            ci=CiRun(),
        )

    def killed(self, run: Run) -> None:
        """Who asks sees that it is dead."""

    def state(self) -> Hashable:
        return self.host.chain

    def entries(self, run: Run) -> tuple[Entry, ...]:
        return self.host.chain

    def left_behind(self) -> Iterable[tuple[str, str]]:
        return ()

    def exchanged(self, stage: Stage) -> Mapping[str, Any]:
        return {"gitops.pipeline.plan.desired_state": self.desired}
