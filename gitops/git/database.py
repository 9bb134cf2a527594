"""Commits and trees of the object database, by id and by path; never the working tree."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from gitops.errors import RepositoryError
from gitops.git.commitobject import Commit, parse_commit
from gitops.git.objects import CatFile, Found, MissingObject, Tree, parse_tree
from gitops.git.partial import Partial, Say
from gitops.git.process import Git, decoded, encoded
from gitops.render.text import printable
from gitops.state.artifact import TreeEntry

MAX_ENTRIES: Final = 1_000_000
"""Of one folder: a tree that names itself ten times on ten levels would never end."""

_CACHED_ENTRIES: Final = 500_000

_BY_HAND: Final = 20
"""So many folders of one commit, and its trees are read here."""


class Database:
    """The object database of one repository. Thread-safe.

    ``id_bytes`` is 20, or 32 for SHA-256. ``say`` hears what is fetched into a partial clone;
    without it nothing is.
    """

    def __init__(self, git: Git, *, id_bytes: int, say: Say | None = None) -> None:
        self.git = git
        self.partial = Partial(git, say)
        self._id_bytes = id_bytes
        self._contents = CatFile(git, "--batch")
        self._headers = CatFile(git, "--batch-check")
        self._trees: dict[str, Tree] = {}
        self._cached = 0
        self._sizes: dict[str, int] = {}
        self._commits: dict[str, Commit] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the processes that read for us."""
        self._contents.close()
        self._headers.close()

    def headers(self, oids: Sequence[str]) -> list[Found | None]:
        """Kind and size of objects, in order; None for one that is not here."""
        return self._headers.read([encoded(oid) for oid in oids])

    def contents(self, oids: Sequence[str], kind: str) -> list[Found]:
        """Objects with their content, in order. Raises ``MissingObject``.

        What a partial clone lacks is fetched, as ``say`` hears.
        """
        found: list[Found] = []
        for oid, answer in zip(oids, self._read(self._contents, oids, kind), strict=True):
            if answer is None:
                raise MissingObject(f"Object {printable(oid)} is not in this clone.", oid=oid)
            if answer.kind != kind:
                raise RepositoryError(f"Object {oid} is a {answer.kind}, not a {kind}.")
            found.append(answer)
        return found

    def _read(self, process: CatFile, oids: Sequence[str], kind: str) -> list[Found | None]:
        names = [encoded(oid) for oid in oids]
        try:
            answers = process.read(names)
        except MissingObject:
            # Git older than 2.44 dies of what it may not fetch.
            if not self._fetch(oids, kind):
                raise
        else:
            if None not in answers or not self._fetch(oids, kind):
                return answers
        return process.read(names)

    def _fetch(self, oids: Sequence[str], kind: str) -> bool:
        # No filter leaves commits out: one that is missing is nowhere.
        return kind != "commit" and self.partial.fetch(oids, kind)

    def commit(self, oid: str) -> Commit:
        """A commit's tree and what is said about it. Raises ``MissingObject``."""
        known = self._commits.get(oid)
        if known is None:
            known = parse_commit(self.contents([oid], "commit")[0])
            self._commits[oid] = known
        return known

    def trees(self, oids: Iterable[str]) -> dict[str, Tree]:
        """Tree objects by id, in one pass."""
        wanted = list(dict.fromkeys(oids))
        found = {oid: tree for oid in wanted if (tree := self._trees.get(oid)) is not None}
        missing = [oid for oid in wanted if oid not in found]
        if not missing:
            return found
        for oid, answer in zip(missing, self.contents(missing, "tree"), strict=True):
            found[oid] = parse_tree(answer.content, self._id_bytes)
        with self._lock:
            for oid in missing:
                if self._cached > _CACHED_ENTRIES:
                    self._trees.clear()
                    self._cached = 0
                self._trees[oid] = found[oid]
                self._cached += len(found[oid])
        return found

    def find(self, root: str, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
        """Mode and id by path, below one tree; a path that is not there has no entry."""
        found: dict[str, tuple[str, str]] = {}
        open_paths: list[tuple[str, list[bytes], str]] = []
        for path in dict.fromkeys(paths):
            parts = _parts(path)
            if parts:
                open_paths.append((path, parts, root))
            else:
                found[path] = ("040000", root)
        depth = 0
        while open_paths:
            trees = self.trees(tree for _, _, tree in open_paths)
            deeper: list[tuple[str, list[bytes], str]] = []
            for path, parts, tree in open_paths:
                entry = trees[tree].get(parts[depth])
                if entry is None:
                    continue
                if depth == len(parts) - 1:
                    found[path] = entry
                elif entry[0] == "040000":
                    deeper.append((path, parts, entry[1]))
            open_paths = deeper
            depth += 1
        return found

    def folders(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
        """The trees of commits' folders in one pass, None for a folder that is none.

        Raises ``MissingObject`` where a commit is not here.
        """
        wanted = list(dict.fromkeys(places))
        each = Counter(commit for commit, _ in wanted)
        # Git goes down the trees itself: none of them has to come here for a few names of it. Each
        # name costs it that way anew, though.
        few = [place for place in wanted if each[place[0]] < _BY_HAND]
        names = [b"%b:%b" % (encoded(commit), b"/".join(_parts(path))) for commit, path in few]
        if any(b"\n" in name for name in names):
            return self._folders_by_hand(wanted)
        try:
            headers = self._headers.read(names)
        except MissingObject:
            return self._folders_by_hand(wanted)
        found: dict[tuple[str, str], str | None] = {}
        doubtful = [place for place in wanted if each[place[0]] >= _BY_HAND]
        for place, header in zip(few, headers, strict=True):
            if header is None:
                doubtful.append(place)
            else:
                found[place] = header.oid if header.kind == "tree" else None
        return {**found, **self._folders_by_hand(doubtful)}

    def _folders_by_hand(
        self, places: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], str | None]:
        """The same, tree by tree: this tells what is not there from what a clone lacks."""
        by_commit: dict[str, list[str]] = {}
        for commit, folder in places:
            by_commit.setdefault(commit, []).append(folder)
        trees: dict[tuple[str, str], str | None] = {}
        for commit, wanted in by_commit.items():
            found = self.find(self.commit(commit).tree, wanted)
            for folder in wanted:
                mode, oid = found.get(folder, ("", ""))
                trees[commit, folder] = oid if mode == "040000" else None
        return trees

    def walk(self, tree: str) -> list[tuple[bytes, str, str]]:
        """Path, mode and id of everything below a tree but trees, sorted by path."""
        found: list[tuple[bytes, str, str]] = []
        level: list[tuple[bytes, str]] = [(b"", tree)]
        while level:
            trees = self.trees(oid for _, oid in level)
            deeper: list[tuple[bytes, str]] = []
            for prefix, oid in level:
                for name, (mode, entry) in trees[oid].items():
                    if mode == "040000":
                        deeper.append((prefix + name + b"/", entry))
                    else:
                        found.append((prefix + name, mode, entry))
                if len(found) + len(deeper) > MAX_ENTRIES:
                    raise RepositoryError(f"A folder holds more than {MAX_ENTRIES} files.")
            level = deeper
        found.sort()
        return found

    def sizes(self, oids: Iterable[str]) -> dict[str, int]:
        """Sizes of blobs in bytes, in one pass. Raises ``MissingObject``."""
        wanted = list(dict.fromkeys(oids))
        found = {oid: size for oid in wanted if (size := self._sizes.get(oid)) is not None}
        missing = [oid for oid in wanted if oid not in found]
        if not missing:
            return found
        for oid, header in zip(missing, self._read(self._headers, missing, "blob"), strict=True):
            if header is None:
                raise MissingObject(f"Object {oid} is not in this clone.", oid=oid)
            found[oid] = header.size
        with self._lock:
            if len(self._sizes) > _CACHED_ENTRIES:
                self._sizes.clear()
            self._sizes.update((oid, found[oid]) for oid in missing)
        return found

    def read_ahead(self, folders: Iterable[str]) -> None:
        """Learn what ``entries`` will say of folders.

        All of them level by level, so that many small folders take a few passes and not a few each.
        """
        level = list(folders)
        seen: set[str] = set()
        blobs: dict[str, None] = {}
        while level:
            seen.update(level)
            deeper: dict[str, None] = {}
            for tree in self.trees(level).values():
                for mode, oid in tree.values():
                    if mode == "040000":
                        if oid not in seen:
                            deeper[oid] = None
                    elif mode != "160000":
                        blobs[oid] = None
            level = list(deeper)
        self.sizes(blobs)

    def entries(self, tree: str) -> tuple[TreeEntry, ...]:
        """Everything below a tree, with sizes of blobs."""
        rows = self.walk(tree)
        sizes = self.sizes(oid for _, mode, oid in rows if mode != "160000")
        return tuple(
            TreeEntry(
                mode=mode,
                kind="commit" if mode == "160000" else "blob",
                oid=oid,
                path=decoded(path),
                size=sizes.get(oid),
            )
            for path, mode, oid in rows
        )


def _parts(path: str) -> list[bytes]:
    return [part for part in encoded(path).split(b"/") if part not in {b"", b"."}]
