"""Which source commits a plan ships, from real histories."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.git.repository import Repository as Opened
from gitops.pipeline.diff import Ways
from gitops.pipeline.shipped import MOST, with_sources
from gitops.plan.build import build_plan
from gitops.plan.compare import compare
from gitops.plan.document import from_text, to_text
from gitops.plan.model import Plan, Ships
from gitops.state.desired import Desired
from tests.plan.examples import NOW, OLD, artifact, environment, live, model, pushed
from tests.plan.examples import desired as desired_of
from tests.repositories import Repository

TRUSS = "trusses/qwen-3-8b"


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    return Repository.create(tmp_path / "made", {f"{TRUSS}/model.py": "0\n"})


@pytest.fixture
def opened(made: Repository) -> Iterator[Opened]:
    with Opened.discover(made.path) as it:
        yield it


def planned(serving: str | None, asked: str) -> tuple[Plan, Desired]:
    """Production asks for one commit where another, or something unknown, serves."""
    desired = desired_of(model(environment(artifact=artifact(asked))))
    side = dataclasses.replace(OLD, commit=serving)
    decision = pushed(serving=side)
    return build_plan(desired, live(), {"qwen-3-8b": {"production": decision}}, now=NOW), desired


def ships(plan: Plan) -> Ships | None:
    return plan.models[0].environments[0].ships


def told(found: Ships | None) -> tuple[str, list[str], int]:
    assert found is not None
    return found.direction, [each.subject for each in found.commits], found.more


def test_what_touches_the_truss_and_no_merge_that_brings_nothing(
    made: Repository, opened: Opened
) -> None:
    start = made.head
    made.switch("side", create=True)
    made.commit({f"{TRUSS}/model.py": "1\n"}, "Answer @everyone [in v2](https://evil.example)")
    made.switch("main")
    made.commit({"README.md": "elsewhere\n"}, "Unrelated")
    end = made.merge("side")
    plan, desired = planned(start, end)
    with_them = with_sources(plan, desired, opened)
    subject = "Answer @everyone [in v2](https://evil.example)"
    assert told(ships(with_them)) == ("forward", [subject], 0)
    assert from_text(to_text(with_them)) == with_them
    assert compare(with_them, plan) == (), "a plan binds with and without them"
    assert told(ships(with_sources(*planned(end, start), opened))) == ("back", [subject], 0)


def test_a_commit_and_its_revert_ship_nothing(made: Repository, opened: Opened) -> None:
    start = made.head
    bad = made.commit({f"{TRUSS}/model.py": "bad\n", "README.md": "bad\n"}, "Take a slot")
    made.commit({f"{TRUSS}/words.py": "1\n"}, "Say good evening")
    end = made.revert(bad)
    found = ships(with_sources(*planned(start, end), opened))
    assert told(found) == ("forward", ["Say good evening"], 0)
    assert found is not None
    assert found.cancelled == 2
    back = ships(with_sources(*planned(end, start), opened))
    assert told(back) == ("back", ["Say good evening"], 0)


def test_of_many_ways_each_has_its_own_reverts(made: Repository, opened: Opened) -> None:
    start = made.head
    first = made.commit({f"{TRUSS}/model.py": "1\n"}, "First")
    made.commit({f"{TRUSS}/words.py": "1\n", f"{TRUSS}-2/x": "1\n"}, "Second")
    end = made.revert(first)
    between = Ways(opened)
    pairs = [(artifact(one), artifact(end)) for one in (start, first, made.id("HEAD~1"))]
    between.expect(pairs)
    found = [
        between.between(*pair, between.direction(*(each.commit for each in pair))) for pair in pairs
    ]
    assert [[each.subject for each in one.commits] for one in found] == [
        ["Second"],
        ['Revert "First"', "Second"],
        ['Revert "First"'],
    ]
    assert [[each.subject for each in one.cancelled] for one in found] == [
        ['Revert "First"', "First"],
        [],
        [],
    ]
    alone = [Ways(opened).between(*pair, "forward") for pair in pairs]
    assert alone == found


def test_many_are_counted(made: Repository, opened: Opened) -> None:
    start = made.head
    for number in range(MOST + 3):
        made.commit({f"{TRUSS}/model.py": f"{number + 1}\n"}, f"Version {number} " + "x" * 500)
    found = ships(with_sources(*planned(start, made.head), opened))
    assert found is not None
    assert (len(found.commits), found.more) == (MOST, 3)
    assert found.commits[0].subject.startswith(f"Version {MOST + 2} x")
    assert max(len(each.subject) for each in found.commits) == 200


def test_another_line_of_history(made: Repository, opened: Opened) -> None:
    made.switch("side", create=True)
    side = made.commit({f"{TRUSS}/model.py": "side\n"}, "On the side")
    made.switch("main")
    main = made.commit({f"{TRUSS}/model.py": "main\n"}, "On main")
    found = ships(with_sources(*planned(side, main), opened))
    assert told(found) == ("elsewhere", ["On main"], 0)


def test_a_first_release_names_what_is_asked_for(made: Repository, opened: Opened) -> None:
    plan, desired = planned(None, made.head)
    first = dataclasses.replace(plan.models[0].environments[0], serving=None)
    plan = dataclasses.replace(
        plan, models=(dataclasses.replace(plan.models[0], environments=(first,)),)
    )
    assert told(ships(with_sources(plan, desired, opened))) == ("forward", ["Start"], 0)


@pytest.mark.parametrize("serving", [None, "1" * 40, "HEAD", "--output=/tmp/x", "\x00"])
def test_what_serves_is_not_in_this_clone(
    made: Repository, opened: Opened, serving: str | None
) -> None:
    found = ships(with_sources(*planned(serving, made.head), opened))
    assert found is not None
    assert (found.direction, found.commits) == (None, ())
    assert found.unknown is not None
    assert ("is not in this clone" in found.unknown) == (serving is not None)


def test_where_a_shallow_clone_cuts_the_way_nothing_is_claimed(
    made: Repository, tmp_path: Path
) -> None:
    old = made.commit({f"{TRUSS}/model.py": "1\n"}, "Served")
    made.commit({f"{TRUSS}/model.py": "2\n"}, "In between")
    new = made.commit({f"{TRUSS}/model.py": "3\n"}, "Asked for")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone = made.clone(tmp_path / "clone", depth=1)
    clone.git("fetch", "-q", "--depth=1", "origin", old)
    with Opened.discover(clone.path) as shallow:
        found = ships(with_sources(*planned(old, new), shallow))
    assert found is not None
    assert (found.direction, found.commits) == (None, ())
    assert found.unknown == "this clone is shallow, and lacks the way from one to the other"
