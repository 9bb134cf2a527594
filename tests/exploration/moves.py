"""What can happen between applies, and during one: Git, people, the platform, time, a rival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from tests.exploration.memory import NAMES
from tests.exploration.world import ADDED, ENVIRONMENTS, Environment, Refused, World

if TYPE_CHECKING:
    from tests.exploration.runs import Plan, Run


@dataclass(frozen=True, slots=True)
class Git:
    """Git asks for something else."""

    staging: str | None = None
    production: str | None = None
    least: int | None = None
    paused: bool | None = None

    def happen(self, world: World, during: Run | None = None) -> None:
        asked = {
            "staging": self.staging,
            "production": self.production,
            "least": self.least,
            "paused": self.paused,
        }
        changed = {name: value for name, value in asked.items() if value is not None}
        world.git = (*world.git, replace(world.git[-1], **changed))

    def __str__(self) -> str:
        said = []
        if self.staging is not None:
            said.append(f"{self.staging} in staging")
        if self.production is not None:
            said.append(f"{self.production} in production")
        if self.least is not None:
            said.append(f"min_replica {self.least} in production")
        if self.paused is not None:
            said.append(f"mode {'pause' if self.paused else 'reconcile'} in production")
        return f"Git asks for {' and '.join(said)}"


@dataclass(frozen=True, slots=True)
class Click:
    """Somebody acts in the UI (or, for ``fails`` and ``idles``, the platform does)."""

    what: str
    env: str = ""
    number: int = -1

    def happen(self, world: World, during: Run | None = None) -> None:
        """Raises ``Refused`` where that cannot be done now."""
        world.clicks += 1
        world.tick += 1
        env = world.envs.get(self.env)
        if self.what == "pushes":
            world.push("F", NAMES["F"], "person")
            return
        if self.what == "deletes the model":
            if world.model is None:
                raise Refused("there is no model")
            world.model, world.deployments, world.envs, world.audit = None, [], {}, ()
            return
        if env is None:
            raise Refused("there is no such environment")
        _ACTIONS[self.what](world, env, self.number)
        world.tick += 1
        env.disturbed = world.tick

    def __str__(self) -> str:
        on = f" deployment {self.number}" if self.number >= 0 else ""
        where = f" in {self.env}" if self.env else ""
        who = "the platform" if self.what in {"fails", "idles"} else "a person"
        told = {
            "pushes": "pushes F",
            "fails": "lets what serves fail",
            "idles": "stops what serves, as it is idle",
            "sets": "sets min_replica to 3",
        }.get(self.what, self.what)
        return f"{who} {told}{on}{where}"


def _promotes(world: World, env: Environment, number: int) -> None:
    if number >= len(world.deployments):
        raise Refused("there is no such deployment")
    art = world.deployments[number].art
    world.promote(env, number, "person", pending={}, fast=False)
    env.condemned = {each: at for each, at in env.condemned.items() if each != art}


def _cancels(world: World, env: Environment, number: int) -> None:
    promotion = env.promotion
    if promotion is None or promotion.status == "RAMPING_DOWN":
        raise Refused("nothing to cancel")
    assert env.candidate is not None
    art = world.deployments[env.candidate].art
    if promotion.by == "us" and not promotion.back:
        env.condemned = {**env.condemned, art: promotion.index}
    world.cancel(env, "person", force=False)


def _pauses(world: World, env: Environment, number: int) -> None:
    promotion = env.promotion
    if (
        promotion is None
        or not promotion.rolling
        or promotion.status not in {"RELEASING", "RAMPING_UP"}
    ):
        raise Refused("nothing to pause")
    promotion.status, promotion.due = "PAUSED", None
    world.note("MODEL_PROMOTION_CONTROL_ACTION", "person", env.name, env.candidate, "PAUSE")


def _resumes(world: World, env: Environment, number: int) -> None:
    promotion = env.promotion
    if promotion is None or promotion.status != "PAUSED":
        raise Refused("nothing to resume")
    promotion.status = "RAMPING_UP" if promotion.percent else "RELEASING"
    promotion.due = world.now + 10.0
    world.note("MODEL_PROMOTION_CONTROL_ACTION", "person", env.name, env.candidate, "RESUME")


def _sets(world: World, env: Environment, number: int) -> None:
    if env.settings.get("min_replica") == ADDED:
        raise Refused(f"it is {ADDED}")
    env.settings = {**env.settings, "min_replica": ADDED}
    env.touched |= {"min_replica"}
    world.note("ENVIRONMENT_UPDATED", "person", env.name, None)


def _stops(world: World, env: Environment, by: str) -> None:
    if env.current is None or env.promotion is not None:
        raise Refused("nothing to stop")
    current = world.deployments[env.current]
    if current.status not in {"ACTIVE", "SCALED_TO_ZERO"}:
        raise Refused("it does not run")
    current.status = "INACTIVE"
    world.note("MODEL_DEPLOYMENT_DEACTIVATED", by, None, env.current)
    env.stopped_by_person = by == "person"


def _deactivates(world: World, env: Environment, number: int) -> None:
    _stops(world, env, "person")


def _idles(world: World, env: Environment, number: int) -> None:
    _stops(world, env, "system")


def _activates(world: World, env: Environment, number: int) -> None:
    if env.current is None or world.deployments[env.current].status != "INACTIVE":
        raise Refused("nothing to activate")
    current = world.deployments[env.current]
    current.status, current.due = "DEPLOYING", world.now + 20.0
    world.note("MODEL_DEPLOYMENT_ACTIVATED", "person", None, env.current)
    env.stopped_by_person = False


def _fails(world: World, env: Environment, number: int) -> None:
    if env.current is None or env.promotion is not None:
        raise Refused("nothing to fail")
    current = world.deployments[env.current]
    if current.status != "ACTIVE":
        raise Refused("it does not run")
    current.status = "FAILED"


_ACTIONS: Final[dict[str, Any]] = {
    "promotes": _promotes,
    "cancels": _cancels,
    "pauses": _pauses,
    "resumes": _resumes,
    "sets": _sets,
    "deactivates": _deactivates,
    "activates": _activates,
    "idles": _idles,
    "fails": _fails,
}


@dataclass(frozen=True, slots=True)
class Passes:
    """Time goes by."""

    seconds: float

    def happen(self, world: World, during: Run | None = None) -> None:
        world.advance(self.seconds)

    def __str__(self) -> str:
        return f"{self.seconds:g} seconds pass"


@dataclass(frozen=True, slots=True)
class Applies:
    """An apply runs, to its end or to where it dies."""

    plan: Plan
    told: str = ""

    def __str__(self) -> str:
        plan = self.plan
        said = ["an apply"]
        if plan.back:
            said.append("of the commit before")
        if plan.same_clone:
            said.append("in the first clone")
        if plan.retry:
            said.append("with --retry")
        if plan.undo_drift:
            said.append("with --undo-drift")
        said.append("runs")
        if plan.host_down is not None:
            said.append(f"with the Git host down from call {plan.host_down} on")
        if plan.lost is not None:
            said.append(f"and the answer to call {plan.lost} is lost")
        for at, move in plan.meets:
            said.append(f"and before call {at} {move}")
        if plan.kill is not None:
            said.append(f"and dies {'after' if plan.kill[1] else 'before'} call {plan.kill[0]}")
        if self.told:
            said.append(f"({self.told})")
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class Rival:
    """The machine of a running apply stands still so long that another run takes its lock."""

    first: Git | None = None
    back: int = 0

    def happen(self, world: World, during: Run | None = None) -> None:
        from tests.exploration.judge import Judge
        from tests.exploration.runs import Plan, apply

        if self.first is not None:
            self.first.happen(world)
        world.advance(65.0)
        job = during.job if during is not None else None
        apply(world, Plan(back=self.back), during.judge if during is not None else Judge())
        if during is not None:
            during.job = job

    def __str__(self) -> str:
        first = f"{self.first}, and " if self.first is not None else ""
        older = " of the commit before" if self.back else ""
        return f"it stands still, {first}another run{older} takes its lock and runs to its end"


def git_moves(world: World) -> Iterator[Git]:
    now = world.git[-1]
    for art in "ABC":
        if now.staging != art:
            yield Git(staging=art)
        if now.production != art:
            yield Git(production=art)
        if (now.staging, now.production) != (art, art):
            yield Git(staging=art, production=art)
    yield Git(least=5 - now.least)
    yield Git(paused=not now.paused)


def clicks(world: World) -> Iterator[Click]:  # noqa: C901, PLR0912 - one case a click
    """Everything that somebody could do now; the world refuses what makes no sense."""
    if world.model is None:
        return
    if world.still():
        yield Click("deletes the model")
    if not any(each.art == "F" for each in world.deployments):
        yield Click("pushes")
    for name in ENVIRONMENTS:
        env = world.envs.get(name)
        if env is None:
            continue
        if env.promotion is not None:
            yield Click("cancels", name)
            if env.promotion.status == "PAUSED":
                yield Click("resumes", name)
            elif env.promotion.rolling:
                yield Click("pauses", name)
        else:
            seen = set()
            for number, each in enumerate(world.deployments):
                serving = env.current is not None and world.deployments[env.current].art
                if each.status in {"ACTIVE", "SCALED_TO_ZERO"} and each.art not in {*seen, serving}:
                    seen.add(each.art)
                    yield Click("promotes", name, number)
            if env.current is not None:
                status = world.deployments[env.current].status
                if status == "INACTIVE":
                    yield Click("activates", name)
                elif status == "ACTIVE":
                    yield Click("deactivates", name)
                    yield Click("fails", name)
                    yield Click("idles", name)
        if env.settings.get("min_replica") != ADDED:
            yield Click("sets", name)


@dataclass(frozen=True, slots=True)
class Sometime:
    """Whatever chance picks of what could happen at that moment of a run."""

    seed: int

    def happen(self, world: World, during: Run | None = None) -> None:
        found: list[Any] = list(clicks(world))
        found += [Rival(), Rival(back=1), Passes(20.0), *git_moves(world)]
        found += [Rival(each) for each in git_moves(world)]
        picked = found[self.seed % len(found)]
        if during is not None:
            during.met.append(f"before call {during.calls - 1} {picked}")
        picked.happen(world, during)

    def __str__(self) -> str:
        return "something happens"
