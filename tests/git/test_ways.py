"""Many ways at once say what Git says of each alone, whatever the history looks like."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.git.repository import Repository as Opened
from gitops.state.commit import Span
from tests.repositories import EPOCH, Repository

FILES = ("a/x", "a/y", "b/x", "c", "a/b/x")
PATHS = (frozenset({"a"}), frozenset({"b", "c"}), frozenset({"a/b"}), frozenset({"."}))


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[int], list[tuple[str, int]]]]:
    """Commits: the numbers of their parents, and the files that they write."""
    written = st.tuples(st.sampled_from(FILES), st.integers(0, 2))
    found = []
    for number in range(draw(st.integers(2, 9))):
        earlier = st.integers(0, number - 1) if number else st.nothing()
        parents = draw(st.lists(earlier, max_size=3, unique=True)) if number else []
        found.append((parents, draw(st.lists(written, max_size=2))))
    return found


def made(folder: Path, commits: list[tuple[list[int], list[tuple[str, int]]]]) -> list[str]:
    repository = Repository.create(folder, bare=True)
    stream = ""
    for number, (parents, files) in enumerate(commits):
        when = int(EPOCH.timestamp()) + 60 * number
        stream += f"commit refs/heads/c{number}\nmark :{number + 1}\n"
        stream += f"committer T <t@example.invalid> {when} +0000\ndata 0\n"
        for place, parent in enumerate(parents):
            stream += f"{'merge' if place else 'from'} :{parent + 1}\n"
        stream += "".join(f"M 100644 inline {path}\ndata 1\n{value}\n" for path, value in files)
        stream += "\n"
    repository.git("fast-import", "--quiet", stdin=stream.encode())
    return [repository.id(f"refs/heads/c{number}") for number in range(len(commits))]


def _same(repository: Opened, commit: str, paths: frozenset[str]) -> bool:
    """Whether it equals one of its parents in these paths."""
    compared = ("diff", "--quiet", "--no-ext-diff")
    asked = [f":(top,literal){'' if path == '.' else path}" for path in sorted(paths)]
    parents = repository.git.run("rev-parse", f"{commit}^@").text.split()
    return any(
        repository.git.try_run(*compared, parent, commit, "--", *asked).code == 0
        for parent in parents
    )


@settings(max_examples=12)
@given(commits=histories())
def test_they_are_what_git_says_of_each(
    commits: list[tuple[list[int], list[tuple[str, int]]]],
) -> None:
    with TemporaryDirectory() as place:
        ids = made(Path(place, "repository"), commits)
        with Opened.discover(Path(place, "repository")) as repository:
            pairs = [(one, other) for one, other in product(ids[-4:], ids[-4:]) if one != other]
            spans = [
                Span(before=one, after=other, paths=PATHS[number % len(PATHS)])
                for number, (one, other) in enumerate(pairs)
            ]
            for span, way in repository.ways(spans).items():
                ends = (span.before, span.after)
                forward = repository.is_ancestor(*ends)
                back = repository.is_ancestor(*reversed(ends))
                assert way.direction == ("forward" if forward else "back" if back else "elsewhere")
                old, new = reversed(ends) if way.direction == "back" else ends
                alone = repository.commits_touching(sorted(span.paths), new, base=old)
                assert {*way.commits} == {*alone}
                assert len({*way.commits}) == len(way.commits)
                assert not any(_same(repository, each, span.paths) for each in way.commits)
                places = {commit: number for number, commit in enumerate(way.commits)}
                for commit, number in places.items():
                    parents = commits[ids.index(commit)][0]
                    assert all(places.get(ids[each], 99) > number for each in parents)
