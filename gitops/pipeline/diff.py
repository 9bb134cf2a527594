"""Diff: what two commits ask for, compared offline, with the source commits in between."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from gitops.errors import InvalidRelease, RepositoryError, UsageError
from gitops.pipeline.cancelled import cancelled
from gitops.pipeline.compile import Shared, compile_commit
from gitops.pipeline.project import Project, Repository
from gitops.plan.release_diff import ReleaseDiff, release_diff
from gitops.state.artifact import Artifact
from gitops.state.changed import Changes
from gitops.state.commit import Between, Direction, Span
from gitops.state.identity.build import EXTERNALS
from gitops.yaml import truss_config

BEFORE: Final = "HEAD~1"
NOW: Final = "HEAD"
_MANY: Final = 3
"""So many ways, and they are looked for all at once."""

_LONG: Final = 1_000
"""So many commits of one way, and nobody looks whether some take others back."""

_Between: TypeAlias = tuple[str, str, frozenset[str]]
"""Two commits, the older one first, and the paths that matter between them."""


def diff(project: Project, commits: str | None = None) -> ReleaseDiff:
    """Compare ``BASE..HEAD``, ``BASE`` with HEAD, or the last commit with the one before it.

    ``BASE...HEAD`` compares with where the two parted. Needs no network. Raises ``UsageError``,
    ``RepositoryError`` and ``InvalidRelease``.
    """
    repository = project.repository
    base, head = _ends(repository, commits)
    shared = Shared(repository)
    after = compile_commit(repository, head, shared)
    try:
        before = compile_commit(repository, base, shared)
    except InvalidRelease as error:
        [first, *_] = error.problems
        raise UsageError(
            f"the release files of {base[:12]} are not valid: {first}",
            hint="Compare with a commit whose release files are.",
        ) from error
    return release_diff(before, after, Ways(repository))


def _ends(repository: Repository, commits: str | None) -> tuple[str, str]:
    if commits is None:
        head = repository.head()
        try:
            return repository.resolve(BEFORE), head
        except RepositoryError as error:
            raise UsageError(
                "HEAD has no commit before it in this clone",
                hint="It is shallow: `git fetch --deepen=1` brings one more."
                if repository.is_shallow()
                else "Name two commits: gitops diff BASE..HEAD.",
            ) from error
    for mark in ("...", ".."):
        if mark in commits:
            one, _, other = commits.partition(mark)
            base, head = repository.resolve(one or NOW), repository.resolve(other or NOW)
            if mark == "..":
                return base, head
            fork = repository.merge_base(base, head)
            if fork is None:
                raise UsageError(f"{commits}: the two share no commit in this clone")
            return fork, head
    return repository.resolve(commits), repository.head()


@dataclass(slots=True)
class Ways:
    """The way from one commit to another; what several environments ask is asked of Git once."""

    objects: Repository
    _directions: dict[tuple[str, str], Direction] = field(default_factory=dict)
    _touched: dict[_Between, tuple[str, ...]] = field(default_factory=dict)
    _cancelled: dict[_Between, frozenset[str]] = field(default_factory=dict)

    def expect(self, pairs: Sequence[tuple[Artifact, Artifact]]) -> None:
        """Learn many ways in a few passes over the history."""
        spans = {
            Span(before=old.commit, after=new.commit, paths=_paths(old, new)): None
            for old, new in pairs
            if old.commit != new.commit
        }
        if len(spans) < _MANY:
            return
        straight: list[_Between] = []
        for span, way in self.objects.ways(list(spans)).items():
            self._directions[span.before, span.after] = way.direction
            ends = (span.before, span.after)
            old, new = reversed(ends) if way.direction == "back" else ends
            self._touched[old, new, span.paths] = way.commits
            if way.direction != "elsewhere":
                straight.append((old, new, span.paths))
        self._cancel(straight)

    def direction(self, before: str, after: str) -> Direction:
        """Where ``after`` lies, seen from ``before``."""
        asked = (before, after)
        if asked not in self._directions:
            way: Direction = "elsewhere"
            if self.objects.is_ancestor(before, after):
                way = "forward"
            elif self.objects.is_ancestor(after, before):
                way = "back"
            self._directions[asked] = way
        return self._directions[asked]

    def between(self, before: Artifact, after: Artifact, direction: Direction) -> Between:
        """The commits between the two that touch the truss or what it takes from elsewhere."""
        old, new = (
            (after.commit, before.commit) if direction == "back" else (before.commit, after.commit)
        )
        paths = _paths(before, after)
        asked = (old, new, paths)
        if asked not in self._touched:
            self._touched[asked] = self.objects.commits_touching(sorted(paths), new, base=old)
        if asked not in self._cancelled and direction != "elsewhere":
            self._cancel([asked])
        gone = self._cancelled.get(asked, frozenset())
        infos = [info for each in self._touched[asked] if (info := self.objects.info(each))]
        return Between(
            commits=tuple(each for each in infos if each.id not in gone),
            cancelled=tuple(each for each in infos if each.id in gone),
        )

    def _cancel(self, asked: Iterable[_Between]) -> None:
        """Learn which commits of some straight ways take each other back, in one pass for all."""
        long = [each for each in asked if 1 < len(self._touched[each]) <= _LONG]
        steps: dict[tuple[str, ...], None] = {}
        for old, new, paths in long:
            steps |= dict.fromkeys((each,) for each in self._touched[old, new, paths])
            steps[new, old] = None
        if not steps:
            return
        every = frozenset().union(*(paths for _, _, paths in long))
        changed = dict(zip(steps, self.objects.changed(list(steps), every), strict=True))
        for old, new, paths in long:
            commits = self._touched[old, new, paths][::-1]
            inside = [_inside(changed[each,], paths) for each in commits]
            found = cancelled(inside, _inside(changed[new, old], paths))
            self._cancelled[old, new, paths] = frozenset(commits[each] for each in found)


def _inside(changes: Changes, paths: frozenset[str]) -> Changes:
    """Those below one of the paths."""
    if "." in paths:
        return changes
    return tuple(
        each
        for each in changes
        if any(each.path == path or each.path.startswith(f"{path}/") for path in paths)
    )


def _paths(before: Artifact, after: Artifact) -> frozenset[str]:
    return frozenset([*sources(before), *sources(after)])


def sources(artifact: Artifact) -> Iterable[str]:
    """The folders that an artifact is made of: its truss, and its external package directories."""
    yield posixpath.normpath(artifact.truss)
    if EXTERNALS not in artifact.raw_config:
        return
    named = truss_config.parse(artifact.raw_config.encode()).get(EXTERNALS)
    for folder in named if isinstance(named, list) else ():
        yield posixpath.normpath(posixpath.join(artifact.truss, str(folder)))
