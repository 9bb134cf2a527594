"""Real Git repositories for tests, built from a dict of files.

    repository = Repository.create(tmp_path / "work", {"README.md": "hello\n"})
    second = repository.commit({"a/link": Symlink("../README.md"), "README.md": None})
    remote = repository.publish(tmp_path / "remote.git")
    shallow = remote.clone(tmp_path / "shallow", depth=1)

Everything goes through the installed `git`, so what a test sees is what a user has. Commits get
fixed dates, the first at EPOCH and each other one a minute after its parent, so that the same
calls always give the same commit ids.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""When a repository's first commit is made, unless the test says otherwise."""

AUTHOR = ("Test Author", "author@example.invalid")
"""Name and address of the author and committer of every commit."""


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link (mode 120000)."""

    target: str


@dataclass(frozen=True, slots=True)
class Executable:
    """A file with the executable bit (mode 100755)."""

    content: str | bytes


@dataclass(frozen=True, slots=True)
class Submodule:
    """A commit of another repository (mode 160000), without a .gitmodules entry."""

    commit: str


Content: TypeAlias = str | bytes | Symlink | Executable | Submodule | None
"""What a path holds; None removes it."""


class GitError(Exception):
    """`git` ended with another exit code than 0; the message holds what it printed."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on disk: a work tree, or a bare one."""

    path: Path

    @classmethod
    def create(
        cls,
        path: Path,
        files: Mapping[str, Content] | None = None,
        *,
        message: str = "Start",
        branch: str = "main",
        bare: bool = False,
        object_format: str = "sha1",
    ) -> Self:
        """Make a repository at `path`; with `files`, also its first commit."""
        path.mkdir(parents=True, exist_ok=True)
        repository = cls(path)
        kind = ["--bare"] if bare else []
        repository.git(
            "init", "-q", *kind, f"--initial-branch={branch}", f"--object-format={object_format}"
        )
        if files is not None:
            repository.commit(files, message)
        return repository

    # Changing it

    def write(self, files: Mapping[str, Content]) -> None:
        """Change the work tree only, and leave index and HEAD as they are."""
        for name, content in files.items():
            self._write_one(self.path / name, content)

    def commit(
        self,
        files: Mapping[str, Content] | None = None,
        message: str = "Change",
        *,
        at: datetime | None = None,
        allow_empty: bool = False,
    ) -> str:
        """Write `files`, commit just these, and return the commit id.

        `at` is the author's and committer's date; without it, a minute after HEAD's.
        """
        files = files or {}
        self.write(files)
        plain = [name for name, content in files.items() if not isinstance(content, Submodule)]
        if plain:
            self.git(
                "--literal-pathspecs",
                *("add", "--force", "--all", "--pathspec-from-file=-", "--pathspec-file-nul"),
                stdin=b"\0".join(os.fsencode(name) for name in plain),
            )
        for name, content in files.items():
            if isinstance(content, Submodule):
                self.git(
                    *("update-index", "--add", "--cacheinfo"), f"160000,{content.commit},{name}"
                )
        empty = ["--allow-empty"] if allow_empty else []
        self.git(
            *("commit", "-q", "--no-verify", "--cleanup=verbatim", *empty, "--message", message),
            at=at or self._next_date(),
        )
        return self.head

    def branch(self, name: str, at: str = "HEAD") -> None:
        """Make a branch at the revision `at`, or move it there, without switching to it."""
        self.git("branch", "-q", "--force", "--no-track", name, at)

    def switch(self, name: str, *, create: bool = False) -> None:
        """Check out a branch, or with `create` make it from HEAD first."""
        self.git("switch", "-q", *(["--create"] if create else []), name)

    def merge(self, *others: str, message: str = "Merge") -> str:
        """Merge branches into HEAD, always with a merge commit, and return its id."""
        self.git("merge", "-q", "--no-ff", "-m", message, *others, at=self._next_date(*others))
        return self.head

    def revert(self, commit: str) -> str:
        """Revert `commit` on HEAD as `git revert` does, and return the new commit's id."""
        self.git("revert", "--no-edit", commit, at=self._next_date())
        return self.head

    # More of them

    def publish(self, path: Path, *, remote: str = "origin") -> Repository:
        """Make a bare repository at `path`, add it as a remote and push HEAD's branch to it."""
        branch = self.git("symbolic-ref", "--short", "HEAD")
        published = Repository.create(path, branch=branch, bare=True)
        self.git("remote", "add", remote, str(path))
        self.git("push", "-q", "--set-upstream", remote, branch)
        return published

    def clone(
        self,
        path: Path,
        *,
        depth: int | None = None,
        branch: str | None = None,
        bare: bool = False,
    ) -> Repository:
        """Clone this repository to `path`; with `depth`, a shallow clone of so many commits."""
        arguments = ["clone", "-q"]
        if depth is not None:
            arguments.append(f"--depth={depth}")
        if branch is not None:
            arguments.append(f"--branch={branch}")
        if bare:
            arguments.append("--bare")
        # Only a URL makes Git transfer objects as a server would: a path ignores --depth.
        self.git(*arguments, self.url, str(path))
        return Repository(path)

    # Looking at it

    @property
    def url(self) -> str:
        """A file:// URL of this repository."""
        return self.path.resolve().as_uri()

    @property
    def head(self) -> str:
        """The full commit id of HEAD."""
        return self.id("HEAD")

    def id(self, revision: str) -> str:
        """The full object id of a revision, for instance `HEAD~1`, `main:trusses/a`."""
        return self.git("rev-parse", "--verify", "--end-of-options", revision)

    def read(self, path: str, revision: str = "HEAD") -> bytes:
        """The bytes of a file at a revision."""
        return self.run("cat-file", "blob", f"{revision}:{path}")

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Object ids by full ref name, of all refs under `prefix`."""
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ") for line in lines)

    def log(self, revision: str = "HEAD") -> list[str]:
        """The subjects of a revision's commits, newest first."""
        return self.git("log", "--format=%s", revision).splitlines()

    def status(self) -> list[str]:
        """What `git status --porcelain` lists; empty when the work tree is clean."""
        return self.git("status", "--porcelain").splitlines()

    # Running Git

    def git(self, *arguments: str, stdin: bytes | None = None, at: datetime | None = None) -> str:
        """Run `git ARGUMENTS` here and return its output without the last line break.

        `at` sets the date of commits that the command makes. Raises GitError.
        """
        return os.fsdecode(self.run(*arguments, stdin=stdin, at=at)).removesuffix("\n")

    def run(self, *arguments: str, stdin: bytes | None = None, at: datetime | None = None) -> bytes:
        """Run `git ARGUMENTS` here and return its output as bytes. Raises GitError."""
        name, address = AUTHOR
        date = None if at is None else f"@{int(at.timestamp())} +0000"
        dates = {} if date is None else {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
        identity = {
            "GIT_AUTHOR_NAME": name,
            "GIT_AUTHOR_EMAIL": address,
            "GIT_COMMITTER_NAME": name,
            "GIT_COMMITTER_EMAIL": address,
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env={**os.environ, **identity, **dates},
            input=b"" if stdin is None else stdin,
            capture_output=True,
            check=False,
        )
        if done.returncode:
            said = (done.stdout + done.stderr).decode(errors="replace").strip()
            message = f"git {' '.join(arguments)}: exit code {done.returncode}\n{said}"
            raise GitError(message)
        return done.stdout

    def _next_date(self, *parents: str) -> datetime:
        try:
            dates = self._committed(["HEAD", *parents])
        except GitError:
            return EPOCH
        return max(dates) + timedelta(minutes=1)

    def _committed(self, revisions: Iterable[str]) -> list[datetime]:
        seconds = self.git("log", "--no-walk", "--format=%ct", *revisions).split()
        return [datetime.fromtimestamp(int(one), UTC) for one in seconds]

    @staticmethod
    def _write_one(path: Path, content: Content) -> None:
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.is_dir() and not isinstance(content, Submodule):
            shutil.rmtree(path)
        if content is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        match content:
            case Symlink(target):
                path.symlink_to(target)
            case Submodule():
                path.mkdir(exist_ok=True)
            case Executable(inner):
                path.write_bytes(_encoded(inner))
                path.chmod(0o755)
            case _:
                path.write_bytes(_encoded(content))


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
