"""Which commit of which truss a deployment was made from: proved by its files, never assumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from gitops.errors import RepositoryError
from gitops.pipeline.importing.compare import (
    content_key,
    differences_of,
    other_modes,
    outside_folders,
    shortened,
)
from gitops.pipeline.sources import Objects
from gitops.pipeline.trusses import Trusses
from gitops.plan.imported import Near
from gitops.state.archived import CONFIG_FILE, Archived
from gitops.state.artifact import Artifact
from gitops.state.commit import CommitInfo
from gitops.state.identity.refusal import NoArtifact

Scope: TypeAlias = Literal["head", "history", "elsewhere"]
"""Commits of HEAD's history that changed a truss's folder as HEAD has it; all of its history; what
only other branches and tags have."""

FOLDERS: Final = 16
"""So many folders are looked at for one deployment, the likeliest first."""
_AT_ONCE: Final = 256
_SCOPES: Final[tuple[Scope, ...]] = ("head", "history", "elsewhere")
_LINK: Final = "120000"
_TOLD: Final = 50


class TreeSearch(Protocol):
    """Finds sets of files in the history; ``elsewhere``: not in HEAD's but on other branches."""

    def folders(
        self, wanted: Sequence[Mapping[str, str]], scope: Scope, config_file: str
    ) -> list[dict[str, int]]:
        """For each set of files (ids by path): folders that held any, and how many; most first."""

    def truss_folders(self, config_file: str, scope: Scope) -> tuple[str, ...]:
        """Every folder that has had a file of that name."""

    def histories(
        self, folders: Iterable[str], *, elsewhere: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """For each folder the commits that changed something in it, newest first."""

    def commits(self, folders: Iterable[str], *, elsewhere: bool = False) -> tuple[str, ...]:
        """Commits that changed something in any of these folders, newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A truss at a commit that gives what is deployed, to the digest.

    ``modes`` are the files whose executable bit is another in the archive.
    """

    commit: CommitInfo
    artifact: Artifact
    modes: tuple[str, ...] = ()
    merged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Where a deployment is said to come from: by its labels, or by the deploy log."""

    commit: str | None
    truss: str
    rebuild: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a search found: the source, or what comes nearest to it."""

    source: Source | None = None
    near: Near | None = None


@dataclass(frozen=True, slots=True)
class _Listed:
    """What stands in a folder: blob ids by path, and whether links are among them."""

    oids: Mapping[str, str]
    links: bool


@dataclass(slots=True)
class _Trail:
    """One deployment's search so far: where it looked, and what came nearest."""

    deployed: Archived
    looked: set[tuple[str, bool]] = field(default_factory=set)
    score: int = 0
    commit: str = ""
    folder: str = ""
    source: Source | None = None


@dataclass(slots=True)
class Prover:
    """Searches one repository from one commit on; what several deployments share is looked at once.

    ``any_commit``: gitops.yaml allows pins that are not merged.
    """

    objects: Objects
    trees: TreeSearch
    head: str
    any_commit: bool
    trusses: Trusses = field(init=False)
    _histories: dict[tuple[str, bool], tuple[str, ...]] = field(default_factory=dict)
    _seen: dict[tuple[str, bool], tuple[bool, tuple[str, ...]]] = field(default_factory=dict)
    _listed: dict[str, _Listed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Share one look at trusses."""
        self.trusses = Trusses(self.objects)

    def of_digest(self, digest: str, hints: Iterable[Hint]) -> Source | None:
        """A commit that may be pinned and gives this artifact; the one that is named, if it can."""
        every = list(dict.fromkeys(hints))
        for hint in every:
            if hint.commit is not None and self._may_be_pinned(hint.commit):
                found = self._artifact(hint.commit, hint.truss, hint.rebuild)
                if found is not None and found.digest == digest:
                    return self._source(hint.commit, found)
        for hint in every:
            self._read_histories([hint.truss], elsewhere=False)
            for commit in self._histories[hint.truss, False]:
                found = self._artifact(commit, hint.truss, hint.rebuild)
                if found is not None and found.digest == digest:
                    return self._source(commit, found)
        return None

    def of_files(self, deployed: Sequence[Archived]) -> list[Sought]:
        """For each deployment, the newest commit whose truss has the same files, or the nearest.

        A few passes over the history serve all of them: through the folders that HEAD has, and
        only for what is not found there through all others, and then through other branches.
        """
        trails = {content_key(each): _Trail(each) for each in deployed}
        for scope in _SCOPES:
            lost = [each for each in trails.values() if each.source is None]
            if lost:
                self._search(lost, scope)
        found = {
            key: Sought(
                source=each.source, near=None if each.source is not None else self._near(each)
            )
            for key, each in trails.items()
        }
        return [found[content_key(each)] for each in deployed]

    def in_folder(self, deployed: Archived, folder: str) -> Source | None:
        """The newest commit whose truss in this folder has the same files."""
        return self._in_folder(_Trail(deployed), folder, elsewhere=False)

    def _search(self, trails: Sequence[_Trail], scope: Scope) -> None:
        files = [{path: it.likely for path, it in each.deployed.files.items()} for each in trails]
        ranked = self.trees.folders(files, scope, CONFIG_FILE)
        everywhere: tuple[str, ...] | None = None
        likely: list[tuple[_Trail, list[str]]] = []
        elsewhere = scope == "elsewhere"
        for trail, held in zip(trails, ranked, strict=True):
            folders = sorted(held, key=lambda it: (-held[it], not self._is_here(it), it))
            if not folders and CONFIG_FILE in trail.deployed.files:
                # Its config.yaml may have been written anew, and it may have no other file.
                if everywhere is None:
                    everywhere = self.trees.truss_folders(CONFIG_FILE, scope)
                folders = [*everywhere]
            fresh = [each for each in folders if (each, elsewhere) not in trail.looked]
            likely.append((trail, fresh[:FOLDERS]))
        self._read_histories({it for _, them in likely for it in them}, elsewhere=elsewhere)
        for trail, folders in likely:
            for folder in folders:
                trail.source = self._in_folder(trail, folder, elsewhere=elsewhere)
                if trail.source is not None:
                    break

    def _is_here(self, folder: str) -> bool:
        return self.objects.tree_id(self.head, folder) is not None

    def _read_histories(self, folders: Iterable[str], *, elsewhere: bool) -> None:
        missing = sorted(each for each in folders if (each, elsewhere) not in self._histories)
        read = self.trees.histories(missing, elsewhere=elsewhere)
        self._histories.update({(each, elsewhere): commits for each, commits in read.items()})

    def _in_folder(self, trail: _Trail, folder: str, *, elsewhere: bool) -> Source | None:
        """The newest commit with the same files; with the same executable bits too, if there is."""
        trail.looked.add((folder, elsewhere))
        other: Source | None = None
        for source in self._identical(trail, folder, elsewhere=elsewhere):
            if not source.modes:
                return source
            other = other or source
        return other

    def _identical(self, trail: _Trail, folder: str, *, elsewhere: bool) -> Iterator[Source]:
        """Commits whose truss in this folder has the same files, newest first."""
        deployed = trail.deployed
        outside, commits = self._contents(folder, elsewhere=elsewhere)
        for commit in commits:
            there = self._list(commit, folder)
            found = self._artifact(commit, folder, None) if outside else None
            oids = there.oids if found is None else {it.path: it.oid for it in found.entries}
            same = sum(oids.get(path) == file.oid for path, file in deployed.files.items())
            near = sum(oids.get(path) == file.likely for path, file in deployed.files.items())
            if CONFIG_FILE in there.oids and max(same, near) > trail.score:
                trail.score, trail.commit, trail.folder = max(same, near), commit, folder
            likely = same == len(deployed.files) or there.links or outside
            if deployed.lacking is not None or not likely:
                continue
            found = found or self._artifact(commit, folder, None)
            if found is not None and not differences_of(deployed, found):
                merged = self.any_commit or not elsewhere
                yield self._source(commit, found, modes=other_modes(deployed, found), merged=merged)

    def _contents(self, folder: str, *, elsewhere: bool) -> tuple[bool, tuple[str, ...]]:
        """Whether a folder has ever taken packages from outside, and a commit of each content."""
        known = self._seen.get((folder, elsewhere))
        if known is None:
            self._read_histories([folder], elsewhere=elsewhere)
            commits = tuple(self._states(folder, self._histories[folder, elsewhere]))
            outside = self._outside(folder, commits)
            if outside:
                touched = self.trees.commits([folder, *sorted(outside)], elsewhere=elsewhere)
                commits = tuple(self._states(folder, touched, outside))
            known = self._seen[folder, elsewhere] = (bool(outside), commits)
        return known

    def _states(
        self, folder: str, commits: Sequence[str], outside: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        """The newest commit of each content that the folder has had."""
        seen: set[tuple[str | None, ...]] = set()
        places = (folder, *sorted(outside))
        for start in range(0, len(commits), _AT_ONCE):
            chunk = commits[start : start + _AT_ONCE]
            self.objects.read_ahead((commit, folder) for commit in chunk)
            for commit in chunk:
                state = tuple(self.objects.tree_id(commit, place) for place in places)
                if state[0] is not None and state not in seen:
                    seen.add(state)
                    yield commit

    def _outside(self, folder: str, commits: Sequence[str]) -> frozenset[str]:
        """Folders outside of the truss that its config.yaml has ever taken packages from."""
        found: set[str] = set()
        configs: set[str] = set()
        for commit in commits:
            config = self._list(commit, folder).oids.get(CONFIG_FILE)
            if config is not None and config not in configs:
                configs.add(config)
                found.update(outside_folders(self.objects.blob(config), folder))
        return frozenset(found)

    def _list(self, commit: str, folder: str) -> _Listed:
        tree = self.objects.tree_id(commit, folder) or ""
        known = self._listed.get(tree)
        if known is None:
            entries = self.objects.entries(commit, folder) or ()
            known = self._listed[tree] = _Listed(
                {each.path: each.oid for each in entries},
                any(each.mode == _LINK for each in entries),
            )
        return known

    def _near(self, trail: _Trail) -> Near | None:
        info = self.objects.info(trail.commit) if trail.commit else None
        if info is None:
            return None
        if trail.deployed.lacking is not None:
            return Near(commit=info, truss=trail.folder, differs=())
        try:
            artifact = self.trusses.artifact(trail.commit, trail.folder, None)
        except NoArtifact as error:
            first = error.refusals[0]
            said = f"{first.file} {first.message}"
            return Near(commit=info, truss=trail.folder, differs=(said,))
        differs = differences_of(trail.deployed, artifact)
        told = tuple(map(shortened, differs[:_TOLD]))
        more = len(differs) - len(told)
        return Near(commit=info, truss=trail.folder, differs=told, more=more)

    def _artifact(self, commit: str, truss: str, rebuild: str | None) -> Artifact | None:
        try:
            return self.trusses.artifact(commit, truss, rebuild)
        except NoArtifact:
            return None

    def _may_be_pinned(self, commit: str) -> bool:
        try:
            return self.objects.exists(commit) and (
                self.any_commit or self.objects.is_ancestor(commit, self.head)
            )
        except RepositoryError:
            return False

    def _source(
        self,
        commit: str,
        artifact: Artifact,
        *,
        modes: tuple[str, ...] = (),
        merged: bool = True,
    ) -> Source:
        info = self.objects.info(commit)
        assert info is not None
        return Source(commit=info, artifact=artifact, modes=modes, merged=merged)
