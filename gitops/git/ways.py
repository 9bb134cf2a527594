"""The ways between many pairs of commits, and what is changed on them: in two passes for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from gitops.git.process import Git, decoded, encoded
from gitops.state.changed import ChangedPath, Changes, GitFile
from gitops.state.commit import Direction, Span, Way

_FEW: Final = 8

Graph = dict[str, tuple[str, ...]]
"""Parents by commit, children before parents."""


def ways(git: Git, spans: Sequence[Span]) -> dict[Span, Way]:
    """For each pair of commits (full ids) how they lie, and the commits between them that matter.

    These are what ``git rev-list --topo-order --full-history`` lists for each pair alone, but for
    merges that equal one of their parents there: they bring nothing of their own. All pairs are
    kept track of at once: a set of pairs is an integer, with a bit for each of them.
    Raises ``RepositoryError`` where a commit is not in this clone.
    """
    graph = _graph(git, dict.fromkeys(end for span in spans for end in (span.before, span.after)))
    ups = _reaching(graph, [(span.after, 1 << number) for number, span in enumerate(spans)])
    downs = _reaching(graph, [(span.before, 1 << number) for number, span in enumerate(spans)])
    directions = {span: _direction(number, span, ups, downs) for number, span in enumerate(spans)}
    back = sum(1 << number for number, span in enumerate(spans) if directions[span] == "back")
    # On a way back, what lies between is counted from the other end.
    news, olds = _turned(graph, ups, downs, back)
    found: list[list[str]] = [[] for _ in spans]
    between = {commit: bits for commit in graph if (bits := news[commit] & ~olds[commit])}
    for commit, touched in _touched(git, graph, between, spans):
        listing = between[commit]
        for _, bits in touched:
            listing &= bits
        while listing:
            lowest = listing & -listing
            found[lowest.bit_length() - 1].append(commit)
            listing ^= lowest
    return {
        span: Way(direction=directions[span], commits=tuple(found[number]))
        for number, span in enumerate(spans)
    }


def with_changes(git: Git, commits: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """Those that differ in these paths from each of their parents, in their order."""
    asked = encoded("".join(f"{commit}\n" for commit in commits))
    listed = git.run("rev-list", "--no-walk=unsorted", "--parents", "--stdin", stdin=asked).text
    graph = {commit: tuple(parents) for commit, *parents in map(str.split, listed.splitlines())}
    merges = {commit: 1 for commit, parents in graph.items() if len(parents) > 1}
    if not merges:
        return tuple(commits)
    span = Span(before="", after="", paths=frozenset(paths))
    plain = {
        commit
        for commit, touched in _touched(git, graph, merges, [span])
        if not all(bits for _, bits in touched)
    }
    return tuple(commit for commit in commits if commit not in plain)


def changed(git: Git, steps: Sequence[Sequence[str]], paths: Iterable[str]) -> tuple[Changes, ...]:
    """What each step changes, below the paths at least; a renamed file is two.

    A step is one commit, against its parent (against nothing where it has none; a merge changes
    nothing), or two: what the second has to become the first.
    """
    tops = {_plain(path).partition(b"/")[0] for path in paths}
    done = git.run(
        *("diff-tree", "--stdin", "--root", "--always", "-r", "-z", "--raw", "--no-abbrev"),
        *("--no-renames", "--"),
        *([b":(top,literal)" + top for top in tops] if len(tops) <= _FEW else []),
        stdin=encoded("".join(f"{' '.join(step)}\n" for step in steps)),
    )
    fields = iter(decoded(done.out).split("\0"))
    found: list[list[ChangedPath]] = []
    for field in fields:
        if field.startswith(":"):
            old_mode, new_mode, old, new, _ = field.removeprefix(":").split(" ")
            found[-1].append(
                ChangedPath(
                    path=next(fields),
                    before=GitFile(mode=old_mode, oid=old) if old.strip("0") else None,
                    after=GitFile(mode=new_mode, oid=new) if new.strip("0") else None,
                )
            )
        elif field:
            found.append([])
    return tuple(map(tuple, found))


def _graph(git: Git, ends: Mapping[str, None]) -> Graph:
    """The history that the ends do not share, and some that they do.

    It begins at the oldest of them, if all the others come after that; else at the very begin.
    """
    asked = "".join(f"{end}\n" for end in ends)
    by_date = git.run("rev-list", "--no-walk=sorted", "--stdin", stdin=encoded(asked)).text.split()
    oldest = by_date[-1]
    graph = _listed(git, f"{asked}^{oldest}^@\n")
    after = {oldest}
    for commit in reversed(graph):
        if not after.isdisjoint(graph[commit]):
            after.add(commit)
    return graph if after.issuperset(ends) else _listed(git, asked)


def _listed(git: Git, asked: str) -> Graph:
    done = git.run("rev-list", "--topo-order", "--parents", "--stdin", stdin=encoded(asked))
    rows = map(str.split, done.text.splitlines())
    return {commit: tuple(parents) for commit, *parents in rows}


def _reaching(graph: Graph, ends: Sequence[tuple[str, int]]) -> dict[str, int]:
    """By commit, which of the ends reach it."""
    found: dict[str, int] = defaultdict(int)
    for end, bit in ends:
        found[end] |= bit
    for commit, parents in graph.items():
        bits = found[commit]
        if bits:
            for parent in parents:
                found[parent] |= bits
    return found


def _direction(
    number: int, span: Span, ups: Mapping[str, int], downs: Mapping[str, int]
) -> Direction:
    if ups[span.before] >> number & 1:
        return "forward"
    return "back" if downs[span.after] >> number & 1 else "elsewhere"


def _turned(
    graph: Graph, ups: Mapping[str, int], downs: Mapping[str, int], back: int
) -> tuple[dict[str, int], dict[str, int]]:
    if not back:
        return dict(ups), defaultdict(int, downs)
    news = {each: ups[each] & ~back | downs[each] & back for each in graph}
    olds = {each: downs[each] & ~back | ups[each] & back for each in graph}
    return news, defaultdict(int, olds)


def _touched(
    git: Git, graph: Graph, between: Mapping[str, int], spans: Sequence[Span]
) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Commits, and for each parent (empty: none) for which pairs the two differ."""
    wanted: dict[bytes, int] = defaultdict(int)
    for number, span in enumerate(spans):
        for path in span.paths:
            wanted[_plain(path)] |= 1 << number
    asked = [(commit, parent) for commit in between for parent in graph[commit] or ("",)]
    # Git compares every entry of a folder with every path that it is given.
    tops = {path.partition(b"/")[0] for path in wanted}
    paths = [b":(top,literal)" + top for top in tops] if len(tops) <= _FEW else []
    done = git.run(
        *("diff-tree", "--stdin", "--root", "--always", "-r", "-z", "--raw", "--no-renames", "--"),
        *paths,
        stdin=encoded("".join(f"{commit} {parent}".rstrip() + "\n" for commit, parent in asked)),
    )
    fields = iter(done.out.split(b"\0"))
    known: dict[bytes, int] = {}
    pairs: list[tuple[str, int]] = []
    position = -1
    for field in fields:
        if field.startswith(b":"):
            pairs[-1] = (pairs[-1][0], pairs[-1][1] | _bits(next(fields), wanted, known))
        elif field:
            position += 1
            commit, parent = asked[position]
            if pairs and asked[position - 1][0] != commit:
                yield asked[position - 1][0], pairs
                pairs = []
            pairs.append((parent, 0))
    if pairs:
        yield asked[position][0], pairs


def _bits(path: bytes, wanted: Mapping[bytes, int], known: dict[bytes, int]) -> int:
    """The pairs that look at a path, or at a folder that it is in."""
    bits = known.get(path)
    if bits is None:
        above = _bits(path.rpartition(b"/")[0], wanted, known) if path else 0
        bits = known[path] = above | wanted.get(path, 0)
    return bits


def _plain(path: str) -> bytes:
    return b"/".join(part for part in encoded(path).split(b"/") if part not in {b"", b"."})
