"""The tool itself, set among a platform, a Git host and two clones that all live in one thread.

``gitops.pipeline.plan`` and ``gitops.pipeline.apply`` run as they are, with the real decisions,
steps, locks and HTTP edge. What is exchanged is what reaches outside: the network under the HTTP
client is the platform's own application, the clock is the platform's, archives go straight into
its bucket, and the thread that renews locks does so when time passes.
"""

from __future__ import annotations

import copy
import functools
import json
import random
import traceback
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol
from unittest import mock

import httpx

from gitops.apply import leases as leasing
from gitops.apply.executor import Outcome
from gitops.apply.pace import Pace
from gitops.apply.run import Ports
from gitops.apply.run import Run as RealRun
from gitops.decide.situation import Options
from gitops.errors import GitopsError
from gitops.pipeline.apply import ApplyRequest
from gitops.pipeline.apply import apply as real_apply
from gitops.pipeline.plan import Planned, PlanRequest
from gitops.pipeline.plan import plan as real_plan
from gitops.pipeline.project import Project
from gitops.plan.document import to_text
from gitops.record.entry import to_json
from gitops.render.events import json_line
from gitops.render.events import render as told
from gitops.render.plan_text import render as plan_text
from gitops.wiring import Outside
from tests.properties.asked import ENVIRONMENTS, MODEL, Content, Template
from tests.properties.baseten import Platform
from tests.properties.hands import KEY, store
from tests.properties.judge import Judge, Violation
from tests.properties.turns import Inline, Run, Turns

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from gitops.apply.leases import Leases
    from gitops.plan.events import ApplyEvent
    from gitops.record.entry import Entry
    from gitops.state.desired import Desired

PACE: Final = Pace(first=2.0, growth=2.0, longest=15.0, metrics_lag=60.0, afterwards=20.0)
ROUNDS: Final = 8
"""Applies after which everything that is still has to be at rest."""
RESTS: Final = 3600.0

Wrap = Callable[[Ports], Ports]

_POOLS: Final = (
    "gitops.apply.checking.ThreadPoolExecutor",
    "gitops.apply.executor.ThreadPoolExecutor",
    "gitops.baseten.reader.ThreadPoolExecutor",
    "gitops.pipeline.plan.ThreadPoolExecutor",
)


class Backend(Protocol):
    """A Git host and two clones of it, called ``one`` and ``two``."""

    contents: list[Content]
    """What each commit of the deploy branch asks for, oldest first."""
    down: bool

    def commit(self, content: Content) -> None:
        """The deploy branch goes on."""

    def revision(self, index: int) -> str | None:
        """A commit, as a plan is asked for it."""

    def answers(self, whether: bool) -> None:
        """The host answers, or does not."""

    def project(self, run: Run, name: str) -> AbstractContextManager[Project]:
        """A clone, in the hands of a run."""

    def connect(self, stage: Stage, run: Run, project: Project, desired: Desired) -> Outside:
        """The outside of a run."""

    def killed(self, run: Run) -> None:
        """What the kernel does for a process that is gone."""

    def state(self) -> Hashable:
        """Differs where the deploy log does."""

    def entries(self, run: Run) -> tuple[Entry, ...]:
        """The deploy log, as a run that is over has left it."""

    def left_behind(self) -> Iterable[tuple[str, str]]:
        """Everything that was written down anywhere: what it is, and its text."""

    def exchanged(self, stage: Stage) -> Mapping[str, Any]:
        """What has to be exchanged in the tool for this."""


@dataclass
class Stage:
    """One sequence's world. ``wrap`` exchanges a collaborator of every apply."""

    template: Template
    platform: Platform
    git: Backend
    judge: Judge = field(init=False)
    turns: Turns = field(init=False)
    wrap: Wrap | None = None
    seed: int = 0
    running: dict[str, Run] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.judge = Judge(self.platform, self.template, KEY)
        self.turns = Turns(self.platform)
        self.chance = random.Random(self.seed)  # noqa: S311 - decides whose turn it is

    # What can happen

    def edit(self, content: Content) -> None:
        self.story.append(f"Git asks for {content}")
        self.git.commit(content)

    def begin(
        self,
        name: str,
        *,
        back: int = 0,
        options: Options | None = None,
        retry: bool = False,
        patience: float = 0.0,
    ) -> Run:
        """An apply in a clone, which does nothing yet."""
        index = max(len(self.git.contents) - 1 - back, 0)
        tags = frozenset(f"{MODEL}/{each}" for each in ENVIRONMENTS) if retry else frozenset()
        request = ApplyRequest(
            plan=PlanRequest(
                options=options or Options(), retry=tags, rev=self.git.revision(index)
            ),
            lock_timeout=patience,
        )
        self.counts["applies"] += 1
        run = Run(
            self.turns,
            f"apply {self.counts['applies']} in {name}",
            lambda run: self._apply(run, name, request),
        )
        self.running[name] = run
        return run

    def go_on(self, *names: str, calls: int) -> None:
        runs = [self.running[name] for name in names if name in self.running]
        self.turns.go_on(runs, calls, self.chance)
        self.counts["calls"] = sum(run.calls for run in runs) + self.counts["calls"]
        for name in names:
            if name in self.running and self.running[name].over:
                self._ended(self.running.pop(name))

    def _ended(self, run: Run) -> None:
        ended = run.ended
        if isinstance(ended, Outcome):
            said = [
                f"{each.environment}: row {each.decision.row if each.decision else None}, "
                f"{each.listed}, exit {each.exit_code}"
                for each in ended.results
            ]
            self.story.append(f"{run.name} ends: {'; '.join(said)}")
            self.counts[f"exit {ended.exit_code}"] += 1
            for each in ended.results:
                self.counts[f"{each.listed}"] += 1
        else:
            self.story.append(f"{run.name} ends: {ended!r}")
            self.counts[type(ended).__name__] += 1

    def kill(self, name: str) -> None:
        run = self.running.pop(name)
        self.story.append(f"{run.name} dies after {run.calls} calls")
        self.counts["kills"] += 1
        run.kill()
        self.git.killed(run)

    def toggle_host(self) -> None:
        """The Git host goes down, or comes back."""
        self.git.down = not self.git.down
        self.git.answers(not self.git.down)
        self.story.append(f"the Git host is {'down' if self.git.down else 'there again'}")
        self.counts["host down"] += self.git.down

    def plan(self, name: str) -> Planned | GitopsError:
        """A plan at the newest commit, in a clone; it only reads."""
        request = PlanRequest(rev=self.git.revision(len(self.git.contents) - 1))
        writes = self.writes
        run = Run(self.turns, f"plan in {name}", lambda run: self._plan(run, name, request))
        self.turns.go_on([run], 1_000, self.chance)
        self.counts["plans"] += 1
        if self.writes != writes:
            raise Violation("plans only read", f"{run.name} wrote something")
        found: Planned | GitopsError = run.ended
        return found

    def close(self) -> None:
        """End what still runs."""
        for run in self.running.values():
            run.kill()

    # The tool

    def _apply(self, run: Run, name: str, request: ApplyRequest) -> Any:
        def emit(event: ApplyEvent) -> None:
            self.judge.says("an event", json_line(event))
            self.judge.says("an event's line", told([event]))

        def approve(planned: Planned) -> bool:
            self._shown(planned)
            return True

        with self.git.project(run, name) as project:
            return self._guarded(
                lambda: real_apply(
                    project,
                    request,
                    emit=emit,
                    approve=approve,
                    stoppable=lambda _: None,
                    say=lambda text: self.judge.says("a sentence", text),
                )
            )

    def _plan(self, run: Run, name: str, request: PlanRequest) -> Any:
        def planned() -> Planned:
            found = real_plan(project, request)
            self._shown(found)
            return found

        with self.git.project(run, name) as project:
            return self._guarded(planned)

    def _shown(self, planned: Planned) -> None:
        self.judge.says("a plan", plan_text(planned.plan))
        self.judge.says("a saved plan", to_text(planned.plan))
        self.judge.says("a value", repr(planned.live))
        for warning in planned.warnings:
            self.judge.says("a warning", warning)

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            ended = work()
        except GitopsError as error:
            self.judge.says("an exception", _everything(error))
            return error
        except Exception as bug:
            self.judge.says("an exception", _everything(bug))
            raise Violation("bug", "".join(traceback.format_exception(bug))) from bug
        self.judge.says("an outcome", repr(ended))
        return ended

    def connect(self, project: Project, desired: Desired, **_: Any) -> Outside:
        """Takes the place of ``gitops.wiring.connect``."""
        run = self.turns.acting
        assert run is not None
        outside = self.git.connect(self, run, project, desired)
        ports = self.wrap(outside.ports) if self.wrap is not None else outside.ports
        return replace(outside, ports=ports)

    def hears(self, entry: Entry) -> None:
        """An entry is written into the deploy log."""
        self.counts[str(entry.event)] += 1
        self.judge.says("the deploy log", json.dumps(to_json(entry)))

    # What there is to look at

    @property
    def writes(self) -> int:
        """How many writes of ours reached Baseten's management API."""
        journal = self.platform.emulator.journal.entries
        return sum(each.method != "GET" and each.path.startswith("/v1/") for each in journal)

    # And in the end

    def settle(self) -> dict[str, str]:
        """Nobody else does anything any more: how each environment comes to rest."""
        self.platform.emulator.faults.lift()
        if self.git.down:
            self.toggle_host()
        self.go_on(*list(self.running), calls=20_000)
        for _ in range(ROUNDS):
            self.turns.pass_until(self.platform.now + RESTS, [])
            before = (self.writes, self.git.state())
            run = self.begin("one")
            self.go_on("one", calls=20_000)
            if (self.writes, self.git.state()) == before:
                log = self.git.entries(run)
                rests = self.judge.rest(run.ended, self.git.contents[-1], log)
                self.judge.traces(log)
                for what, text in self.git.left_behind():
                    self.judge.says(what, text)
                return rests
        raise Violation("converges", "apply after apply changes something")


def _everything(error: BaseException) -> str:
    """All that can be seen of an exception and of what it came from."""
    seen, text = set(), "".join(traceback.format_exception(error))
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        text += repr(vars(error)) + repr(error.args)
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return text


_CURRENT: list[Stage] = []
_urlparse = functools.lru_cache(4096)(httpx._urls.urlparse)


@contextmanager
def _renewed_in_time(leases: Leases) -> Iterator[None]:
    """Takes the place of the thread that renews locks: it looks whenever time passes."""
    run = _CURRENT[-1].turns.acting
    assert run is not None
    run.leases = leases
    try:
        yield
    finally:
        run.leases = None


def first_release(
    template: Template, loop: asyncio.AbstractEventLoop, folder: Path, git: Backend
) -> Stage:
    """Where many sequences begin: what a first apply leaves, to be copied by ``on_stage``."""
    with on_stage(Stage(template, Platform(folder, loop), git)) as made:
        made.begin("one")
        made.go_on("one", calls=20_000)
    return made


def copy_of(stage: Stage) -> Stage:
    """All of it anew, but for what never changes."""
    shared = (stage.template, stage.platform.loop)
    made = copy.deepcopy(stage, {id(each): each for each in shared})
    made.counts.clear()
    return made


@contextmanager
def on_stage(made: Stage) -> Iterator[Stage]:
    """The tool in a world."""
    exchanged: Mapping[str, Any] = {
        "gitops.pipeline.plan.Run": functools.partial(RealRun, pace=PACE),
        "gitops.baseten.upload.upload": functools.partial(store, made),
        **dict.fromkeys(_POOLS, Inline),
        # Asked the same a thousand times over.
        "gitops.emulator.runtime.pool.problems_of": made.template.problems_of,
        "httpx._urls.urlparse": _urlparse,
        "gitops.wiring.connect": made.connect,
        **made.git.exchanged(made),
    }
    # What the platform's application waits for, it waits for on the one clock.
    made.platform.loop.time = made.platform.clock.now  # type: ignore[method-assign]
    _CURRENT.append(made)
    with ExitStack() as stack:
        for name, other in exchanged.items():
            stack.enter_context(mock.patch(name, other))
        stack.enter_context(
            mock.patch.object(leasing.Leases, "renewed_meanwhile", _renewed_in_time)
        )
        try:
            yield made
        finally:
            made.close()
            _CURRENT.pop()
