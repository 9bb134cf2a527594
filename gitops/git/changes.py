"""New commits made beside the working tree, and what tells one commit from another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gitops.errors import RepositoryError, UsageError
from gitops.git.process import Done, decoded, encoded
from gitops.git.repository import Repository
from gitops.render.text import printable
from gitops.state.changed import ChangedPath, Content, GitFile

_REGULAR: Final = "100644"


@dataclass(frozen=True, slots=True)
class GitChanges:
    """Commits of one repository that are made without a checkout."""

    repository: Repository

    def check_branch(self, branch: str) -> None:
        """Raises ``UsageError`` where a new local branch cannot have that name."""
        git = self.repository.git
        if branch.startswith("-") or git.try_run("check-ref-format", "--branch", branch).code:
            raise UsageError(
                f"{printable(branch)!r} cannot be a branch's name",
                hint="Name another with --branch.",
            )
        if self.tip(branch) is not None:
            raise UsageError(
                f"there is a branch {printable(branch)} already",
                hint="Name another with --branch, or delete that one.",
            )
        other = self.in_the_way(branch)
        if other is not None:
            raise UsageError(
                f"there is a branch {printable(other)}, and beside it Git can have none called"
                f" {printable(branch)}",
                hint="Name another with --branch.",
            )

    def in_the_way(self, branch: str) -> str | None:
        """A local branch that Git cannot have together with this one: ``a`` with ``a/b``."""
        above = [f"refs/heads/{branch[:at]}" for at, it in enumerate(branch) if it == "/"]
        asked = ("for-each-ref", "--count=1", "--format=%(refname)")
        # A pattern without an end means what is below it, too.
        for pattern, exact in [*((each, True) for each in above), (f"refs/heads/{branch}/", False)]:
            found = self.repository.git.run(*asked, pattern).text
            if found and (found == pattern or not exact):
                return found.removeprefix("refs/heads/")
        return None

    def tip(self, branch: str) -> str | None:
        """The commit of a local branch; None where there is none of that name."""
        asked = ("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")
        done = self.repository.git.try_run(*asked)
        return done.text if done.code == 0 else None

    def are_same(self, one: str, other: str) -> bool:
        """Whether two commits have the same files and the same parents."""
        asked = ("rev-list", "--no-walk", "--format=%T %P", one, other)
        rows = self.repository.git.run(*asked).text.splitlines()
        return len({row for row in rows if not row.startswith("commit ")}) == 1

    def published(self, made: str, remote: str) -> tuple[str, str] | None:
        """A branch of the remote, as last fetched, that is this very change; with its commit.

        It is one commit on top of what the change is made on, or of something before that, changes
        the same files in the same way and has the same subject; the oldest counts. None also where
        this clone cannot say.
        """
        repository, base = self.repository, self.parent(made)
        place, asked = (
            f"refs/remotes/{remote}/",
            "%(objectname)%00%(parent)%00%(subject)%00%(refname)",
        )
        listed = repository.git.try_run(
            "for-each-ref", "--sort=committerdate", f"--format={asked}", place
        )
        if base is None or repository.is_shallow():
            return None
        subject = repository.git.run("show", "-s", "--format=%s", made).text
        for row in decoded(listed.out).split("\n")[:-1]:
            tip, parent, said, ref = row.split("\0")
            if (
                said == subject
                and len(parent) == len(tip)
                and repository.is_ancestor(parent, base)
                and not repository.is_ancestor(tip, base)
                and self.changed(parent, tip) == self.changed(base, made)
            ):
                return ref.removeprefix(place), tip
        return None

    def commit(self, base: str, files: Mapping[str, Content], message: str) -> str:
        """A commit on top of ``base`` that changes these files, which no ref names yet; its id.

        The working tree, the index and HEAD stay as they are. Raises ``RepositoryError`` where Git
        refuses, as for want of a name and an address.
        """
        git = self.repository.git
        rows = [self._row(base, path, content) for path, content in files.items()]
        with tempfile.TemporaryDirectory(prefix="gitops-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            apart = replace(git, environ={**git.environ, **index})
            apart.run("read-tree", base)
            apart.run("update-index", "-z", "--index-info", stdin=encoded("".join(rows)))
            # A partial clone does not have what the other files of a changed folder hold.
            tree = apart.run("write-tree", "--missing-ok").text
        return _made(self.repository, "commit-tree", tree, "-p", base, "-F", "-", message=message)

    def branch(self, name: str, commit: str) -> None:
        """A new local branch at a commit. Raises ``UsageError`` where the name cannot be had."""
        self.check_branch(name)
        ref = f"refs/heads/{name}"
        self.repository.git.run("update-ref", "-m", "gitops", ref, commit, "0" * len(commit))

    def parent(self, commit: str) -> str | None:
        """The first parent of a commit; None for one that has none in this clone."""
        asked = ("rev-parse", "--verify", "--quiet", f"{commit}^1^{{commit}}")
        done = self.repository.git.try_run(*asked)
        return done.text if done.code == 0 else None

    def is_merge(self, commit: str) -> bool:
        """Whether a commit has more than one parent."""
        asked = ("rev-parse", "--verify", "--quiet", f"{commit}^2^{{commit}}")
        return self.repository.git.try_run(*asked).code == 0

    def changed(self, before: str, after: str) -> tuple[ChangedPath, ...]:
        """The files that differ between two commits, sorted by path; a renamed one is two."""
        asked = ("diff-tree", "-r", "-z", "--no-renames", "--full-index", before, after)
        fields = decoded(self.repository.git.run(*asked).out).split("\0")
        found: list[ChangedPath] = []
        for head, path in zip(fields[::2], fields[1::2], strict=False):
            old_mode, new_mode, old, new, _ = head.removeprefix(":").split(" ")
            found.append(
                ChangedPath(
                    path=path,
                    before=GitFile(mode=old_mode, oid=old) if old.strip("0") else None,
                    after=GitFile(mode=new_mode, oid=new) if new.strip("0") else None,
                )
            )
        return tuple(sorted(found, key=lambda each: each.path))

    def file(self, commit: str, path: str) -> GitFile | None:
        """A file of a commit; None where there is none."""
        asked = ("ls-tree", "-z", "--full-tree", commit, "--", encoded(path))
        listed = decoded(self.repository.git.run(*asked).out)
        mode, _, rest = listed.partition(" ")
        kind, _, rest = rest.partition(" ")
        return GitFile(mode=mode, oid=rest.partition("\t")[0]) if kind == "blob" else None

    def merged(self, ours: GitFile, base: GitFile, theirs: GitFile) -> bytes | None:
        """A text with two changes of it made together; None where they touch the same lines."""
        with tempfile.TemporaryDirectory(prefix="gitops-merge-") as folder:
            names = [str(Path(folder, name)) for name in ("ours", "base", "theirs")]
            for name, file in zip(names, (ours, base, theirs), strict=True):
                Path(name).write_bytes(self.repository.blob(file.oid))
            done = self.repository.git.try_run("merge-file", "-p", "-q", *names)
        return done.out if done.code == 0 else None

    def _row(self, base: str, path: str, content: Content) -> str:
        if content is None:
            return f"0 {'0' * len(base)}\t{path}\0"
        if isinstance(content, bytes):
            there = self.file(base, path)
            oid = self.repository.git.run("hash-object", "-w", "--stdin", stdin=content).text
            content = GitFile(mode=there.mode if there else _REGULAR, oid=oid)
        return f"{content.mode} {content.oid}\t{path}\0"


def commit_here(repository: Repository, paths: Iterable[str], message: str) -> str:
    """Commit changed files of the working tree, and nothing else that may be staged; its id."""
    named = [b":(top,literal)" + encoded(path) for path in paths]
    _made(repository, "commit", "--quiet", "--only", "-F", "-", "--", *named, message=message)
    if repository.git.try_run("symbolic-ref", "--quiet", "HEAD").code:
        repository.tell(
            "HEAD is detached: no branch has this commit; `git switch -c NAME` makes one of it."
        )
    return repository.head()


def _made(repository: Repository, verb: str, *asked: str | bytes, message: str) -> str:
    """Run a command that commits; where Git knows nobody, in the name of the CI run's actor."""
    git = repository.git
    done = git.try_run(verb, *asked, stdin=encoded(message))
    if done.code and _knows_nobody(done):
        writer = repository.identity(git.environ)
        if writer.source != "ci":
            raise RepositoryError(
                "Git does not know who commits.",
                hint='Say so: git config user.name "…" and git config user.email "…".',
            )
        repository.tell(writer.notice or "")
        done = git.named(writer.name, writer.email).try_run(verb, *asked, stdin=encoded(message))
    if done.code:
        raise RepositoryError(f"git {verb} failed: {done.said}")
    return done.text


def _knows_nobody(done: Done) -> bool:
    return "tell me who you are" in done.err or "empty ident" in done.err
