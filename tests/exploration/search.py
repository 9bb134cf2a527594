"""Breadth first from a few beginnings, and long walks; every state is judged."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.exploration.canon import world_key
from tests.exploration.judge import Judge, Violation, judge_rest
from tests.exploration.moves import Applies, Git, Passes, Rival, Sometime, clicks, git_moves
from tests.exploration.runs import Endless, Plan, Run, Unfit, apply
from tests.exploration.world import Refused, World

ROUNDS: Final = 9
"""Applies after which everything that is still has to be at rest."""


@dataclass(frozen=True, slots=True)
class Trail:
    """How a state was reached: the moves since a beginning, newest last."""

    root: str
    moves: tuple[Any, ...] = ()

    def then(self, move: Any) -> Trail:
        return Trail(self.root, (*self.moves, move))


@dataclass(slots=True)
class Finding:
    """A property that does not hold, and the moves that show it."""

    violation: Violation
    trail: Trail


def roots() -> dict[str, World]:
    """Where explorations begin."""
    empty = World()
    settled = World()
    make(settled, Applies(Plan()), Judge())
    settled.advance(600.0)
    foreign = World()
    foreign.push("F", "hotfix", "person")
    foreign.advance(60.0)
    foreign.promote(foreign.envs["production"], 0, "person", pending={}, fast=False)
    foreign.advance(600.0)
    foreign.clicks = 1
    return {"nothing": empty, "A everywhere": settled, "F in production": foreign}


def make(world: World, move: Any, judge: Judge, seen: Any = None) -> Run | None:
    """Let a move happen. Raises ``Refused`` where it cannot, ``Violation`` for what is broken."""
    if not isinstance(move, Applies):
        move.happen(world)
        return None
    try:
        return apply(world, move.plan, judge, seen)
    except Endless:
        raise Violation("rest", "an apply does not end") from None
    except Refused:
        raise
    except Exception as bug:
        raise Violation("rest", f"an apply ends in a bug: {bug!r}") from bug


@dataclass
class Search:
    """What was seen. ``worlds`` are those between two requests, ``states`` know their run too."""

    judge: Judge = field(default_factory=Judge)
    worlds: set[int] = field(default_factory=set)
    states: set[int] = field(default_factory=set)
    rested: set[int] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    queue: deque[tuple[World, Trail]] = field(default_factory=deque)
    applies: int = 0
    expanded: int = 0
    walks: int = 0
    stop_at_first: bool = True
    meeting: int = 12
    """How many clicks and rivals one expansion puts into the middle of its applies."""

    def wide(self, states: int) -> None:
        """Breadth first until so many states were seen, or none is left."""
        for name, world in roots().items():
            self._reach(world, Trail(name))
        while self.queue and len(self.states) < states and not self._over():
            self._expand(*self.queue.popleft())

    def walk(self, seed: int, moves: int = 30) -> None:
        """One long walk with chance deciding, the same for every seed."""
        self.walks += 1
        chance = random.Random(seed)  # noqa: S311 - chance decides about moves, never about a secret
        beginnings = roots()
        name = chance.choice(list(beginnings))
        world, trail = beginnings[name], Trail(name)
        for _ in range(moves):
            move = _any_move(world, chance)
            trail = trail.then(move)
            before = world.copy()
            try:
                run = make(world, move, self.judge, self._counts)
                self.applies += run is not None
            except (Refused, Unfit):
                world, trail = before, Trail(name, trail.moves[:-1])
                continue
            except Violation as violation:
                self._found(violation, trail)
                return
            self.states.add(hash((self._key(world), None)))
            if not self._rests(world, trail):
                return

    # One state

    def _over(self) -> bool:
        return self.stop_at_first and bool(self.findings)

    def _found(self, violation: Violation, trail: Trail) -> None:
        self.findings.append(Finding(violation, trail))

    def _key(self, world: World) -> int:
        key = world_key(world)
        self.worlds.add(key)
        return key

    def _reach(self, world: World, trail: Trail) -> None:
        known = len(self.worlds)
        key = self._key(world)
        self.states.add(hash((key, None)))
        if len(self.worlds) > known:
            self.queue.append((world, trail))

    def _counts(self, run: Run, what: str) -> None:
        """Count the state in the middle of a run: the world, and what the run knows and does."""
        if run.changed or run.key is None:
            run.key, run.changed = self._key(run.world), False
        self.states.add(hash((run.key, what, run.knows())))

    def _rests(self, world: World, trail: Trail) -> bool:
        """Whether everything comes to rest from here, once nobody else does anything."""
        world, passed = world.copy(), []
        for _ in range(ROUNDS):
            world.advance(600.0)
            key = hash((world_key(world), len(world.git) > 1 and world.git[-2]))
            if key in self.rested:
                break
            passed.append(key)
            chain = world.chain
            move = Applies(Plan())
            trail = trail.then(Passes(600.0)).then(move)
            try:
                run = make(world, move, self.judge)
                self.applies += 1
                assert run is not None
                if not run.writes and world.chain == chain:
                    judge_rest(run)
                    break
            except Violation as violation:
                self._found(violation, trail)
                return False
        else:
            rows = {
                name: each.decision.row if each.decision is not None else None
                for name, each in (run.results.items() if run is not None else ())
            }
            self._found(Violation("rest", f"apply after apply changes something: {rows}"), trail)
            return False
        self.rested.update(passed)
        return True

    def _expand(self, world: World, trail: Trail) -> None:
        self.expanded += 1
        if not self._rests(world, trail):
            return
        for move in (*git_moves(world), *clicks(world), Passes(15.0), Passes(600.0)):
            if self._over():
                return
            after = world.copy()
            try:
                move.happen(after)
            except Refused:
                continue
            self._reach(after, trail.then(move))
        for plan in _plans(world):
            self._apply(world, trail, plan)
            if self._over():
                return

    def _apply(self, world: World, trail: Trail, plan: Plan) -> None:
        """A whole run, its death at every call, every answer lost, and what it can meet."""
        met: list[tuple[int, Any]] = []

        def seen(run: Run, what: str) -> None:
            changed = run.changed or run.key is None
            known = len(self.worlds)
            self._counts(run, what)
            if changed:
                at = run.calls - 1
                if len(self.worlds) > known:
                    dies = Applies(replace(plan, kill=(at, False)), what)
                    self.queue.append((run.world.copy(), trail.then(dies)))
                met.extend((at, each) for each in _meets(run.world))

        run = self._try(world, trail, Applies(plan), seen)
        if run is None:
            return
        others = [replace(plan, lost=at) for at in run.losable]
        if run.effective:
            others.append(replace(plan, host_down=run.effective[len(run.effective) // 2]))
        stride = max(len(met) // self.meeting, 1)
        chosen = met[self.expanded % stride :: stride] if met else []
        others += [replace(plan, meets=(each,)) for each in chosen]
        for other in others:
            if self._over():
                return
            self._try(world, trail, Applies(other), self._counts)

    def _try(self, world: World, trail: Trail, move: Applies, seen: Any) -> Run | None:
        after = world.copy()
        try:
            run = make(after, move, self.judge, seen)
        except (Refused, Unfit):
            return None
        except Violation as violation:
            self._found(violation, trail.then(move))
            return None
        self.applies += 1
        self._reach(after, trail.then(move))
        return run


def _plans(world: World) -> Iterator[Plan]:
    yield Plan()
    if len(world.git) > 1:
        yield Plan(back=1)
    if any(env.condemned for env in world.envs.values()) or world.chain:
        yield Plan(retry=True)
    if any(env.foreign for env in world.envs.values()):
        yield Plan(undo_drift=True)
    if world.kept or world.lock is not None:
        yield Plan(same_clone=True)


def _meets(world: World) -> Iterator[Any]:
    yield from clicks(world)
    now = world.git[-1]
    yield Rival()
    yield Rival(Git(staging="A" if now.staging != "A" else "C"))
    yield Rival(Git(production="A" if now.production != "A" else "C"))
    yield Git(staging="A", production="A")


def _any_move(world: World, chance: random.Random) -> Any:
    drawn = chance.random()
    if drawn < 0.22:
        return chance.choice(list(git_moves(world)))
    if drawn < 0.36:
        found = list(clicks(world))
        if found:
            return chance.choice(found)
    if drawn < 0.46:
        return Passes(chance.choice([5.0, 15.0, 35.0, 90.0, 600.0]))
    plan = Plan(
        back=int(chance.random() < 0.1),
        retry=chance.random() < 0.08,
        undo_drift=chance.random() < 0.05,
        same_clone=chance.random() < 0.3,
    )
    drawn = chance.random()
    # Runs that have much to do take some eighty calls.
    at = chance.randrange(3, 90)
    if drawn < 0.3:
        plan = replace(plan, kill=(at, chance.random() < 0.5))
    elif drawn < 0.4:
        plan = replace(plan, lost=at)
    elif drawn < 0.45:
        plan = replace(plan, host_down=at)
    if chance.random() < 0.35:
        some = tuple(
            (chance.randrange(2, 90), Sometime(chance.randrange(1 << 30)))
            for _ in range(chance.choice([1, 1, 2, 3]))
        )
        plan = replace(plan, meets=tuple(sorted(some, key=lambda each: each[0])))
    return Applies(plan)


def told(trail: Trail) -> list[str]:
    """The moves as sentences, and what applies did that had an effect."""
    world = roots()[trail.root]
    found = [f"It begins with {trail.root}."]
    for move in trail.moves:
        heard: list[str] = []
        met: list[str] = []
        end = ""

        def seen(run: Run, what: str, heard: list[str] = heard, met: list[str] = met) -> None:
            met[:] = run.met
            if not what.startswith("read") and what not in {"sleep", "fetch the log"}:
                heard.append(f"{run.calls - 1}: {what}")

        before = world.copy()
        try:
            run = make(world, move, Judge(), seen)
            if run is not None:
                end = "; ".join(
                    f"{tag.rpartition('/')[2]}: row {each.decision.row if each.decision else None}"
                    f"{f', exit {each.exit_code}' if each.exit_code else ''}"
                    for tag, each in run.results.items()
                )
        except Violation as violation:
            end = f"broken: {violation}"
        except (Refused, Unfit):
            world = before
        calls = f": {', '.join([*met, *heard])}" if heard else ""
        rows = f" [{end}]" if end else ""
        found.append(f"{move}{calls}{rows}.")
    return found


def breaks(trail: Trail, judge: Judge | None = None) -> Violation | None:
    """What a trail shows, with what comes of it when everything else is still."""
    search = Search(judge=judge or Judge())
    try:
        world = roots()[trail.root]
    except Violation as violation:
        return violation
    for move in trail.moves:
        try:
            make(world, move, search.judge)
        except (Refused, Unfit):
            return None
        except Violation as violation:
            return violation
    search._rests(world, trail)
    return search.findings[0].violation if search.findings else None


def shrunk(trail: Trail, name: str) -> Trail:
    """A shorter trail that shows the same property broken: moves and their details left out."""

    def shows(moves: tuple[Any, ...]) -> bool:
        try:
            found = breaks(Trail(trail.root, moves))
        except Exception:  # noqa: BLE001 - a trail that makes no sense shows nothing
            return False
        return found is not None and found.name == name

    moves, again = trail.moves, True
    while again:
        again = False
        for at in range(len(moves) - 1, -1, -1):
            for each in ((), *((simpler,) for simpler in _simpler(moves[at]))):
                fewer = (*moves[:at], *each, *moves[at + 1 :])
                if shows(fewer):
                    moves, again = fewer, True
                    break
    return Trail(trail.root, moves)


def _simpler(move: Any) -> Iterator[Any]:
    if not isinstance(move, Applies):
        return
    plan, bare = move.plan, Plan()
    for name in ("back", "retry", "undo_drift", "same_clone", "kill", "lost", "meets", "host_down"):
        if getattr(plan, name) != getattr(bare, name):
            yield Applies(replace(plan, **{name: getattr(bare, name)}))
    for at in range(len(plan.meets)):
        if len(plan.meets) > 1:
            yield Applies(replace(plan, meets=(*plan.meets[:at], *plan.meets[at + 1 :])))


def explored(
    states: int,
    walks: Sequence[int],
    *,
    moves: int = 30,
    stop_at_first: bool = True,
    told_of: Callable[[Search], None] | None = None,
) -> Search:
    """Breadth first, then walks with these seeds."""
    search = Search(stop_at_first=stop_at_first)
    search.wide(states)
    for seed in walks:
        if search._over():
            break
        search.walk(seed, moves)
        if told_of is not None:
            told_of(search)
    return search
