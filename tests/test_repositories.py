"""The test support itself: what the other tests build on must hold."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.repositories import EPOCH, Executable, GitError, Repository, Submodule, Symlink

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "README.md": "hello\n",
    "bin/run": Executable("#!/bin/sh\n"),
    "bin/link": Symlink("../README.md"),
    "data.bin": b"\x00\xff",
    "odd *?[name]\n.txt": "odd",
}


def test_the_same_calls_give_the_same_commits(tmp_path: Path) -> None:
    ids = []
    for name in ("one", "two"):
        repository = Repository.create(tmp_path / name, FILES)
        repository.switch("side", create=True)
        repository.commit({"side.txt": "side"})
        repository.switch("main")
        main = repository.commit({"main.txt": "main"})
        repository.merge("side")
        repository.revert(main)
        ids.append(repository.head)
    assert ids[0] == ids[1]


def test_a_commit_id_is_the_same_on_every_machine(repository: Repository) -> None:
    assert repository.commit(FILES) == "433aee10aed7ecb2dd391fa0206bba29022f68b0"


def test_each_kind_of_content_becomes_its_mode(repository: Repository) -> None:
    repository.commit(FILES | {"vendored": Submodule("1" * 40)})
    entries = repository.git("ls-tree", "-r", "-z", "HEAD").rstrip("\0").split("\0")
    modes = {entry.split("\t", 1)[1]: entry.split(" ", 1)[0] for entry in entries}
    assert modes == {
        "README.md": "100644",
        "bin/run": "100755",
        "bin/link": "120000",
        "data.bin": "100644",
        "odd *?[name]\n.txt": "100644",
        "vendored": "160000",
    }
    assert repository.read("data.bin") == b"\x00\xff"
    assert repository.status() == []


def test_a_commit_holds_only_what_it_names(repository: Repository) -> None:
    repository.commit({"a": "1", "b": "1", ".gitignore": "*.log\n", "kept.log": "ignored no more"})
    repository.write({"b": "2"})
    repository.commit({"a": None})
    assert repository.status() == [" M b"]
    assert set(repository.git("ls-tree", "--name-only", "HEAD").split()) == {
        ".gitignore",
        "b",
        "kept.log",
    }


def test_dates_are_fixed_or_given(repository: Repository) -> None:
    repository.commit({"a": "1"})
    repository.commit({"a": "2"})
    given = datetime(2027, 5, 4, 3, 2, 1, tzinfo=UTC)
    repository.commit({"a": "3"}, at=given)
    seconds = [int(one) for one in repository.git("log", "--format=%ct").split()]
    first = int(EPOCH.timestamp())
    assert seconds == [int(given.timestamp()), first + 60, first]


def test_a_shallow_clone_has_so_many_commits(repository: Repository, tmp_path: Path) -> None:
    for number in range(3):
        repository.commit({"a": str(number)}, f"Number {number}")
    remote = repository.publish(tmp_path / "remote.git")
    shallow = remote.clone(tmp_path / "shallow", depth=1)
    assert shallow.log() == ["Number 2"]
    assert shallow.head == repository.head == remote.refs("refs/heads/")["refs/heads/main"]
    assert (shallow.path / "a").read_text() == "2"


def test_what_git_says_is_in_the_failure(repository: Repository) -> None:
    with pytest.raises(GitError, match="no-such-branch"):
        repository.switch("no-such-branch")


def test_the_environment_is_clean(repository: Repository) -> None:
    assert not [name for name in os.environ if name.startswith(("BASETEN_", "AWS_"))]
    assert "CI" not in os.environ
    origins = repository.git("config", "--list", "--show-origin").splitlines()
    assert {line.split("\t")[0] for line in origins} == {
        "file:.git/config",
        f"file:{os.environ['HOME']}/.gitconfig",
    }
