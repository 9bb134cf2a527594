"""The ports of one apply, made of a world: every call can be the last one, or meet something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gitops.errors import (
    RequestRefused,
)
from gitops.state.artifact import Artifact
from gitops.state.live import (
    AuditEntry,
    Deployment,
    LiveEnvironment,
    LiveModel,
    Promotion,
)
from gitops.state.names import ModelKey
from gitops.state.settings import Settings
from gitops.verify.observation import Answer, Window
from tests.exploration.memory import ARTIFACTS
from tests.exploration.world import EPOCH, Environment, Refused, moment

if TYPE_CHECKING:
    from tests.exploration.runs import Run

KEY: Final = ModelKey(None, "model")
_ANSWERS: Final = {
    "B": Answer(status=500, seconds=0.1),
    "C": Answer(status=200, seconds=0.1, body=b"{}"),
}


_GONE: Final = Answer(status=404, seconds=0.1)


def refusing(effect: Callable[[], Any]) -> Any:
    try:
        return effect()
    except Refused as refused:
        raise RequestRefused(str(refused), status=400) from None


class Clock:
    """Virtual time. Every sleep lets the world go on."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def now(self) -> datetime:
        return moment(self.run.world.now)

    def monotonic(self) -> float:
        return self.run.world.now

    def sleep(self, seconds: float) -> None:
        self.run.call("sleep", lambda: self.run.world.advance(seconds), effects=True)


class Reader:
    """Reads are answered from the world as it is at that moment."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def _look(self, what: str, effect: Callable[[], Any], *envs: str) -> Any:
        found = self.run.call(what, effect)
        self.run.looked_at(envs or self.run.world.envs)
        return found

    def deployment_at(self, number: int) -> Deployment:
        each = self.run.world.deployments[number]
        return Deployment(
            id=f"d{number}",
            name=each.name,
            model_id=self.run.world.model or "",
            status=each.status,
            created_at=moment(each.made),
            labels=ARTIFACTS[each.art].labels if each.art in ARTIFACTS else {},
            environment=each.env,
            active_replicas=3 if each.status == "ACTIVE" else 0,
        )

    def _environment(self, env: Environment) -> LiveEnvironment:
        promotion = env.promotion
        return LiveEnvironment(
            name=env.name,
            current=self.deployment_at(env.current) if env.current is not None else None,
            candidate=self.deployment_at(env.candidate) if env.candidate is not None else None,
            promotion=Promotion(
                status=promotion.status, percent=promotion.percent, rolling=promotion.rolling
            )
            if promotion is not None
            else None,
            settings=Settings(autoscaling=dict(env.settings)),
        )

    def model(self, key: ModelKey) -> LiveModel | None:
        def effect() -> LiveModel | None:
            world = self.run.world
            if world.model is None:
                return None
            return LiveModel(
                id=world.model,
                name=key.name,
                team=None,
                created_at=EPOCH,
                environments=tuple(self._environment(each) for each in world.envs.values()),
            )

        found: LiveModel | None = self._look("read model", effect)
        return found

    def model_name(self, model_id: str) -> str | None:
        found: str | None = self.run.call(
            "read name", lambda: KEY.name if self.run.world.model == model_id else None
        )
        return found

    def environment(self, model_id: str, name: str) -> LiveEnvironment | None:
        def effect() -> LiveEnvironment | None:
            env = self.run.world.envs.get(name)
            return self._environment(env) if env is not None else None

        found: LiveEnvironment | None = self._look(f"read {name}", effect, name)
        return found

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        def effect() -> tuple[Deployment, ...]:
            self.run.must_be_there("deployments")
            self.run.listed_at = self.run.world.tick
            return tuple(map(self.deployment_at, range(len(self.run.world.deployments))))

        found: tuple[Deployment, ...] = self.run.call("read deployments", effect)
        return found

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        def effect() -> Deployment | None:
            number = int(deployment_id[1:])
            there = number < len(self.run.world.deployments)
            return self.deployment_at(number) if there else None

        found: Deployment | None = self.run.call("read deployment", effect)
        return found

    def audit(
        self, model_id: str, *, since: datetime | None = None
    ) -> tuple[AuditEntry, ...] | None:
        def effect() -> tuple[AuditEntry, ...]:
            world = self.run.world
            self.run.must_be_there("the audit log")
            actors = {"us": "API key own", "person": "ann@example.com", "system": "Baseten"}
            sources = {"us": "API", "person": "UI", "system": "SYSTEM"}
            return tuple(
                AuditEntry(
                    id=f"audit-{each.number}",
                    at=moment(each.at),
                    event_type=each.kind,
                    actor=actors[each.by],
                    source=sources[each.by],
                    own=each.by == "us",
                    by_tool=each.by == "us",
                    person=each.by == "person",
                    environment=each.env,
                    deployment_id=f"d{each.deployment}" if each.deployment is not None else None,
                    data={"deployment_name": world.deployments[each.deployment].name}
                    | ({"action": each.action} if each.action else {})
                    if each.deployment is not None
                    else {},
                )
                for each in world.audit
                if since is None or moment(each.at) >= since
            )

        found: tuple[AuditEntry, ...] = self.run.call("read audit", effect)
        return found

    def logs(self, *_: object, **__: object) -> tuple[str, ...]:
        return ()

    def window(self, model_id: str, deployment_id: str, start: datetime, end: datetime) -> Window:
        def effect() -> Window:
            self.run.must_be_there("metrics")
            each = self.run.world.deployments[int(deployment_id[1:])]
            return Window(
                start=start,
                end=end,
                requests=500.0,
                errors=500.0 if each.art == "C" else 0.0,
                replicas=1.0,
                until=end,
            )

        found: Window = self.run.call("read metrics", effect)
        return found


class Writer:
    """Writes take effect at once; the lock is asked right before each, as the real edge does."""

    def __init__(self, run: Run, permit: Callable[[float], None] | None = None) -> None:
        self.run = run
        self.permit = permit

    def under(self, permit: Callable[[float], None]) -> Writer:
        return Writer(self.run, permit)

    def _write(self, what: str, effect: Callable[[], Any]) -> Any:
        def sent() -> Any:
            if self.permit is not None:
                self.permit(30.0)
            self.run.writes += 1
            self.run.must_be_there(what)
            return refusing(effect)

        return self.run.call(what, sent, effects=True, loses=True)

    def _deployment(self, number: int) -> Deployment:
        return Reader(self.run).deployment_at(number)

    def push(
        self,
        key: ModelKey,
        model_id: str | None,
        artifact: Artifact,
        *,
        name: str,
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        art = next(each for each, own in ARTIFACTS.items() if own.digest == artifact.digest)

        def effect() -> Deployment:
            self.run.judge.pushes(self.run, art)
            return self._deployment(self.run.world.push(art, name, "us"))

        made: Deployment = self._write(f"push {art}", effect)
        return made

    def create_environment(self, model_id: str, name: str, settings: Mapping[str, Any]) -> None:
        def effect() -> None:
            world = self.run.world
            if name in world.envs:
                raise Refused("there is an environment of that name")
            found = {"min_replica": 0, "max_replica": 1, **settings.get("autoscaling_settings", {})}
            world.envs[name] = Environment(name, found)
            world.note("ENVIRONMENT_CREATED", "us", name, None)
            world.tick += 1

        self._write(f"create {name}", effect)

    def update_environment(self, model_id: str, name: str, settings: Mapping[str, Any]) -> None:
        def effect() -> None:
            world = self.run.world
            given = settings.get("autoscaling_settings", {})
            self.run.judge.updates(self.run, name, given)
            env = world.envs[name]
            env.settings = {**env.settings, **given}
            world.note("ENVIRONMENT_UPDATED", "us", name, None)
            world.tick += 1

        self._write(f"set {name}'s settings", effect)

    def promote(
        self,
        model_id: str,
        environment: str,
        deployment_id: str,
        *,
        settings: Mapping[str, Any] | None = None,
        override: Mapping[str, Any] | None = None,
        preserve_instance_type: bool = True,
    ) -> Deployment:
        fast = (override or {}).get("rolling_deploy") is False
        number = int(deployment_id[1:])
        there = number < len(self.run.world.deployments)
        art = self.run.world.deployments[number].art if there else "nothing"

        def effect() -> Deployment:
            run, world = self.run, self.run.world
            pending = dict((settings or {}).get("autoscaling_settings", {}))
            run.judge.promotes(run, environment, number, pending, back=fast)
            env = world.envs[environment]
            before = env.settings
            made = world.promote(
                env,
                number,
                "us",
                pending=pending,
                fast=fast,
                index=run.index,
            )
            if not fast:
                excused = env.disturbed > run.read_at.get(environment, -1)
                env.before = None if excused else {**before, "_art": art}
                env.touched = frozenset()
            return self._deployment(made)

        back = " back" if fast else ""
        made: Deployment = self._write(f"promote {art}{back} to {environment}", effect)
        return made

    def cancel_promotion(self, model_id: str, environment: str, *, force: bool = False) -> None:
        def effect() -> None:
            self.run.judge.cancels(self.run, environment)
            self.run.world.cancel(self.run.world.envs[environment], "us", force=force)

        self._write(f"{'force-' if force else ''}cancel in {environment}", effect)

    def resume_promotion(self, model_id: str, environment: str) -> None:
        raise AssertionError("an apply never resumes")

    def force_roll_forward(self, model_id: str, environment: str) -> None:
        def effect() -> None:
            self.run.judge.cancels(self.run, environment)
            env = self.run.world.envs[environment]
            if env.promotion is None or not env.promotion.rolling:
                raise Refused("no rolling promotion is in progress")
            self.run.world.complete(env)

        self._write(f"force forward in {environment}", effect)

    def activate(self, model_id: str, deployment_id: str) -> None:
        number = int(deployment_id[1:])

        def effect() -> None:
            world = self.run.world
            each = world.deployments[number]
            self.run.judge.activates(self.run, number)
            if each.status != "INACTIVE":
                raise Refused(f"it is {each.status}")
            each.status, each.due = "DEPLOYING", world.now + BUILD_AGAIN
            world.note("MODEL_DEPLOYMENT_ACTIVATED", "us", None, number)
            world.tick += 1

        self._write(f"activate {deployment_id}", effect)

    def deactivate(self, model_id: str, deployment_id: str) -> None:
        self._write(
            f"deactivate {deployment_id}", lambda: self.run.judge.stops(self.run, deployment_id)
        )

    def scale(self, model_id: str, deployment_id: str, autoscaling: Mapping[str, Any]) -> None:
        self._write(f"scale {deployment_id}", lambda: None)

    def retry(self, model_id: str, deployment_id: str) -> str | None:
        number = int(deployment_id[1:])

        def effect() -> None:
            world = self.run.world
            each = world.deployments[number]
            if each.status != "FAILED":
                raise Refused(f"it is {each.status}")
            each.status, each.due = "DEPLOYING", world.now + BUILD_AGAIN
            world.note("MODEL_DEPLOYMENT_RETRIED", "us", None, number)
            world.tick += 1

        self._write(f"retry {deployment_id}", effect)
        return None


BUILD_AGAIN: Final = 20.0


class Prober:
    """B answers its checks with errors; everything else is fine as long as nobody uses it."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def send(self, model_id: str, deployment_id: str, *_: object, **__: object) -> Answer:
        if self.run.world.model is None:
            return _GONE
        art = self.run.world.deployments[int(deployment_id[1:])].art
        return _ANSWERS.get(art, _ANSWERS["C"])

    def wake(self, model_id: str, deployment_id: str) -> None:
        def effect() -> None:
            if self.run.world.model is None:
                return
            each = self.run.world.deployments[int(deployment_id[1:])]
            if each.status == "SCALED_TO_ZERO":
                each.status, each.due = "WAKING_UP", self.run.world.now + 5.0

        self.run.call(f"wake {deployment_id}", effect, effects=True)


class Archives:
    def archive(self, artifact: Artifact) -> Iterator[bytes]:
        return iter((b"",))
