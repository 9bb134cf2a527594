"""The workspace: everything that exists, the time, and what is due."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVarTuple

from gitops.emulator.faults import Faults, parse
from gitops.emulator.options import Options
from gitops.emulator.world.audit import AuditLog
from gitops.emulator.world.entities import (
    Deployment,
    Environment,
    LogLine,
    Model,
    Team,
)
from gitops.emulator.world.identifiers import Identifiers
from gitops.emulator.world.load import Load
from gitops.emulator.world.refusal import not_found
from gitops.emulator.world.state import State
from gitops.emulator.world.timeline import EVENTS, Timeline, event, name_of

_Arguments = TypeVarTuple("_Arguments")


class Runner(Protocol):
    """What happens outside of the world: the truss of a deployment, as a process."""

    def build(self, deployment: Deployment) -> tuple[str, ...]:
        """Unpack and check the archive; problems make the build fail."""
        ...

    def load(self, deployment: Deployment) -> None:
        """Start the truss; the end is told by `lifecycle.load_finished`."""
        ...

    def resume(self, deployment: Deployment) -> None:
        """Start the truss again that ended with an emulator before this one."""
        ...

    def stop(self, deployment_id: str) -> None:
        """Stop it once its running requests have ended."""
        ...


class World(State):
    """One workspace. Not thread-safe: everything happens in one event loop."""

    def __init__(self, options: Options, runner: Runner, now: float) -> None:
        """An empty workspace with its teams, at `now` (epoch seconds)."""
        self.options = options
        self.runner = runner
        self.now = now
        self.ids = Identifiers(options.seed)
        super().__init__(
            workspace=options.workspace or f"emulator-{self.ids.new(6)}",
            user_id=self.ids.new(),
            organization_id=self.ids.new(),
            created_at=now,
        )
        self.faults = Faults(options.seed)
        for text in options.faults:
            self.faults.add(parse(text))
        self.timeline = Timeline(self.planned)
        self.audit = AuditLog(self.ids, self.entries)
        self.deployments: dict[str, Deployment] = {}
        """All models' deployments by their id."""
        self.loads: dict[str, Load] = {}
        """Requests at once, by deployment."""
        for index, name in enumerate(options.teams):
            identifier = self.ids.new()
            self.teams[identifier] = Team(
                id=identifier, name=name, default=index == 0, created_at=now
            )
        self.on_status: list[Callable[[World, Deployment], None]] = []
        self.on_change: list[Callable[[], None]] = []
        self.on_promotion_end: list[Callable[[World, Environment], None]] = []

    def restored(self, now: float) -> None:
        """Work out what is not kept, after a state was read; `now` is when it was written.

        Raises:
            LookupError: an event was planned that there is not.
        """
        self.now = max(self.now, now)
        self.deployments = {
            deployment.id: deployment
            for model in self.models.values()
            for deployment in model.deployments.values()
        }
        for deployment in self.deployments.values():
            deployment.in_flight = 0
        self.timeline.restored()
        self.ids.restored(self._known_ids())

    def _known_ids(self) -> Iterable[str]:
        yield from (self.user_id, self.organization_id)
        yield from self.teams
        yield from self.secrets
        yield from self.models
        yield from self.deployments
        yield from self.api_keys
        for _, environment in self.all_environments():
            yield environment.id
            yield from (each.id for each in environment.shadows)
            if environment.schedules is not None:
                yield from (each.id for each in environment.schedules.items)
        yield from (entry.id for entry in self.audit)

    def advance(self, now: float) -> None:
        """Bring the world to `now`, applying every due event in time order."""
        happened = False
        while (due := self.timeline.take(now)) is not None:
            self.now = max(self.now, due.at)
            EVENTS[due.name](self, *due.arguments)
            happened = True
        self.now = max(self.now, now)
        if happened:
            self.changed()

    def changed(self) -> None:
        """Tell whoever waits that something may be different."""
        for listener in self.on_change:
            listener()

    def after(
        self,
        seconds: float,
        handler: Callable[[World, *_Arguments], None],
        *arguments: *_Arguments,
    ) -> int:
        """Have an event happen `seconds` of Baseten's time from now; gives its number.

        `handler` is registered with `@event`; the arguments are plain values.
        """
        return self.timeline.plan(self.now + self.options.scaled(seconds), handler, *arguments)

    def later(
        self, deployment: Deployment, seconds: float, handler: Callable[[World, Deployment], None]
    ) -> None:
        """As `after`, unless the deployment's status changes or it is deleted before."""
        self.after(seconds, _of_deployment, deployment.id, deployment.generation, name_of(handler))

    def log(self, deployment: Deployment, message: str, level: str = "INFO") -> None:
        """Add lines to a deployment's log."""
        for line in message.splitlines() or [""]:
            deployment.logs.append(
                LogLine(at_nanoseconds=int(self.now * 1e9), message=line, level=level)
            )

    @property
    def default_team(self) -> Team:
        """The team that paths without a team mean."""
        return next(team for team in self.teams.values() if team.default)

    def team(self, team_id: str) -> Team:
        """The team of that id. Raises: Refusal 404."""
        found = self.teams.get(team_id)
        if found is None:
            raise not_found("Team")
        return found

    def model(self, model_id: str) -> Model:
        """The model of that id. Raises: Refusal 404."""
        found = self.models.get(model_id)
        if found is None:
            raise not_found("Model")
        return found

    def environment(self, model_id: str, name: str) -> tuple[Model, Environment]:
        """A model and its environment; names compare without case. Raises: Refusal 404."""
        model = self.model(model_id)
        found = model.environments.get(self.options.environment_name(name))
        if found is None:
            raise not_found("Environment")
        return model, found

    def deployment(self, model_id: str, reference: str) -> tuple[Model, Deployment]:
        """A model and one deployment: by id, `production` or `development`.

        Raises:
            Refusal: 404, also for a deployment that is too new to be seen.
        """
        model = self.model(model_id)
        found: Deployment | None
        if reference == "production":
            current = model.production.current_id
            found = model.deployments.get(current) if current else None
        elif reference == "development":
            found = model.development
        else:
            found = model.deployments.get(reference)
        if found is None or found.visible_at > self.now:
            raise not_found("Deployment")
        return model, found

    def current(self, environment: Environment) -> Deployment | None:
        """What serves in an environment."""
        return self.deployments.get(environment.current_id) if environment.current_id else None

    def environment_of(self, deployment: Deployment) -> Environment | None:
        """The environment that a deployment is attached to."""
        if deployment.environment is None:
            return None
        return self.models[deployment.model_id].environments.get(deployment.environment)

    def all_environments(self) -> Iterable[tuple[Model, Environment]]:
        """Every environment of every model."""
        for model in self.models.values():
            for environment in model.environments.values():
                yield model, environment


@event
def _of_deployment(world: World, deployment_id: str, generation: int, name: str) -> None:
    deployment = world.deployments.get(deployment_id)
    if deployment is not None and deployment.generation == generation:
        EVENTS[name](world, deployment)
