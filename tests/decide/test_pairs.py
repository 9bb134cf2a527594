"""Every row, and for every pair of rows a situation in which both match and the lower one wins.

A row is made to match by changing a scene; two rows by both changes, where they do not contradict
each other. Pairs for which that cannot be are listed with the reason, and nothing else may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations, product

import pytest

from gitops.decide import Decision, decide
from gitops.decide.table import ROWS
from gitops.record.entry import Event
from gitops.state.desired import Requirement
from gitops.state.live import Promotion
from tests.decide.scenes import CHECK, Scene, deployment, entry, promoted

FUNCTIONS = dict(ROWS)


class Clash(Exception):
    """Two changes want the same thing to be different."""


class Wish(Scene):
    """A scene that refuses to be changed twice in different ways."""

    def wish(self, **given: object) -> None:
        fixed = self.__dict__.setdefault("_fixed", {})
        for name, value in given.items():
            if fixed.setdefault(name, value) != value:
                raise Clash(name)
            setattr(self, name, value)

    def intent(self, from_: str, to: str) -> None:
        self.wish(_intent=(from_, to))
        if not any(each.event is Event.INTENT for each in self.entries):
            self.entries.append(entry(Event.INTENT, to, from_, minutes_ago=30))


Change = Callable[[Wish], None]


def on_the_way(letter: str, *, own: bool) -> Change:
    def change(scene: Wish) -> None:
        scene.wish(candidate=letter, _own=own)
        assert scene.audit is not None
        scene.audit.append(promoted(letter, own=own))

    return change


def left_over(letter: str) -> Change:
    def change(scene: Wish) -> None:
        scene.intent("P", letter)
        on_the_way(letter, own=True)(scene)

    return change


def way_back(origin: str, bad: str) -> Change:
    def change(scene: Wish) -> None:
        scene.intent(origin, bad)
        on_the_way(origin, own=True)(scene)

    return change


def serves(scene: Wish) -> None:
    scene.wish(current="D")


def open_and_serves(scene: Wish) -> None:
    serves(scene)
    scene.intent("P", "D")


def hold(scene: Wish) -> None:
    scene.entries.insert(
        1, entry(Event.ROLLED_BACK, "D", "P", minutes_ago=50, applied_commit="c" * 40)
    )


def with_status(status: str) -> Change:
    def change(scene: Wish) -> None:
        serves(scene)
        scene.wish(status=status)

    return change


def unverified(scene: Wish) -> None:
    serves(scene)
    scene.wish(checks=True)


def other_settings(scene: Wish) -> None:
    serves(scene)
    scene.wish(settings={"max_replica": 4}, live_settings={"max_replica": 2})


def listed(scene: Wish) -> None:
    assert scene.deployments is not None
    scene.deployments.append(deployment("D"))


CHANGES: dict[int, tuple[Change, ...]] = {
    1: (lambda scene: scene.wish(mode="pause"),),
    2: (lambda scene: scene.more.update(elsewhere="qwen-renamed"),),
    3: (lambda scene: scene.more.update(superseded=True),),
    4: (lambda scene: scene.wish(promotion=Promotion(status="PAUSED")),),
    5: (
        lambda scene: scene.wish(promotion=Promotion(status="RAMPING_DOWN")),
        with_status("UPDATING"),
    ),
    6: (on_the_way("D", own=True), on_the_way("D", own=False)),
    7: (left_over("X"), left_over("D")),
    8: (way_back("P", "X"), way_back("P", "D"), way_back("D", "X")),
    9: (on_the_way("F", own=False), *(on_the_way(letter, own=True) for letter in "XDP")),
    10: (lambda scene: scene.intent("P", "X"), lambda scene: scene.intent("P", "D")),
    11: (hold,),
    12: (lambda scene: scene.wish(current="F"),),
    13: (open_and_serves,),
    14: (with_status("INACTIVE"),),
    15: (with_status("FAILED"), with_status("BUILD_STOPPED")),
    16: (unverified,),
    17: (other_settings,),
    18: (serves,),
    19: (lambda scene: scene.wish(requires=(Requirement(environment="staging"),)),),
    20: (listed,),
    21: (Wish.wish,),
}

IMPOSSIBLE = {
    (7, 8): "an intent's two sides are different artifacts, and the candidate is one of them",
    (7, 13): "an intent for what is wanted makes its candidate row 6's",
    (10, 13): "the open intent's artifact cannot both serve and not serve",
    (12, 13): "what serves is wanted, or it is not",
    (12, 14): "what serves is wanted, or it is not",
    (12, 15): "what serves is wanted, or it is not",
    (12, 16): "what serves is wanted, or it is not",
    (12, 17): "what serves is wanted, or it is not",
    (12, 18): "what serves is wanted, or it is not",
    (13, 14): "row 13 is about what is ready, unhealthy or failed",
    (14, 15): "a deployment has one status",
}


def scenes(*rows: int) -> Iterator[Wish]:
    """Every way to make the rows' situations at once."""
    for changes in product(*(CHANGES[row] for row in rows)):
        # One change may build on what another has set up, so both orders are tried.
        for ordered in (changes, tuple(reversed(changes))):
            scene = Wish()
            try:
                for change in ordered:
                    change(scene)
            except Clash:
                continue
            yield scene


def matches(row: int, scene: Scene) -> bool:
    return FUNCTIONS[row](scene.view()) is not None


def witnesses(lower: int, higher: int) -> list[Wish]:
    """Situations that both rows match and no row above them."""
    return [
        scene
        for scene in scenes(lower, higher)
        if matches(lower, scene)
        and matches(higher, scene)
        and not any(matches(row, scene) for row in range(1, lower))
    ]


def test_the_table_has_21_rows_in_order() -> None:
    assert [number for number, _ in ROWS] == list(range(1, 22))
    assert CHECK.name == "smoke"


@pytest.mark.parametrize("row", range(1, 22))
def test_each_row_matches_alone(row: int) -> None:
    scene = next(scenes(row))
    answer = decide(scene.situation())
    assert isinstance(answer, Decision)
    assert answer.row == row


@pytest.mark.parametrize(("lower", "higher"), list(combinations(range(1, 22), 2)))
def test_of_two_rows_that_match_the_lower_wins(lower: int, higher: int) -> None:
    found = witnesses(lower, higher)
    assert bool(found) == ((lower, higher) not in IMPOSSIBLE), IMPOSSIBLE.get((lower, higher))
    for scene in found:
        answer = decide(scene.situation())
        assert isinstance(answer, Decision)
        assert answer.row == lower


def test_the_impossible_pairs_are_pairs() -> None:
    assert all(1 <= lower < higher <= 21 for lower, higher in IMPOSSIBLE)
