"""Branches of the remote that are a change which was made here once more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitops.git.changes import GitChanges
from gitops.git.repository import Repository as Opened
from tests.repositories import Repository

SUBJECT = "Roll x back"


@pytest.fixture
def clone(tmp_path: Path) -> Repository:
    """A clone; its remote has `first`, which changes one file of `main`."""
    made = Repository.create(tmp_path / "made", {"pin": "bad\n", "other": "1\n"})
    made.publish(tmp_path / "remote.git")
    made.switch("first", create=True)
    made.commit({"pin": "good\n"}, SUBJECT)
    made.git("push", "-q", "origin", "first")
    made.switch("main")
    return made


@pytest.fixture
def changes(clone: Repository) -> Iterator[GitChanges]:
    with Opened.discover(clone.path) as opened:
        yield GitChanges(opened)


def again(clone: Repository, changes: GitChanges, pin: str = "good\n") -> str | None:
    made = changes.commit(clone.head, {"pin": pin.encode()}, f"{SUBJECT}\n\nWhy.\n")
    found = changes.published(made, "origin")
    assert found is None or found[1] == clone.id(f"refs/remotes/origin/{found[0]}")
    return found[0] if found else None


def test_the_same_change_is_found_whatever_else_was_merged_since(
    clone: Repository, changes: GitChanges
) -> None:
    assert again(clone, changes) == "first"
    clone.commit({"other": "2\n"}, "Work goes on")
    assert again(clone, changes) == "first"
    assert again(clone, changes, "better\n") is None
    assert changes.published(clone.id("first"), "elsewhere") is None


def test_what_is_merged_or_brings_more_is_another(clone: Repository, changes: GitChanges) -> None:
    clone.merge("first")
    clone.commit({"pin": "bad\n"}, "Once more")
    assert again(clone, changes) is None
    clone.switch("second", create=True)
    clone.commit({"other": "3\n"}, "Something else")
    clone.commit({"pin": "good\n"}, SUBJECT)
    clone.git("push", "-q", "origin", "second")
    clone.switch("main")
    assert again(clone, changes) is None


def test_of_a_line_that_is_not_ours_nothing_is_taken(
    clone: Repository, changes: GitChanges
) -> None:
    clone.git("checkout", "-q", "--orphan", "alone")
    clone.commit({"pin": "good\n"}, SUBJECT)
    clone.git("push", "-q", "--force", "origin", "alone:first")
    clone.git("checkout", "-q", "main")
    assert again(clone, changes) is None
