"""Which commits on the way from one to another take each other back, so that nothing of them ships.

What counts is what they did to the files, not what they say: a revert whose message was squashed
away is one, and one that left something in place is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from gitops.state.changed import ChangedPath, Changes, GitFile


def cancelled(commits: Sequence[Changes], whole: Changes) -> frozenset[int]:
    """The positions of those that cancel each other out: a commit, or several, and their revert.

    ``commits`` are what each one changed, oldest first (nothing for a merge), ``whole`` is how the
    two ends differ. None are said to, unless all the others lead by themselves, file by file, from
    one end to the other: where a merge left a revert aside, they do not.
    """
    above: dict[str, list[int]] = defaultdict(list)
    states: dict[str, set[GitFile | None]] = defaultdict(set)
    gone: set[int] = set()
    for position, own in enumerate(commits):
        back: tuple[int, ...] = ()
        if own and all(each.after in states[each.path] for each in own):
            back = _taken_back(own, commits, above)
        for each in own:
            states[each.path].add(each.before)
            if not back:
                above[each.path].append(position)
        for earlier in back:
            for each in commits[earlier]:
                above[each.path].pop()
        gone.update(back, {position} if back else ())
    return frozenset(gone) if _lead(commits, whole, gone) else frozenset()


def _taken_back(
    own: Changes, commits: Sequence[Changes], above: Mapping[str, Sequence[int]]
) -> tuple[int, ...]:
    """The last commits before one that it takes back wholly, newest first; empty: it does not."""
    now = {each.path: each.before for each in own}
    then = {each.path: each.after for each in own}
    left = {path: list(above.get(path, ())) for path in now}
    found: list[int] = []
    while now != then:
        last = max((each[-1] for each in left.values() if each), default=None)
        if last is None:
            return ()
        for each in commits[last]:
            if each.path not in now or now[each.path] != each.after:
                return ()
            now[each.path] = each.before
            left[each.path].pop()
        found.append(last)
    return tuple(found)


def _lead(commits: Sequence[Changes], whole: Changes, gone: set[int]) -> bool:
    """Whether the commits that stay explain every file that one of the others has changed."""
    ends = {each.path: (each.before, each.after) for each in whole}
    steps: dict[str, list[ChangedPath]] = {
        each.path: [] for position in gone for each in commits[position]
    }
    for position, own in enumerate(commits):
        for each in own:
            if position not in gone and each.path in steps:
                steps[each.path].append(each)
    return all(_joined(path, each, ends) for path, each in steps.items())


def _joined(
    path: str,
    steps: Sequence[ChangedPath],
    ends: Mapping[str, tuple[GitFile | None, GitFile | None]],
) -> bool:
    """Whether what stays of one file's changes goes from end to end without a gap."""
    if not steps:
        return path not in ends
    begin, end = ends.get(path, (steps[0].before, steps[0].before))
    befores = [each.before for each in steps]
    afters = [each.after for each in steps]
    return [begin, *afters] == [*befores, end]
