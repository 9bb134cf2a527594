"""Decisions, carried out one first step at a time on a toy world, come to an end and stay there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.decide import Decision, Options, Situation, State
from gitops.decide.steps import CancelPromotion, Promote, RollBack
from gitops.record.entry import Event
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment
from gitops.state.settings import Settings
from tests.decide.scenes import CHECK, artifact, digest
from tests.decide.world import Killed, Luck, Run, World

LETTERS = "ABC"


def environment(letter: str, replicas: int = 1, *, checks: bool = True) -> DesiredEnvironment:
    return DesiredEnvironment(
        name="production",
        artifact=artifact(letter),
        settings=Settings(autoscaling={"min_replica": replicas}),
        checks=(CHECK,) if checks else (),
    )


def commit(number: int) -> str:
    return f"{number:040x}"


def safe(situation: Situation, decision: Decision) -> None:
    """What must hold of every decision, whatever happened before it."""
    history = situation.history
    assert history is not None
    log, wanted = history.environment("production"), situation.environment.artifact
    assert wanted is not None
    held_now = {
        hold.side.digest
        for hold in log.holds
        if hold.entry.applied_commit == situation.applied_commit
    }
    for step in decision.steps:
        if isinstance(step, Promote):
            assert situation.options.retry or wanted.digest not in held_now
        if isinstance(step, CancelPromotion | RollBack):
            assert log.open_intent is not None


commits = st.lists(st.tuples(st.sampled_from(LETTERS), st.integers(0, 2)), min_size=1, max_size=5)
some = st.frozensets(st.sampled_from([digest(letter) for letter in LETTERS]), max_size=1)
lucks = st.builds(dict, bad_builds=some, bad_checks=some, bad_promotions=some, bad_watches=some)
deaths = st.lists(st.one_of(st.none(), st.integers(0, 8)), max_size=5)


@settings(max_examples=150)
@given(asked=commits, luck=lucks, deaths=deaths, checks=st.booleans())
def test_any_history_of_commits_and_deaths_comes_to_rest(
    asked: list[tuple[str, int]],
    luck: dict[str, frozenset[str]],
    deaths: list[int | None],
    checks: bool,
) -> None:
    world = World(settings={"min_replica": 5})
    for number, (letter, replicas) in enumerate(asked):
        wanted = environment(letter, replicas, checks=checks)
        death = deaths[number] if number < len(deaths) else None
        first = Run(world, wanted, commit(number), luck=Luck(**luck, die_after=death), seen=safe)
        try:
            first.finish()
        except Killed:
            second = Run(world, wanted, commit(number), luck=Luck(**luck), seen=safe)
            second.finish()
        third = Run(world, wanted, commit(number), luck=Luck(**luck), seen=safe)
        writes = world.writes
        last = third.finish()
        if last.exit_code == 0:
            assert world.writes == writes, [each.row for each in third.decisions]
        assert last.state in {State.CONVERGED, State.HELD, State.PROMOTE}
        if last.state is State.CONVERGED:
            assert world.current is not None
            assert third.digest(world.current) == digest(letter)
            assert world.settings["min_replica"] == replicas
        history = ModelHistory.of(world.log).environment("production")
        assert history.open_intent is None
        assert world.candidate is None
    usable = [each for each in world.pushes if each not in luck["bad_builds"]]
    assert len(usable) == len(set(usable)), "an artifact was pushed twice"


def test_a_new_artifact_goes_all_the_way() -> None:
    world = World()
    Run(world, environment("A"), commit(0)).finish()
    run = Run(world, environment("B"), commit(1))
    assert run.finish().state is State.CONVERGED
    assert [decision.row for decision in run.decisions] == [21, 20, 20, 20, 6, 13, 13, 18]
    assert [each.event for each in world.log[-2:]] == [Event.INTENT, Event.RELEASED]


def test_a_bad_release_is_rolled_back_and_held_and_the_run_is_red_once() -> None:
    world = World()
    Run(world, environment("A"), commit(0)).finish()
    luck = Luck(bad_watches=frozenset({digest("B")}))
    red = Run(world, environment("B"), commit(1), luck=luck).finish()
    assert (red.state, red.exit_code) == (State.HELD, 3)
    later = Run(world, environment("B"), commit(1), luck=luck).finish()
    assert (later.state, later.exit_code) == (State.HELD, 0)
    again = Run(world, environment("B"), commit(1), options=Options(retry=True)).finish()
    assert (again.state, again.exit_code) == (State.CONVERGED, 0)


def test_a_retry_of_a_release_that_is_still_bad_ends() -> None:
    world = World()
    luck = Luck(bad_checks=frozenset({digest("B")}))
    Run(world, environment("A"), commit(0)).finish()
    assert Run(world, environment("B"), commit(1), luck=luck).finish().exit_code == 5
    retried = Run(world, environment("B"), commit(1), luck=luck, options=Options(retry=True))
    assert retried.finish().exit_code == 5
    assert [each.event for each in world.log[-2:]] == [Event.LIFTED, Event.REJECTED]


def test_a_revert_promotes_what_is_there_without_pushing_or_checking() -> None:
    world = World()
    for number, letter in enumerate("AB"):
        Run(world, environment(letter), commit(number)).finish()
    pushed = list(world.pushes)
    run = Run(world, environment("A"), commit(2))
    run.finish()
    assert world.pushes == pushed
    assert "Check" not in {type(each.steps[0]).__name__ for each in run.decisions if each.steps}


def test_asking_anew_ends_a_hold() -> None:
    world = World()
    luck = Luck(bad_watches=frozenset({digest("B")}))
    Run(world, environment("A"), commit(0)).finish()
    Run(world, environment("B"), commit(1), luck=luck).finish()
    Run(world, environment("A"), commit(2)).finish()
    run = Run(world, environment("B"), commit(3))
    assert run.finish().state is State.CONVERGED
