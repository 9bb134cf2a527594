"""The working tree as a commit that no branch knows: what is pushed before it is done."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gitops.git.process import encoded
from gitops.git.repository import Repository


def snapshot(repository: Repository, folders: Iterable[str]) -> str:
    """HEAD with these folders as the working tree has them, untracked files included; a commit id.

    Ignored files are left out. Neither the index nor a ref changes: Git forgets the commit by
    itself, some weeks after nobody uses it.
    """
    git, head = repository.git, repository.head()
    with tempfile.TemporaryDirectory(prefix="gitops-index-") as place:
        index = {"GIT_INDEX_FILE": str(Path(place, "index"))}
        apart = replace(git, environ={**git.environ, **index}).named("gitops", "gitops@localhost")
        apart.run("read-tree", head)
        # Without this every file would be read again to see whether it changed.
        apart.run("update-index", "-q", "--refresh", "--unmerged", "--ignore-missing")
        named = [b":(top,literal)" + encoded(folder) for folder in folders]
        apart.run("add", "--all", "--", *named)
        tree = apart.run("write-tree").text
        return apart.run("commit-tree", tree, "-p", head, "-m", "Working tree").text
