"""Which commits take each other back: by what they did to the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gitops.pipeline.cancelled import cancelled
from gitops.state.changed import ChangedPath, Changes, GitFile

Tree = Mapping[str, str]


def changes(before: Tree, after: Tree) -> Changes:
    def file(tree: Tree, path: str) -> GitFile | None:
        return GitFile(mode="100644", oid=tree[path]) if path in tree else None

    paths = sorted({*before, *after})
    found = [
        ChangedPath(path=path, before=file(before, path), after=file(after, path)) for path in paths
    ]
    return tuple(each for each in found if each.before != each.after)


def of(*trees: Tree) -> frozenset[int]:
    steps = [changes(one, other) for one, other in pairwise(trees)]
    return cancelled(steps, changes(trees[0], trees[-1]))


def test_a_commit_and_its_revert() -> None:
    assert of({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "1", "b": "1"}) == {0, 1}


def test_what_lies_between_and_touches_other_files_ships() -> None:
    assert of({}, {"a": "1"}, {"a": "1", "b": "1"}, {"b": "1"}) == {0, 2}


def test_a_revert_of_a_revert_ships_what_was_reverted() -> None:
    assert of({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "2"}) == {0, 1}


def test_a_revert_of_a_whole_merge_takes_back_all_that_it_brought() -> None:
    assert of({"a": "1"}, {"a": "2"}, {"a": "2", "b": "1"}, {"a": "1"}) == {0, 1, 2}


def test_what_is_reverted_in_part_ships() -> None:
    both = {"a": "2", "b": "2"}
    assert of({"a": "1", "b": "1"}, both, {"a": "1", "b": "2"}) == frozenset()
    assert of({"a": "1"}, {"a": "2"}, {"a": "1", "b": "3"}) == frozenset()


def test_a_revert_that_a_merge_left_aside_cancels_nothing() -> None:
    there, back = changes({"a": "1"}, {"a": "2"}), changes({"a": "2"}, {"a": "1"})
    assert cancelled([there, back], changes({"a": "1"}, {"a": "1"})) == {0, 1}
    assert cancelled([there, back], there) == frozenset()
    later = changes({"a": "2"}, {"a": "3"})
    assert cancelled([there, back, later], changes({"a": "1"}, {"a": "3"})) == frozenset()


TREES = st.dictionaries(st.sampled_from("abc"), st.sampled_from("123"), max_size=3)


@given(st.lists(TREES, min_size=1, max_size=8), TREES)
def test_what_stays_leads_from_one_end_to_the_other(trees: Sequence[Tree], end: Tree) -> None:
    steps = [changes(one, other) for one, other in pairwise(trees)]
    gone = cancelled(steps, changes(trees[0], end))
    touched = {each.path for position in gone for each in steps[position]}
    at = {path: trees[0].get(path) for path in touched}
    for position, own in enumerate(steps):
        for each in own if position not in gone else ():
            if each.path in at:
                assert (each.before.oid if each.before else None) == at[each.path]
                at[each.path] = each.after.oid if each.after else None
    assert at == {path: end.get(path) for path in touched}


@given(st.lists(st.sets(st.sampled_from("abc"), min_size=1), max_size=6))
def test_a_way_and_all_of_it_back_again_is_nothing(written: Sequence[set[str]]) -> None:
    trees: list[Tree] = [{}]
    for number, paths in enumerate(written):
        trees.append({**trees[-1], **dict.fromkeys(paths, str(number))})
    assert of(*trees, *trees[-2::-1]) == frozenset(range(2 * len(written)))
