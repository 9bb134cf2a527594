"""One apply of the real executor in a world, on one thread, with what it meets on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from unittest import mock

from gitops.apply import checking, executor
from gitops.apply.budget import Budget
from gitops.apply.environment import Result
from gitops.apply.job import Job
from gitops.apply.pace import Pace
from gitops.apply.run import Ports
from gitops.apply.run import Run as RealRun
from gitops.decide.situation import Asked, Evidence, Options
from gitops.errors import GitopsError, NotFound, ResponseLost
from gitops.record.entry import Entry
from gitops.record.history import ModelHistory
from gitops.state.desired import (
    Check,
    DesiredEnvironment,
    DesiredModel,
    Probe,
    Requirement,
    Watch,
)
from gitops.state.differences import flatten
from gitops.state.settings import Settings
from tests.exploration.clone import Leases, Log, Waiting
from tests.exploration.judge import Judge
from tests.exploration.memory import ARTIFACTS, DIGESTS, history
from tests.exploration.ports import KEY, Archives, Clock, Prober, Reader, Writer
from tests.exploration.world import ADDED, PRODUCTION, STAGING, Commit, Refused, World

PACE: Final = Pace(
    first=5.0,
    growth=2.0,
    longest=10.0,
    metrics_lag=0.0,
    not_found=20.0,
    visible=20.0,
    signed=10.0,
    settings=20.0,
    confirm=90.0,
    afterwards=0.0,
    ramp_down=60.0,
    transition=60.0,
)
CHECKS: Final = (Check(name="smoke", probes=(Probe(body={}),)),)
WATCH: Final = Watch(seconds=20.0, error_rate=0.05, min_requests=5)


class Killed(BaseException):
    """The process is gone."""


class Unfit(BaseException):
    """What a run was to meet cannot happen then."""


class Endless(BaseException):
    """An apply goes on and on."""


def commit_id(index: int) -> str:
    return f"{index:040x}"


@lru_cache(maxsize=256)
def desired(commit: Commit) -> DesiredModel:
    staging = DesiredEnvironment(
        name=STAGING,
        artifact=ARTIFACTS[commit.staging],
        settings=Settings(autoscaling={"min_replica": 1, "max_replica": ADDED}),
        checks=CHECKS,
    )
    production = DesiredEnvironment(
        name=PRODUCTION,
        mode="pause" if commit.paused else "reconcile",
        artifact=ARTIFACTS[commit.production],
        requires=(Requirement(environment=STAGING),),
        settings=Settings(autoscaling={"min_replica": commit.least, "max_replica": ADDED}),
        checks=CHECKS,
        watch=WATCH,
        protected=True,
    )
    return DesiredModel(
        key=KEY, release_file="releases/model.yaml", environments=(staging, production)
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply is and what it meets.

    ``back`` counts commits from Git's newest one when it begins. ``kill``: the call at which it
    dies, before or after the call's effect. ``lost``: the write whose answer never comes.
    ``meets``: what happens right before a call. ``host_down``: from this call on the Git host does
    not answer.
    """

    back: int = 0
    retry: bool = False
    undo_drift: bool = False
    same_clone: bool = False
    kill: tuple[int, bool] | None = None
    lost: int | None = None
    meets: tuple[tuple[int, Any], ...] = ()
    host_down: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    run: Run

    def asked(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> tuple[Asked, ...]:
        base = history.environment(environment.name).asked_since
        if base is None:
            return ()
        first, git = int(base, 16), self.run.world.git
        return tuple(
            _asked(git[index], index, environment.name)
            for index in range(first, self.run.index + 1)
        )

    def superseded(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> bool:
        logged = int(history.entries[-1].applied_commit, 16) if history.entries else -1
        return self.run.index < max(logged, self.run.applied)

    def formerly(self, model: DesiredModel) -> str | None:
        return None


@lru_cache(maxsize=4096)
def _asked(commit: Commit, index: int, environment: str) -> Asked:
    found = next(each for each in desired(commit).environments if each.name == environment)
    return Asked(
        commit=commit_id(index),
        digest=DIGESTS[commit.art(environment)],
        settings=flatten(found.settings),
    )


@dataclass(slots=True)
class Run:
    """The apply that is in progress. ``trail`` names its calls; ``seen`` hears each of them."""

    world: World
    plan: Plan
    judge: Judge
    seen: Callable[[Run, str], None] | None = None
    number: int = 0
    index: int = 0
    applied: int = -1
    began: float = 0.0
    calls: int = 0
    writes: int = 0
    listed_at: int = -1
    host_down: bool = False
    dead: bool = False
    lost_lock: bool = False
    changed: bool = True
    trail: list[str] = field(default_factory=list)
    effective: list[int] = field(default_factory=list)
    losable: list[int] = field(default_factory=list)
    job: Job | None = None
    env_began: dict[str, float] = field(default_factory=dict)
    read_at: dict[str, int] = field(default_factory=dict)
    at_ease: dict[str, int] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)
    error: str = ""
    log: Log | None = None
    met: list[str] = field(default_factory=list)
    key: int | None = None
    known: tuple[Evidence | None, int] = (None, 0)

    def knows(self) -> int:
        """A number for what this run has learned about the environment that it works on."""
        if self.job is None:
            return self.index
        evidence = self.job.learn.evidence
        if self.known[0] is not evidence:
            # Verdicts, ids and intents stand in it by what they are called.
            learned = (
                self.job.name,
                tuple((name, each.outcome) for name, each in evidence.checks.items()),
                tuple((name, each.outcome) for name, each in evidence.watch.items()),
                len(evidence.intents),
                len(evidence.looked),
                len(evidence.seen),
                len(evidence.cancelled),
                frozenset(evidence.traffic),
                frozenset(evidence.followed),
                frozenset(evidence.promoted),
                frozenset(evidence.previous_as_bad),
                self.plan.retry,
                self.plan.undo_drift,
                len(self.world.git) - self.index,
            )
            self.known = (evidence, hash(learned))
        return self.known[1]

    def entries(self) -> tuple[Entry, ...]:
        """The log as this run knows it."""
        return self.log.entries(KEY) if self.log is not None else ()

    def released_by(self, entry: Entry) -> int:
        """The commit whose release an entry ends."""
        opened = history(self.entries()).environment(entry.environment).intent(entry.intent)
        return int(opened.applied_commit, 16) if opened is not None else self.index

    @property
    def commit(self) -> Commit:
        return self.world.git[self.index]

    def must_be_there(self, what: str) -> None:
        """Raises ``NotFound`` where a person deleted the model meanwhile; a push makes it."""
        if self.world.model is None and not what.startswith("push"):
            raise NotFound(f"{what}: there is no such model", status=404)

    def looked_at(self, envs: Iterable[str]) -> None:
        for name in envs:
            self.read_at[name] = self.world.tick

    def call(  # noqa: C901 - all that can befall one call
        self, what: str, effect: Callable[[], Any], *, effects: bool = False, loses: bool = False
    ) -> Any:
        number, plan = self.calls, self.plan
        self.calls += 1
        if number > 1500:
            raise Endless
        self.trail.append(what)
        for at, move in plan.meets:
            if at == number:
                self._meet(move)
        if plan.host_down is not None and number >= plan.host_down:
            self.host_down = True
        if effects:
            self.effective.append(number)
        if loses:
            self.losable.append(number)
        if self.seen is not None:
            self.seen(self, what)
        if plan.kill == (number, False):
            self._die()
        found = effect()
        if effects:
            self.changed = True
        if plan.kill == (number, True):
            self._die()
        if plan.lost == number and loses:
            raise ResponseLost("the answer never came")
        return found

    def _meet(self, move: Any) -> None:
        self.world.watchers = None
        try:
            move.happen(self.world, self)
        except Refused:
            raise Unfit from None
        self.world.watchers = self.judge.watching(self)
        self.changed = True

    def _die(self) -> None:
        self.dead = True
        raise Killed


def apply(
    world: World, plan: Plan, judge: Judge, seen: Callable[[Run, str], None] | None = None
) -> Run:
    """Run the real executor on a world, which is changed."""
    run = Run(world, plan, judge, seen)
    world.runs += 1
    run.number = world.runs
    run.index = max(len(world.git) - 1 - plan.back, 0)
    if world.lock is not None and not plan.same_clone and world.now < world.lock_until:
        world.advance(world.lock_until - world.now)
    run.began, run.applied = world.now, world.applied
    leases = Leases(run)
    leases.take()
    waiting = world.kept if plan.same_clone else ()
    log = Log(run, waiting=[Waiting(*each) for each in waiting])
    run.log = log
    world.watchers = judge.watching(run)
    real = RealRun(
        ports=Ports(
            reader=Reader(run),
            writer=Writer(run),
            prober=Prober(run),
            log=log,
            archives=Archives(),
            clock=Clock(run),
        ),
        facts=Facts(run),
        emit=_silent,
        commit=commit_id(run.index),
        api_url="http://127.0.0.1",
        branch="main",
        by="explorer",
        where="here",
        id=f"run-{run.number}",
        pace=PACE,
        default_options=Options(retry=plan.retry, undo_drift=plan.undo_drift),
        leases=leases,  # type: ignore[arg-type]
    )
    try:
        log.fetch()
        executor.run_model(real, desired(run.commit), Budget(3), run.results)
        judge.ends(run)
    except Killed:
        run.error = "killed"
    except GitopsError as error:
        run.error = error.message
    finally:
        world.watchers = None
        leases.finish(KEY)
    return run


def _silent(event: object) -> None:
    """Nobody listens."""


class _Inline:
    """Sends checks on this thread, one after another."""

    def __init__(self, **_: object) -> None:
        pass

    def submit(self, work: Callable[..., Any], *given: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*given))
        return done

    def shutdown(self, **_: object) -> None:
        pass


@contextmanager
def single_threaded() -> Iterator[None]:
    """No threads for checks, and every environment's job is known to its run."""
    real = executor.run_environment

    def noted(job: Job, budget: Budget) -> Result:
        run: Run = job.ports.writer.run  # type: ignore[attr-defined]
        run.job = job
        run.env_began[job.name] = run.world.now
        run.judge.begins(run, job.name)
        return real(job, budget)

    with (
        mock.patch.object(executor, "run_environment", noted),
        mock.patch.object(checking, "ThreadPoolExecutor", _Inline),
    ):
        yield
