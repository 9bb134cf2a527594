"""The table of facts: numbered without gaps, each fact held by a test, each mark one of a fact."""

from __future__ import annotations

import pytest

from tests.emulator import facts
from tests.emulator.facts import Fact, Mark, Table

GOOD = Fact(number="B-001", topic="a", says="It is so.", sure="documented")
DOUBT = Fact(number="B-001", topic="a", says="Perhaps.", sure="guess", switch="mode")


def table(*listed: Fact, retired: tuple[str, ...] = ()) -> Table:
    return Table(
        topics={"a": "All"}, facts=listed, retired=dict.fromkeys(retired, "wrong"), elsewhere=()
    )


def mark(number: str, **options: str) -> Mark:
    return Mark(number=number, test="test_it", options=(options,) if options else ())


def test_every_fact_has_a_test_and_every_mark_a_fact() -> None:
    assert facts.problems(*facts.current()) == []


def test_what_is_held_elsewhere_is_there() -> None:
    named = [
        path
        for _, why in facts.current()[0].elsewhere
        for path in why.split("`")[1::2]
        if not (facts.ROOT / path).exists()
    ]
    assert named == []


def test_every_switch_is_there_because_of_a_fact() -> None:
    assert facts.unused(facts.current()[0]) == []
    assert "first_push" in facts.unused(table(GOOD))


@pytest.mark.parametrize(
    ("found", "marks", "problem"),
    [
        (table(GOOD), [], "B-001 has no test: It is so."),
        (table(GOOD), [mark("B-001"), mark("B-002")], "test_it holds to B-002, which is no fact"),
        (table(GOOD, retired=("B-003",)), [mark("B-001")], "B-002 is missing"),
        (table(GOOD, GOOD), [mark("B-001")], "B-001 is there 2 times"),
        (table(GOOD, retired=("B-001",)), [mark("B-001")], "B-001 is there 2 times"),
        (
            table(DOUBT),
            [mark("B-001", mode="'newest'"), mark("B-001")],
            "B-001 is tested with one value of mode only",
        ),
        (
            table(Fact(number="B-001", topic="a", says="", sure="guess")),
            [mark("B-001")],
            "B-001 is a guess and needs either a switch or a reason",
        ),
        (
            table(Fact(number="B-001", topic="a", says="", sure="guess", switch="luck")),
            [mark("B-001")],
            "B-001: the emulator has no switch luck",
        ),
        (
            table(Fact(number="B-001", topic="a", says="", sure="certain")),
            [mark("B-001")],
            "B-001: 'certain' is not one of documented, sdk, clients, disputed, guess",
        ),
    ],
)
def test_gaps_are_found(found: Table, marks: list[Mark], problem: str) -> None:
    assert facts.problems(found, marks) == [problem]


def test_no_gap_is_found_where_there_is_none() -> None:
    marks = [mark("B-001", mode="'newest'"), mark("B-001", mode="'july'")]
    assert facts.problems(table(DOUBT), marks) == []
    assert facts.problems(table(GOOD, retired=("B-002",)), [mark("B-001")]) == []


MODULE = """
@pytest.mark.fact("B-001", "B-002")
@pytest.mark.parametrize(("options", "n"), [({"mode": "july"}, 1), ({}, 2)])
def test_one(n): ...

@pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.fact("B-003"))])
@pytest.mark.parametrize("options", [{"durations": Durations(step=1)}])
def test_two(n): ...

@pytest.mark.fact("B-004")
def no_test(): ...
"""


def test_marks_are_read_with_their_options() -> None:
    assert [(each.number, each.test, each.options) for each in facts.marks_in(MODULE)] == [
        ("B-001", "test_one", ({"mode": "'july'"}, {})),
        ("B-002", "test_one", ({"mode": "'july'"}, {})),
        ("B-003", "test_two", ({"durations.step": "1"},)),
    ]
