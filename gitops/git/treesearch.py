"""Where in the history a set of files stood together: folders first, then their commits.

Both questions are one pass over the history each, whatever its length: Git itself compares trees
for them, and only the few commits that are left are looked at here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from gitops.git.process import decoded, encoded
from gitops.git.repository import Repository

ASKED: Final = 2000
"""Ids that are looked for at once; more would not fit on a command line everywhere."""
_EACH: Final = 64
"""Of one set of files: config.yaml and a few others tell where it belongs."""
_ELSEWHERE: Final = ("--branches", "--remotes", "--tags")


class TreeSearch:
    """Searches one repository's history, from HEAD or on the other branches and tags."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def id_digits(self) -> int:
        """40, or 64 in a SHA-256 repository."""
        return self._repository.id_digits

    def folders(
        self, wanted: Sequence[Mapping[str, str]], *, elsewhere: bool = False
    ) -> list[dict[str, int]]:
        """For each set of files (ids by path), the folders that held any of them, and how many.

        Those that held the most, at whatever time, come first. The root is ``.``.
        """
        asked = [self._telling(files) for files in wanted]
        paths: dict[str, set[str]] = {}
        for files in asked:
            for path, oid in files.items():
                paths.setdefault(oid, set()).add(path)
        found: dict[tuple[str, str], set[str]] = {}
        for oid, path in self._places(list(paths), elsewhere=elsewhere):
            for end in paths.get(oid, ()):
                if path == end:
                    found.setdefault((end, oid), set()).add(".")
                elif path.endswith(f"/{end}"):
                    found.setdefault((end, oid), set()).add(path[: -len(end) - 1])
        return [self._ranked(files, found) for files in asked]

    def truss_folders(self, config_file: str, *, elsewhere: bool = False) -> tuple[str, ...]:
        """Every folder that has held a file of that name."""
        done = self._repository.git.run(
            *("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--no-commit-id"),
            *("--name-only", "-z", "--", f":(top,glob)**/{config_file}"),
            stdin=self._commits(elsewhere=elsewhere),
        )
        rows = {decoded(row) for row in done.out.split(b"\0") if row}
        return tuple(sorted(row.rpartition("/")[0] or "." for row in rows))

    def commits(self, folders: Iterable[str], *, elsewhere: bool = False) -> tuple[str, ...]:
        """Commits that changed something in these folders, newest first."""
        if not elsewhere:
            return self._repository.commits_touching(folders, self._repository.head())
        plain = [b":(top,literal)" + encoded("" if each == "." else each) for each in folders]
        done = self._repository.git.run(
            *("rev-list", "--topo-order", "--full-history", *_ELSEWHERE),
            f"^{self._repository.head()}",
            "--",
            *plain,
        )
        return tuple(done.text.split())

    def _telling(self, files: Mapping[str, str]) -> dict[str, str]:
        """The files that are asked about: present here, those of the shortest paths first."""
        order = sorted(files, key=lambda path: (path.count("/"), path))
        headers = self._repository.database.headers([files[path] or "-" for path in order])
        here = [path for path, found in zip(order, headers, strict=True) if found and found.size]
        return {path: files[path] for path in here[:_EACH]}

    def _places(self, oids: list[str], *, elsewhere: bool) -> Iterable[tuple[str, str]]:
        """Id and path of these objects, wherever a commit has added or removed one."""
        if not oids:
            return
        commits = self._commits(elsewhere=elsewhere)
        for start in range(0, len(oids), ASKED):
            done = self._repository.git.run(
                *("diff-tree", "--stdin", "-r", "-m", "--root", "--no-renames", "--no-commit-id"),
                *("--raw", "--no-abbrev", "-z"),
                *(f"--find-object={oid}" for oid in oids[start : start + ASKED]),
                stdin=commits,
            )
            rows = iter(done.out.split(b"\0"))
            for row in rows:
                if row.startswith(b":"):
                    _, _, old, new, _ = row.split(b" ")
                    path = decoded(next(rows, b""))
                    yield old.decode(), path
                    yield new.decode(), path

    def _commits(self, *, elsewhere: bool) -> bytes:
        head = self._repository.head()
        revisions = [*_ELSEWHERE, f"^{head}"] if elsewhere else [head]
        return self._repository.git.run("rev-list", *revisions).out

    def _ranked(
        self, files: Mapping[str, str], found: Mapping[tuple[str, str], set[str]]
    ) -> dict[str, int]:
        held = Counter(
            folder for path, oid in files.items() for folder in sorted(found.get((path, oid), ()))
        )
        return dict(sorted(held.items(), key=lambda row: (-row[1], row[0])))
