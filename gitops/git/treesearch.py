"""Where in the history a set of files stood together: folders first, then their commits.

Each question is a pass or two over the history, however many sets are asked about: Git itself
compares trees for them, and only the few commits that are left are looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from gitops.git.process import decoded, encoded
from gitops.git.repository import Repository

Scope: TypeAlias = Literal["head", "history", "elsewhere"]
"""Commits of HEAD's history that changed a truss's folder as HEAD has it; all of its history; what
only other branches and tags have."""

ASKED: Final = 2000
"""Ids that are looked for at once; more would not fit on a command line everywhere."""
_EACH: Final = 64
"""Of one set of files: config.yaml and a few others tell where it belongs."""
_NAMED: Final = 500
"""So many folders are named on a command line."""
_ELSEWHERE: Final = ("--branches", "--remotes", "--tags")
_DIFF: Final = (
    *("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames"),
    *("--raw", "--no-abbrev", "-z"),
)


class TreeSearch:
    """Searches one repository's history, from HEAD or on the other branches and tags."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def folders(
        self, wanted: Sequence[Mapping[str, str]], scope: Scope, config_file: str
    ) -> list[dict[str, int]]:
        """For each set of files (ids by path), the folders that held any of them, and how many.

        Those that held the most, at whatever time, come first. The root is ``.``. HEAD's folders
        are those that have a file called ``config_file``.
        """
        asked = [self._telling(files) for files in wanted]
        paths: dict[str, set[str]] = {}
        for files in asked:
            for path, oid in files.items():
                paths.setdefault(oid, set()).add(path)
        within = self.truss_folders(config_file, "head") if scope == "head" else None
        if not paths or within == ():
            return [{} for _ in wanted]
        found: dict[tuple[str, str], set[str]] = {}
        for oid, path in self._places(list(paths), self._commits(scope, within)):
            for end in paths.get(oid, ()):
                if path == end:
                    found.setdefault((end, oid), set()).add(".")
                elif path.endswith(f"/{end}"):
                    found.setdefault((end, oid), set()).add(path[: -len(end) - 1])
        return [_ranked(files, found) for files in asked]

    def truss_folders(self, config_file: str, scope: Scope) -> tuple[str, ...]:
        """Every folder that has, or in another scope has had, a file of that name."""
        git = self._repository.git
        if scope == "head":
            done = git.run("ls-tree", "-r", "-z", "--name-only", "--full-tree", "HEAD")
            paths = {decoded(row) for row in done.out.split(b"\0") if row}
        else:
            glob = f":(top,glob)**/{config_file}"
            done = git.run(*_DIFF, "--", glob, stdin=self._commits(scope, None))
            paths = {path for _, _, _, path in _rows(done.out)}
        found = (path.rpartition("/") for path in paths)
        return tuple(sorted(folder or "." for folder, _, name in found if name == config_file))

    def histories(
        self, folders: Iterable[str], *, elsewhere: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """For each folder the commits that changed something in it, newest first."""
        asked = tuple(dict.fromkeys(folders))
        if not asked:
            return {}
        commits = self._commits("elsewhere" if elsewhere else "history", asked)
        named = [_literal(each) for each in asked] if len(asked) <= _NAMED else []
        done = self._repository.git.run(*_DIFF, "--", *named, stdin=commits)
        found: dict[str, dict[str, None]] = {each: {} for each in asked}
        for commit, _, _, path in _rows(done.out):
            if "." in found:
                found["."][commit] = None
            folder = path.rpartition("/")[0]
            while folder:
                if folder in found:
                    found[folder][commit] = None
                folder = folder.rpartition("/")[0]
        return {folder: tuple(each) for folder, each in found.items()}

    def commits(self, folders: Iterable[str], *, elsewhere: bool = False) -> tuple[str, ...]:
        """Commits that changed something in any of these folders, newest first."""
        scope: Scope = "elsewhere" if elsewhere else "history"
        return tuple(decoded(self._commits(scope, tuple(folders))).split())

    def _telling(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files that are asked about: present here, those of the shortest paths first."""
        order = sorted(files, key=lambda path: (path.count("/"), path))
        headers = self._repository.database.headers([files[path] or "-" for path in order])
        here = [path for path, found in zip(order, headers, strict=True) if found and found.size]
        return {path: files[path] for path in here[:_EACH]}

    def _places(self, oids: list[str], commits: bytes) -> Iterator[tuple[str, str]]:
        """Id and path of these objects, wherever one of the commits has added or removed one."""
        for start in range(0, len(oids), ASKED):
            some = (f"--find-object={oid}" for oid in oids[start : start + ASKED])
            done = self._repository.git.run(*_DIFF, *some, stdin=commits)
            for _, old, new, path in _rows(done.out):
                yield old, path
                yield new, path

    def _commits(self, scope: Scope, within: Sequence[str] | None) -> bytes:
        """Ids of commits, a line each, newest first; ``within``: that changed these folders."""
        head = self._repository.head()
        revisions = [*_ELSEWHERE, f"^{head}"] if scope == "elsewhere" else [head]
        if within is None or "." in within:
            return self._repository.git.run("rev-list", "--topo-order", *revisions).out
        # Names of several lines are left out: no truss that can be released has one.
        lines = [b"--", *(_literal(each) for each in within if "\n" not in each), b""]
        return self._repository.git.run(
            *("rev-list", "--topo-order", "--full-history", "--stdin"),
            *revisions,
            stdin=b"\n".join(lines),
        ).out


def _literal(folder: str) -> bytes:
    return b":(top,literal)" + encoded("" if folder == "." else folder)


def _rows(out: bytes) -> Iterator[tuple[str, str, str, str]]:
    """Commit, old and new id, and path of each change."""
    commit = ""
    rows = iter(out.split(b"\0"))
    for row in rows:
        if row.startswith(b":"):
            _, _, old, new, _ = row.split(b" ")
            yield commit, old.decode(), new.decode(), decoded(next(rows, b""))
        elif row:
            commit = row.decode()


def _ranked(files: Mapping[str, str], found: Mapping[tuple[str, str], set[str]]) -> dict[str, int]:
    held = Counter(
        folder for path, oid in files.items() for folder in sorted(found.get((path, oid), ()))
    )
    return dict(sorted(held.items(), key=lambda row: (-row[1], row[0])))
