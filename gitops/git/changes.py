"""A change of files as a commit: on the branch that is checked out, or on a new one."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gitops.errors import RepositoryError, UsageError
from gitops.git.process import decoded, encoded
from gitops.git.repository import Repository
from gitops.render.text import printable

REGULAR = "100644"


def check_branch(repository: Repository, branch: str) -> None:
    """Raises ``UsageError`` where a new local branch cannot have that name."""
    git = repository.git
    if git.try_run("check-ref-format", "--branch", branch).code or branch.startswith("-"):
        raise UsageError(
            f"{printable(branch)!r} cannot be a branch's name", hint="Name another with --branch."
        )
    if git.try_run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}").code == 0:
        raise UsageError(
            f"there is a branch {printable(branch)} already",
            hint="Name another with --branch, or delete that one.",
        )


def commit_to_branch(
    repository: Repository, branch: str, base: str, files: Mapping[str, bytes], message: str
) -> str:
    """A new branch with one commit on top of ``base`` that writes these files; its id.

    The working tree, the index and HEAD stay as they are. Raises ``UsageError`` for a name that is
    taken and ``RepositoryError`` where Git refuses, as for want of a name and an address.
    """
    check_branch(repository, branch)
    git = repository.git
    with tempfile.TemporaryDirectory(prefix="gitops-index-") as folder:
        apart = replace(git, environ={**git.environ, "GIT_INDEX_FILE": str(Path(folder, "index"))})
        apart.run("read-tree", base)
        for path, data in files.items():
            oid = git.run("hash-object", "-w", "--stdin", stdin=data).text
            listed = decoded(git.run("ls-tree", "-z", base, "--", encoded(path)).out)
            mode = listed.partition(" ")[0] or REGULAR
            row = f"{mode} {oid}\t{path}\0"
            apart.run("update-index", "-z", "--index-info", stdin=encoded(row))
        tree = apart.run("write-tree").text
    commit = _said(repository, "commit-tree", tree, "-p", base, "-F", "-", stdin=encoded(message))
    git.run("update-ref", "-m", "gitops", f"refs/heads/{branch}", commit, "0" * len(commit))
    return commit


def commit_here(repository: Repository, path: str, message: str) -> str:
    """Commit one changed file of the working tree, and nothing else that may be staged; its id."""
    named = b":(top,literal)" + encoded(path)
    _said(repository, "commit", "--quiet", "--only", "-F", "-", "--", named, stdin=encoded(message))
    return repository.head()


def _said(repository: Repository, *arguments: str | bytes, stdin: bytes) -> str:
    done = repository.git.try_run(*arguments, stdin=stdin)
    if done.code == 0:
        return done.text
    verb = arguments[0] if isinstance(arguments[0], str) else decoded(arguments[0])
    if "Please tell me who you are" in done.err or "empty ident" in done.err:
        raise RepositoryError(
            "Git does not know who commits.",
            hint='Say so: git config user.name "…" and git config user.email "…".',
        )
    raise RepositoryError(f"git {verb} failed: {done.said}")
