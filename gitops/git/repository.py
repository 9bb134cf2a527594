"""One Git repository: revisions, ancestry, files at commits, and what the working tree changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from gitops.errors import RepositoryError
from gitops.git.ancestry import FULL_ID, Ancestry, full_id
from gitops.git.branches import Branches
from gitops.git.commitfiles import CommitFiles
from gitops.git.database import Database
from gitops.git.discovery import look_around
from gitops.git.identity import Identity, identity
from gitops.git.missing import explained
from gitops.git.partial import Say
from gitops.git.process import Git, decoded, encoded, without_credentials
from gitops.git.remote import Remote
from gitops.git.ways import changed, ways, with_changes
from gitops.render.text import printable
from gitops.state.artifact import TreeEntry
from gitops.state.changed import Changes
from gitops.state.commit import CommitInfo, Span, Way

_FOLDERS: Final = 100_000


class Repository:
    """A repository as ``git`` sees it from one directory. Thread-safe; ``close`` ends its helpers.

    ``root`` is the top of the working tree (of a bare repository: the repository itself),
    ``git_dir`` what belongs to this working tree, ``common_dir`` what all of them share. What it
    reads, it reads from its ``database`` and its ``branches``.
    """

    def __init__(
        self,
        git: Git,
        *,
        root: Path,
        git_dir: Path,
        common_dir: Path,
        bare: bool,
        shallow: bool,
        id_bytes: int,
        say: Say | None = None,
    ) -> None:
        self.git = git
        self._say = say
        self._said: set[str] = set()
        self.root = root
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.is_bare = bare
        self._shallow = shallow
        self.id_digits = id_bytes * 2
        self.database = Database(git, id_bytes=id_bytes, say=say)
        self.branches = Branches(git)
        self._ancestry = Ancestry(git, self.database, id_digits=self.id_digits, shallow=shallow)
        self._folders: dict[tuple[str, str], str | None] = {}

    @classmethod
    def discover(
        cls,
        directory: Path,
        environ: Mapping[str, str] | None = None,
        *,
        say: Say | None = None,
    ) -> Self:
        """The repository around ``directory``.

        ``environ`` is what ``git`` inherits, by default our own environment. ``say`` hears what
        nobody asked for: that a partial clone fetches objects (without it, it fetches none), and
        in whose name something is written where Git does not know. Raises ``RepositoryError`` with
        a message of its own for each of: no such directory, no Git, too old a Git, no repository,
        a repository that belongs to somebody else.
        """
        place = look_around(directory, dict(os.environ if environ is None else environ))
        return cls(
            place.git,
            root=place.root,
            git_dir=place.git_dir,
            common_dir=place.common_dir,
            bare=place.bare,
            shallow=place.shallow,
            id_bytes=place.id_bytes,
            say=say,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that read for us; a later call starts them again."""
        self.database.close()

    def tell(self, sentence: str) -> None:
        """Say something that nobody asked for, once."""
        if self._say is not None and sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)

    # Revisions

    def head(self) -> str:
        """The commit that HEAD names. Raises ``RepositoryError`` in one without commits."""
        return self.resolve("HEAD")

    def resolve(self, rev: str) -> str:
        """The full commit id of a revision; ``RepositoryError`` where it names no commit."""
        if FULL_ID.fullmatch(rev) and self.exists(rev):
            return rev
        if "\0" in rev:
            raise RepositoryError(f"{printable(rev)!r} names no commit here.")
        done = self.git.try_run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"
        )
        if done.code == 0 and FULL_ID.fullmatch(done.text):
            return done.text
        if not self.git.run("rev-list", "--all", "--max-count=1").text:
            raise RepositoryError(
                "This repository has no commits yet.", hint="commit your release files first"
            )
        hint = "name a branch, a tag or a commit id that `git rev-parse` knows"
        if self._shallow:
            hint = "this clone is shallow: `git fetch --unshallow` brings the whole history"
        raise RepositoryError(
            f"{printable(rev) or 'An empty name'} names no commit here.", hint=hint
        )

    def exists(self, commit: str) -> bool:
        """Whether the commit object is in this clone; ``commit`` is a full id."""
        return self._ancestry.exists(commit)

    def is_shallow(self) -> bool:
        """Whether this clone's history is cut off."""
        return self._shallow

    def expand(self, prefix: str) -> tuple[str, ...]:
        """Full ids of the commits that an abbreviation may mean, sorted; none for fewer than 4."""
        if not re.fullmatch(r"[0-9a-fA-F]{4,64}", prefix) or len(prefix) > self.id_digits:
            return ()
        oids = self.git.run("rev-parse", f"--disambiguate={prefix.lower()}").text.split()
        headers = self.database.headers(oids)
        return tuple(sorted(found.oid for found in headers if found and found.kind == "commit"))

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Whether one commit is reachable from the other (or is the same); full ids.

        Raises ``RepositoryError`` where one of them is not in this clone. In a shallow clone, no
        means no more than "not within the history that is here".
        """
        return self._ancestry.is_ancestor(ancestor, descendant)

    def are_ancestors(self, ancestors: Iterable[str], descendant: str) -> bool:
        """Whether all of these (full ids) are commits that are reachable from one, in one question.

        No means that at least one is not, or is not in this clone; ask for each then.
        """
        return self._ancestry.are_ancestors(ancestors, descendant)

    def info(self, commit: str) -> CommitInfo | None:
        """A commit's date and subject; None where it is not in this clone."""
        if not self.exists(commit):
            return None
        return self.database.commit(commit).info

    def commits_touching(
        self,
        paths: Iterable[str],
        head: str,
        *,
        base: str | None = None,
        first_parent: bool = False,
    ) -> tuple[str, ...]:
        """Commits of ``base..head`` (or all up to ``head``) that change one of the paths.

        Newest first, children before parents. With ``first_parent`` a merge counts as one change
        and its branch is not entered; without, no side of a merge is simplified away, and a merge
        is listed where it differs from each of its parents.
        """
        arguments: list[str | bytes] = ["--topo-order"]
        arguments += (
            ["--first-parent", "--diff-merges=first-parent"] if first_parent else ["--full-history"]
        )
        arguments += [full_id(head), *([f"^{full_id(base)}"] if base else []), "--"]
        paths = tuple(paths)
        found = self.git.run("rev-list", *arguments, *_from_root(paths)).text.split()
        if first_parent or not found:
            return tuple(found)
        return with_changes(self.git, found, paths)

    def ways(self, spans: Sequence[Span]) -> dict[Span, Way]:
        """How many pairs of commits lie to each other, and what ``commits_touching`` says of each.

        Raises ``RepositoryError`` where a commit is not in this clone.
        """
        return ways(self.git, spans)

    def changed(self, steps: Sequence[Sequence[str]], paths: Iterable[str]) -> tuple[Changes, ...]:
        """What each step changes, as ``gitops.git.ways`` says."""
        return changed(self.git, steps, paths)

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two commits; None where this clone knows none."""
        done = self.git.try_run("merge-base", full_id(one), full_id(other))
        return done.text or None if done.code == 0 else None

    def root_id(self) -> str:
        """The oldest commit on HEAD's line of first parents, the same in every full clone.

        Empty where this clone is shallow and cannot know it.
        """
        if self._shallow:
            return ""
        return self.git.run("rev-list", "--first-parent", "--max-parents=0", self.head()).text

    # Files

    def at(self, commit: str) -> CommitFiles:
        """The files of one commit, a full id."""
        return CommitFiles(self.database, commit)

    def tree_id(self, commit: str, folder: str) -> str | None:
        """The id of a folder's tree: the same id, the same files; None: no folder."""
        place = (commit, folder)
        try:
            return self._folders[place]
        except KeyError:
            with explained(self.database, commit, folder):
                return self._find([place])[place]

    def entries(self, commit: str, folder: str) -> tuple[TreeEntry, ...] | None:
        """All blobs, links, submodules below a folder, recursively, with sizes; None: no folder."""
        tree = self.tree_id(commit, folder)
        if tree is None:
            return None
        with explained(self.database, commit, folder):
            return self.database.entries(tree)

    def read_ahead(self, places: Iterable[tuple[str, str]]) -> None:
        """Learn in a few passes what ``tree_id`` and ``entries`` will say of commits' folders.

        Raises ``RepositoryError`` where something is missing, without saying whose it is.
        """
        self.database.read_ahead(tree for tree in self._find(places).values() if tree)

    def _find(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
        """The trees of commits' folders, None for one that is none; kept, as they never change."""
        trees = self.database.folders(places)
        if len(self._folders) > _FOLDERS:
            self._folders.clear()
        self._folders.update(trees)
        return trees

    def blob(self, oid: str) -> bytes:
        """The content of a blob."""
        return self.blobs([oid])[oid]

    def blobs(self, oids: Sequence[str]) -> dict[str, bytes]:
        """The contents of blobs, in one pass."""
        with explained(self.database, oids[0] if len(oids) == 1 else "", ""):
            found = self.database.contents(oids, "blob")
        return {oid: each.content for oid, each in zip(oids, found, strict=True)}

    def dirty(self, paths: Iterable[str]) -> tuple[str, ...]:
        """What differs from HEAD in the working tree or index among these paths, sorted.

        Paths are files or folders from the root; untracked files count, ignored ones do not.
        """
        wanted = _from_root(paths)
        if self.is_bare or not wanted:
            return ()
        done = self.git.run(
            "status",
            *("--porcelain", "-z", "--no-renames", "--untracked-files=all"),
            *("--ignore-submodules=none", "--"),
            *wanted,
        )
        return tuple(sorted(decoded(row[3:]) for row in done.out.split(b"\0") if row))

    # Remotes and people

    def remote(self, name: str) -> Remote | None:
        """A remote; None where none of that name is configured."""
        remote = Remote(git=self.git, name=name)
        return remote if remote.url() is not None else None

    def remote_url(self, name: str) -> str | None:
        """Where a remote is fetched from, without credentials; None where it is not configured."""
        url = Remote(git=self.git, name=name).url()
        return None if url is None else without_credentials(url)

    def fetch(self, remote: str, refspecs: Sequence[str]) -> None:
        """Fetch these refspecs and nothing else. Raises ``RemoteUnreachable``."""
        Remote(git=self.git, name=remote).fetch(refspecs)
        self.branches.forget()

    def remote_contains(self, commit: str, branch: str, remote: str | None) -> bool:
        """Whether a commit is reachable from the branch on the remote, as last fetched.

        A commit that is not in this clone is not.
        """
        tip = self.branches.tip(branch, remote)
        return tip is not None and self.exists(commit) and self.is_ancestor(commit, tip)

    def identity(self, environ: Mapping[str, str]) -> Identity:
        """Who writes here: Git's configuration, else the CI run's actor that ``environ`` names."""
        return identity(self.git, environ)


def _from_root(paths: Iterable[str]) -> list[bytes]:
    """Paths as pathspecs that mean just these, seen from the repository's root."""
    plain = [path.strip("/") for path in paths]
    return [b":(top,literal)" + (b"" if path == "." else encoded(path)) for path in plain]
