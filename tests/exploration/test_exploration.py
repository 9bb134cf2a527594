"""A bounded part of the exploration; ``python -m tests.exploration`` goes on by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.exploration.canon import world_key
from tests.exploration.judge import Judge
from tests.exploration.moves import Applies, Click, Git
from tests.exploration.rules import RULES
from tests.exploration.runs import Plan, apply, single_threaded
from tests.exploration.search import Search, Trail, breaks, roots, told
from tests.exploration.shown import NOT_SHOWN, SHOWN


@pytest.fixture(autouse=True)
def _no_threads() -> Iterator[None]:
    with single_threaded():
        yield


def nothing_is_broken(search: Search) -> None:
    for finding in search.findings:
        sentences = "\n  ".join(told(finding.trail))
        pytest.fail(f"{finding.violation}\n  {sentences}\n  {finding.trail!r}")


def test_ten_properties_hold_breadth_first() -> None:
    search = Search()
    search.wide(12_000)
    nothing_is_broken(search)
    assert len(search.states) >= 12_000


@pytest.mark.parametrize("first", [0, 60, 120])
def test_ten_properties_hold_on_long_walks(first: int) -> None:
    search = Search()
    for seed in range(first, first + 60):
        search.walk(seed)
    nothing_is_broken(search)
    assert len(search.states) > 5_000


@pytest.mark.parametrize("rule", [name for name in RULES if name not in NOT_SHOWN])
def test_without_the_rule_a_property_breaks(rule: str) -> None:
    name, trail = SHOWN[rule]
    assert breaks(trail) is None, "with the rule it holds"
    with RULES[rule]():
        found = breaks(trail)
    assert found is not None
    assert found.name == name


def test_every_rule_is_shown_or_said_not_to_be() -> None:
    assert SHOWN.keys() | NOT_SHOWN.keys() == RULES.keys()
    assert not SHOWN.keys() & NOT_SHOWN.keys()


def test_the_same_seed_walks_the_same_way() -> None:
    first, second = Search(), Search()
    first.walk(7)
    second.walk(7)
    assert first.states == second.states


def test_what_nobody_can_tell_apart_is_one_world() -> None:
    world = roots()["A everywhere"]
    later = world.copy()
    later.advance(3_000.0)
    assert world_key(world) == world_key(later)
    Git(production="B").happen(later)
    assert world_key(world) != world_key(later)


# What the exploration found, by the moves that showed it.


def test_a_persons_stop_is_not_undone_from_another_environment() -> None:
    cancelled = Plan(meets=((46, Click("cancels", "production")),))
    stopped = Plan(retry=True, meets=((1, Click("deactivates", "staging")),))
    assert breaks(Trail("nothing", (Applies(cancelled), Applies(stopped)))) is None


def test_a_persons_stop_is_remembered_however_long_ago_it_was() -> None:
    world = roots()["A everywhere"]
    Git(staging="C").happen(world)
    apply(world, Plan(), Judge())
    Click("deactivates", "production").happen(world)
    world.advance(3_600.0)
    Git(production="C").happen(world)
    # Its promotion is announced and never sent; the next run writes that into the log.
    run = apply(world.copy(), Plan(), Judge())
    sent = run.trail.index("promote C to production")
    apply(world, Plan(kill=(sent, False)), Judge())
    Git(production="A").happen(world)
    world.advance(3_600.0)
    for _ in range(2):
        last = apply(world, Plan(), Judge())
        world.advance(3_600.0)
    decision = last.results["model/production"].decision
    assert decision is not None
    assert (decision.row, decision.blocked is not None) == (14, True)


def test_a_persons_promotion_of_what_a_rollback_brings_back_is_not_forced() -> None:
    some = ((37, Git(staging="C")), (70, Click("fails", "production")))
    faster = (77, Click("promotes", "production", 0))
    plan = Plan(meets=(*some, faster))
    assert breaks(Trail("F in production", (Applies(plan),))) is None


def test_no_setting_is_changed_while_a_promotion_runs_that_has_begun_meanwhile() -> None:
    dies = Applies(Plan(back=1, kill=(47, False)))
    meets = Applies(Plan(same_clone=True, meets=((19, Click("promotes", "production", 0)),)))
    assert breaks(Trail("F in production", (Git(least=2), dies, meets))) is None


def test_what_a_person_put_where_nothing_served_is_not_replaced_after_a_start_that_never_was() -> (
    None
):
    dies = Applies(Plan(kill=(23, False)))
    promoted = Click("promotes", "staging", 0)
    assert breaks(Trail("F in production", (dies, promoted))) is None
