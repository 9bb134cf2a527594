"""A stage for the executor: a real repository with a remote, and the emulator as Baseten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from gitops.apply.clock import StopFlag, SystemClock
from gitops.apply.executor import Outcome, execute
from gitops.apply.pace import Pace
from gitops.apply.ports import DeployLog as Log
from gitops.apply.run import Ports, Run
from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint, from_environment
from gitops.decide.situation import Asked, Options
from gitops.emulator import Running, running
from gitops.git.archive import Archives
from gitops.git.deploylog import DeployLog
from gitops.git.failures import Failures
from gitops.git.identity import Identity
from gitops.git.repository import Repository
from gitops.git.superseded import superseded
from gitops.pipeline.compile import compile_commit
from gitops.plan.events import ActionProgress, ApplyEvent
from gitops.record.entry import Entry, to_json
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.differences import flatten
from gitops.state.live import LiveEnvironment
from gitops.state.names import ModelKey
from tests import invariants, repositories
from tests.pace import build_ends, builds_take
from tests.patience import HANGS

MODEL = "triage"
KEY = ModelKey(None, MODEL)
QUICK = Pace(
    first=0.02,
    growth=1.3,
    longest=0.1,
    metrics_lag=30.0,
    afterwards=0.5,
    not_found=2.0,
    visible=2.0,
    signed=1.0,
    settings=60.0,
    confirm=60.0,
    ramp_down=60.0,
    outage=30.0,
    transition=10.0,
)
SPEED = 600.0


@dataclass(frozen=True)
class GitFacts:
    """What Git asked for, by compiling every commit since the oldest mark."""

    repository: Repository
    commit: str

    def asked(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> tuple[Asked, ...]:
        since = history.environment(environment.name).asked_since
        if since is None:
            return ()
        between = self.repository.git.run("rev-list", "--reverse", f"{since}..{self.commit}")
        found = []
        for commit in (since, *between.text.split()):
            desired = compile_commit(self.repository, commit)
            named = next((each for each in desired.models if each.key == model.key), None)
            here = next(
                (
                    each
                    for each in (named.environments if named else ())
                    if each.name == environment.name
                ),
                None,
            )
            digest = here.artifact.digest if here is not None and here.artifact else None
            settings = flatten(here.settings) if here is not None else {}
            allow = here.allow if here is not None else frozenset()
            found.append(Asked(commit=commit, digest=digest, settings=settings, allow=allow))
        return tuple(found)

    def superseded(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> bool:
        entries = history.environment(environment.name).entries
        return superseded(self.repository, entries, self.commit, remote="origin", branch="main")

    def formerly(self, model: DesiredModel) -> str | None:
        return None


@dataclass
class Stage:
    """A repository, its remote, and an emulator; ``apply`` is one run of the executor."""

    work: repositories.Repository
    emulator: Running
    events: list[ApplyEvent] = field(default_factory=list)
    stop: StopFlag = field(default_factory=StopFlag)
    pace: Pace = QUICK
    wrap_log: Callable[[Log], Log] | None = None
    wrap_ports: Callable[[Ports], Ports] | None = None
    on: Callable[[ApplyEvent], None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return from_environment(self.emulator.environ())

    def commit(self, *files: dict[str, Any], message: str = "Change") -> str:
        merged: dict[str, Any] = {}
        for each in files:
            merged |= each
        commit = self.work.commit(merged, message)
        self.work.git("push", "-q", "origin", "main")
        return commit

    def apply(
        self,
        *,
        options: Options | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: SystemClock | None = None,
        keys: Sequence[ModelKey] | None = None,
        **changed: Any,
    ) -> Outcome:
        """Plan nothing, ask nothing: fetch the log and execute what HEAD says."""
        self.events.clear()
        clock = clock or SystemClock(self.stop)
        repository = Repository.discover(self.work.path)
        commit = repository.head()
        desired = compile_commit(repository, commit)
        attend = self.stop.check
        outside = Baseten(self.endpoint, clock, transport=transport, attend=attend)
        with repository, outside as baseten:
            log = self.log(repository, baseten)
            log.fetch()
            ports = Ports(
                reader=baseten.reader,
                writer=baseten.writer,
                prober=baseten.prober,
                log=self.wrap_log(log) if self.wrap_log else log,
                archives=Archives(repository),
                clock=clock,
                failures=Failures(repository.common_dir, repository.root),
            )
            run = Run(
                ports=self.wrap_ports(ports) if self.wrap_ports else ports,
                facts=GitFacts(repository, commit),
                emit=self._hear,
                commit=commit,
                api_url=self.endpoint.api_url,
                branch="main",
                by="tester",
                where="here",
                id="run",
                pace=self.pace,
                stop=self.stop,
                default_options=options or Options(),
            )
            models = [each for each in desired.models if keys is None or each.key in keys]
            outcome = execute(replace(run, **changed), models)
            for model in models:
                self.hold(model.key, log.entries(model.key))
        return outcome

    def hold(self, key: ModelKey, entries: Sequence[Entry]) -> None:
        """No apply so far did what no apply may do. Raises: Broken."""
        # Without an audit log there is nothing to judge by.
        if self.emulator.emulator.options.mode != "july":
            invariants.hold(self.traces(key, entries))

    def traces(
        self, key: ModelKey = KEY, entries: Sequence[Entry] | None = None
    ) -> invariants.Traces:
        """What our applies did to a model; nothing where it is not there."""
        noted = self.entries(key) if entries is None else entries
        headers = {"Authorization": f"Bearer {self.emulator.api_key}"}
        with httpx.Client(base_url=self.emulator.api_url, headers=headers, timeout=HANGS) as http:

            def ask(path: str) -> Any:
                return http.get(path).raise_for_status().json()

            ids = {each["name"]: each["id"] for each in ask("/v1/models")["models"]}
            if key.name not in ids:
                return invariants.Traces()
            return invariants.traces(
                ask,
                ids[key.name],
                key_prefix=self.emulator.api_key.partition(".")[0],
                log=[invariants.Noted.of(to_json(entry)) for entry in noted],
            )

    def _hear(self, event: ApplyEvent) -> None:
        self.events.append(event)
        if self.on is not None:
            self.on(event)

    def once(self, happens: Callable[[ApplyEvent], bool], act: Callable[[], object]) -> None:
        """Do something the first time that an event of a kind is heard."""
        done: list[bool] = []

        def hear(event: ApplyEvent) -> None:
            if not done and happens(event):
                done.append(True)
                act()

        self.on = hear

    def sticks(self, percent: int = 25) -> None:
        """The next promotion stays at that share of the traffic, or the next, until `goes_on`."""
        self.emulator.fault(kind="promotion_sticks", percent=percent)

    def goes_on(self) -> None:
        """What sticks goes on."""
        self.emulator.call(self.emulator.world.faults.lift, "promotion_sticks")

    def builds_until_seen(self) -> None:
        """The next build is over once the run waits for it, and not before."""
        builds_take(self.emulator, 360_000)

        def over() -> None:
            builds_take(self.emulator, 90)
            build_ends(self.emulator)

        self.once(lambda each: isinstance(each, ActionProgress) and each.status == "BUILDING", over)

    def newest(self) -> str:
        """The id of the newest deployment."""
        with self.baseten() as baseten:
            return baseten.reader.deployments(self.model_id())[-1].id

    @contextmanager
    def person(self) -> Iterator[Baseten]:
        """Somebody else with a key of their own."""
        endpoint = replace(self.endpoint, api_key=ApiKey("somebody.else-entirely"))
        with Baseten(endpoint, SystemClock()) as baseten:
            yield baseten

    def model_id(self) -> str:
        with self.baseten() as baseten:
            model = baseten.reader.model(KEY)
            assert model is not None
            return model.id

    def log(self, repository: Repository, baseten: Baseten) -> DeployLog:
        return DeployLog(
            repository,
            baseten.reader.workspace(),
            "origin",
            team_of=lambda key: key.team or baseten.reader.default_team(),
            writer=Identity(name="tester", email="tester@example.invalid"),
            api_is_loopback=True,
            branch="main",
        )

    def entries(self, key: ModelKey = KEY) -> tuple[Entry, ...]:
        """The deploy log as the remote has it."""
        with Repository.discover(self.work.path) as repository, self.baseten() as baseten:
            log = self.log(repository, baseten)
            log.fetch()
            return log.entries(key)

    def told(self, key: ModelKey = KEY) -> list[str]:
        """The deploy log as ``ENVIRONMENT EVENT``."""
        return [f"{each.environment} {each.event.value}" for each in self.entries(key)]

    def log_tips(self) -> str:
        """The refs of the deploy log on the remote, with their commits."""
        return self.work.git("ls-remote", "origin", "refs/gitops/*")

    @contextmanager
    def baseten(self) -> Iterator[Baseten]:
        with Baseten(self.endpoint, SystemClock()) as baseten:
            yield baseten

    def live(self, environment: str) -> LiveEnvironment:
        with self.baseten() as baseten:
            model = baseten.reader.model(KEY)
            assert model is not None
            found = model.environment(environment)
            assert found is not None
            return found

    def serving(self, environment: str) -> str:
        """The name of the deployment that serves."""
        current = self.live(environment).current
        assert current is not None
        return current.name

    def writes(self) -> list[str]:
        """Every write to the management API so far, as ``METHOD path``, uploads left out."""
        return [
            f"{each['method']} {each['path']}"
            for each in self.emulator.requests(writes=True)
            if each["path"].startswith("/v1/") and "prepare_model_upload" not in each["path"]
        ]

    def pushes(self) -> list[str]:
        """The writes that made a deployment."""
        return [
            each
            for each in self.writes()
            if each.startswith("POST") and each.endswith(("/models", "/deployments"))
        ]


@contextmanager
def stage(folder: Path, *files: dict[str, Any], **options: Any) -> Iterator[Stage]:
    """A stage with a first commit."""
    merged: dict[str, Any] = {}
    for each in files:
        merged |= each
    work = repositories.Repository.create(folder / "work", merged)
    work.publish(folder / "remote.git")
    with running(**{"speed": SPEED, "seed": 7, "rate_limits": False, **options}) as emulator:
        yield Stage(work=work, emulator=emulator)
