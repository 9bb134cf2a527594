"""An abstract Baseten in memory, with the Git history and the deploy log that belong to it.

Everything is a small value that is copied whole, so that the world between any two requests of an
apply can be kept and gone on from. Time is a number of seconds that only the clock moves.

Three artifacts are Git's to ask for: A is good, B fails its checks, C fails under traffic. F is
pushed by a person and unknown to Git.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gitops.record.entry import Entry

EPOCH: Final = datetime(2026, 11, 22, tzinfo=UTC)
STAGING, PRODUCTION = "staging", "production"
ENVIRONMENTS: Final = (STAGING, PRODUCTION)
BUILD, RELEASE, STEP, DOWN = 20.0, 10.0, 25.0, 10.0
"""Seconds: a build or start, until traffic moves, until the next step, and back down."""

ADDED: Final = 6
"""What a person sets ``min_replica`` to: twice the most that Git asks for, and the maximum."""

UP: Final = frozenset({"ACTIVE", "SCALED_TO_ZERO"})


class Refused(Exception):
    """Baseten refuses a request."""


def moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


@dataclass(slots=True)
class Deployment:
    art: str
    name: str
    made: float
    status: str = "BUILDING"
    due: float | None = None
    env: str | None = None

    def copy(self) -> Deployment:
        return Deployment(self.art, self.name, self.made, self.status, self.due, self.env)


@dataclass(slots=True)
class Promotion:
    """``by``: ``us``, or ``person``. ``back``: it is a way back, in place and at once."""

    by: str
    rolling: bool
    back: bool
    pending: dict[str, Any]
    status: str = "RELEASING"
    percent: int = 0
    due: float | None = None
    began: float = 0.0
    tick: int = 0
    index: int = -1

    def copy(self) -> Promotion:
        return Promotion(
            self.by,
            self.rolling,
            self.back,
            self.pending,
            self.status,
            self.percent,
            self.due,
            self.began,
            self.tick,
            self.index,
        )


@dataclass(slots=True)
class Environment:
    """The second half is what judges remember and nobody who acts can see.

    ``foreign`` is an artifact that a person put here and the log knew nothing of; ``condemned`` are
    artifacts with the commit that asked for them when a release of them was ended as bad or by a
    person; ``before`` are the settings before the last release of ours, ``touched`` what a person
    changed of them since; ``put_by`` who promoted what serves; ``disturbed`` when a person or the
    platform last did something here.
    """

    name: str
    settings: dict[str, Any]
    current: int | None = None
    candidate: int | None = None
    promotion: Promotion | None = None
    put_by: str = ""
    foreign: str | None = None
    foreign_tick: int = 0
    condemned: dict[str, int] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    touched: frozenset[str] = frozenset()
    disturbed: int = 0
    stopped_by_person: bool = False

    def copy(self) -> Environment:
        return Environment(
            self.name,
            self.settings,
            self.current,
            self.candidate,
            self.promotion.copy() if self.promotion is not None else None,
            self.put_by,
            self.foreign,
            self.foreign_tick,
            self.condemned,
            self.before,
            self.touched,
            self.disturbed,
            self.stopped_by_person,
        )


@dataclass(frozen=True, slots=True)
class Commit:
    """What Git asks for at one commit: artifacts and production's ``min_replica``."""

    staging: str
    production: str
    least: int = 3
    paused: bool = False

    def art(self, environment: str) -> str:
        return self.staging if environment == STAGING else self.production


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry of Baseten's audit log. ``by``: ``us``, ``person`` or ``system``."""

    at: float
    kind: str
    by: str
    env: str | None
    deployment: int | None
    action: str = ""
    number: int = 0


class World:
    """All there is. ``lock`` names the run that holds the model's lock, ``lock_until`` its end."""

    __slots__ = (
        "applied",
        "audit",
        "chain",
        "clicks",
        "deployments",
        "envs",
        "git",
        "kept",
        "lock",
        "lock_until",
        "model",
        "models_made",
        "now",
        "ran",
        "runs",
        "tick",
        "watchers",
    )

    def __init__(self) -> None:
        self.now = 0.0
        self.model: str | None = None
        self.models_made = 0
        self.deployments: list[Deployment] = []
        self.envs: dict[str, Environment] = {}
        self.audit: tuple[Deed, ...] = ()
        self.chain: tuple[Entry, ...] = ()
        self.kept: tuple[tuple[Entry, str | None], ...] = ()
        self.git: tuple[Commit, ...] = (Commit("A", "A"),)
        self.applied = -1
        self.ran = -1
        self.lock: int | None = None
        self.lock_until = 0.0
        self.runs = 0
        self.tick = 0
        self.clicks = 0
        self.watchers: Any = None
        """The run that is in progress; never copied."""

    def copy(self) -> World:
        other = World.__new__(World)
        other.now, other.model, other.models_made = self.now, self.model, self.models_made
        other.deployments = [each.copy() for each in self.deployments]
        other.envs = {name: each.copy() for name, each in self.envs.items()}
        other.audit, other.chain, other.kept = self.audit, self.chain, self.kept
        other.git, other.applied, other.ran = self.git, self.applied, self.ran
        other.lock, other.lock_until = self.lock, self.lock_until
        other.runs, other.tick, other.clicks = self.runs, self.tick, self.clicks
        other.watchers = None
        return other

    # What goes on by itself

    def _timers(self) -> Iterator[tuple[float, int, Any]]:
        for number, each in enumerate(self.deployments):
            if each.due is not None:
                yield each.due, number, each
        for number, env in enumerate(self.envs.values()):
            promotion = env.promotion
            if promotion is not None and promotion.due is not None:
                yield promotion.due, 100 + number, env

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due happens on the way, in order."""
        end = self.now + seconds
        while True:
            first = min(self._timers(), key=lambda each: each[:2], default=None)
            if first is None or first[0] > end:
                break
            self.now = max(self.now, first[0])
            if isinstance(first[2], Deployment):
                first[2].status, first[2].due = "ACTIVE", None
            else:
                self._move(first[2])
        self.now = end

    def still(self) -> bool:
        return next(self._timers(), None) is None

    def _move(self, env: Environment) -> None:
        promotion = env.promotion
        assert promotion is not None
        assert env.candidate is not None
        candidate = self.deployments[env.candidate]
        if promotion.status == "RAMPING_DOWN":
            self.end(env)
        elif candidate.status == "SCALED_TO_ZERO":
            candidate.status, candidate.due = "WAKING_UP", self.now + 5.0
            promotion.due = self.now + 5.0
        elif candidate.status != "ACTIVE":
            if candidate.due is None:
                self.end(env)
            else:
                promotion.due = candidate.due + RELEASE
        elif promotion.status == "RELEASING" and promotion.rolling:
            promotion.status, promotion.percent = "RAMPING_UP", 50
            promotion.due = self.now + STEP
        else:
            self.complete(env)

    def complete(self, env: Environment) -> None:
        promotion = env.promotion
        assert promotion is not None
        assert env.candidate is not None
        if self.watchers is not None:
            self.watchers.completes(self, env)
        if env.current is not None and env.current != env.candidate:
            previous = self.deployments[env.current]
            previous.env = None
            if previous.status == "ACTIVE":
                previous.status = "SCALED_TO_ZERO"
        env.current, env.candidate, env.promotion = env.candidate, None, None
        env.settings = {**env.settings, **promotion.pending}
        env.put_by, env.stopped_by_person = promotion.by, False
        env.foreign = None
        if promotion.by == "person":
            art = self.deployments[env.current].art
            if not self.known_to_log(env.name, art):
                env.foreign, env.foreign_tick = art, self.tick
        self.tick += 1

    def known_to_log(self, env: str, art: str) -> bool:
        """Whether the log leaves it to us to replace this artifact; nothing known: it does."""
        from tests.exploration.memory import history, letter

        past = history(self.chain).environment(env)
        if past.last_served is None and past.open_intent is None:
            return True
        sides = [past.last_served]
        if past.open_intent is not None:
            sides += [past.open_intent.origin, past.open_intent.artifact]
        return art in {letter(each) for each in sides if each is not None}

    def end(self, env: Environment) -> None:
        """A promotion ends without success."""
        assert env.candidate is not None
        if env.candidate != env.current:
            self.deployments[env.candidate].env = None
        env.candidate = env.promotion = None
        self.tick += 1

    # Requests

    def note(
        self, kind: str, by: str, env: str | None, deployment: int | None, action: str = ""
    ) -> None:
        entry = Deed(self.now, kind, by, env, deployment, action, len(self.audit))
        self.audit = (*self.audit, entry)

    def push(self, art: str, name: str, by: str) -> int:
        if any(each.name == name for each in self.deployments):
            raise Refused(f"a deployment called {name} is there")
        if self.model is None:
            self.models_made += 1
            self.model = f"m{self.models_made}"
            self.envs[PRODUCTION] = Environment(PRODUCTION, {"min_replica": 0, "max_replica": 1})
        self.deployments.append(Deployment(art, name, self.now, "BUILDING", self.now + BUILD))
        number = len(self.deployments) - 1
        self.note("MODEL_DEPLOYED", by, None, number)
        self.tick += 1
        return number

    def promote(
        self,
        env: Environment,
        number: int,
        by: str,
        *,
        pending: dict[str, Any],
        fast: bool,
        index: int = -1,
    ) -> int:
        if env.promotion is not None:
            raise Refused("a promotion is in progress")
        if env.current == number:
            raise Refused("it serves already")
        source = self.deployments[number]
        if source.status not in {"ACTIVE", "SCALED_TO_ZERO", "BUILDING", "DEPLOYING", "WAKING_UP"}:
            raise Refused(f"it is {source.status}")
        if source.env is not None and source.env != env.name:
            copy = Deployment(
                source.art, self._copied(source.name), self.now, "DEPLOYING", self.now + BUILD
            )
            self.deployments.append(copy)
            number, source = len(self.deployments) - 1, copy
        source.env = env.name
        env.candidate = number
        env.promotion = Promotion(
            by,
            rolling=env.current is not None and not fast,
            back=fast,
            pending=pending,
            due=self.now + RELEASE,
            began=self.now,
            tick=self.tick,
            index=index,
        )
        self.note("MODEL_DEPLOYMENT_PROMOTED", by, env.name, number)
        self.tick += 1
        return number

    def _copied(self, name: str) -> str:
        taken = sum(each.name.startswith(f"{name}.") for each in self.deployments)
        return f"{name}.{1_700_000_000 + taken}"

    def cancel(self, env: Environment, by: str, *, force: bool) -> None:
        promotion = env.promotion
        if promotion is None:
            raise Refused("no promotion is in progress")
        if force and not promotion.rolling:
            raise Refused("it is not a rolling one")
        action = "FORCE_CANCEL" if force else "GRACEFUL_CANCEL"
        self.note("MODEL_PROMOTION_CONTROL_ACTION", by, env.name, env.candidate, action)
        self.tick += 1
        if promotion.percent and not force:
            promotion.status, promotion.due = "RAMPING_DOWN", self.now + DOWN
        else:
            self.end(env)
