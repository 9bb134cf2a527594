"""Tags of releases: on the remote, in a clone without one, and where something is in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.git.releasetags import ReleaseTags
from gitops.git.repository import Repository
from gitops.state.names import ModelKey
from tests.repositories import Repository as Made

KEY = ModelKey(None, "qwen2.5")
NAME = "released/qwen2%2E5/production"


@pytest.fixture
def here(repository: Made, tmp_path: Path) -> Made:
    for number in range(3):
        repository.commit({"README": str(number)})
    repository.publish(tmp_path / "remote.git")
    return repository


@pytest.fixture
def remote(here: Made) -> Made:
    return Made(Path(here.git("remote", "get-url", "origin")))


def tags(made: Made) -> dict[str, str]:
    listed = made.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/tags")
    return dict(line.split() for line in listed.splitlines())


def setter(made: Made, remote: str | None = "origin") -> ReleaseTags:
    return ReleaseTags(Repository.discover(made.path), remote)


def test_a_release_is_tagged_on_the_remote_and_here(here: Made, remote: Made) -> None:
    one, two = here.id("HEAD~1"), here.id("HEAD")
    set_tags = setter(here)
    assert set_tags.set(KEY, "production", {1: one}, made=True) is None
    expected = {f"{NAME}/1": one}
    assert (tags(remote), tags(here)) == (expected, expected)
    # Once more, by this run and by the next: nothing changes, and nobody complains.
    for each in (set_tags, setter(here)):
        assert each.set(KEY, "production", {1: one}, made=True) is None
    assert set_tags.set(ModelKey("a team", "b"), "live", {7: two}, made=True) is None
    assert tags(remote) == {**expected, "released/a%20team/b/live/7": two}


def test_what_was_missed_since_the_last_tag_is_tagged(here: Made, remote: Made) -> None:
    zero, one, two = (here.id(f"HEAD~{back}") for back in (2, 1, 0))
    elsewhere = "e" * len(one)
    # Nothing before the first tag, and nothing that this clone lacks.
    assert setter(here).set(KEY, "production", {1: elsewhere, 2: zero}, made=False) is None
    releases = {1: elsewhere, 2: zero, 3: one, 4: elsewhere, 5: two}
    assert setter(here).set(KEY, "production", releases, made=True) is None
    assert tags(remote) == {f"{NAME}/2": zero, f"{NAME}/3": one, f"{NAME}/5": two}


def test_without_a_remote_the_tag_is_here_alone(here: Made, remote: Made) -> None:
    one, two = here.id("HEAD~1"), here.id("HEAD")
    assert setter(here, None).set(KEY, "production", {1: one}, made=True) is None
    assert (tags(here), tags(remote)) == ({f"{NAME}/1": one}, {})
    said = setter(here, None).set(KEY, "production", {1: two}, made=True)
    assert said == f"the tag {NAME}/1 is there already and names another commit: it stays"
    assert tags(here) == {f"{NAME}/1": one}


def test_a_tag_that_is_there_stays_and_is_told_once(here: Made, remote: Made) -> None:
    one, two = here.id("HEAD~1"), here.id("HEAD")
    here.git("push", "-q", "origin", f"{one}:refs/tags/{NAME}/1")
    set_tags = setter(here)
    said = set_tags.set(KEY, "production", {1: two}, made=True)
    assert said is not None
    assert "names another commit" in said
    assert set_tags.set(KEY, "production", {1: two}, made=False) is None
    # Somebody sets it after we have looked.
    here.git("push", "-q", "origin", f"{one}:refs/tags/{NAME}/2")
    assert set_tags.set(KEY, "production", {2: two}, made=True) is not None
    assert tags(remote) == {f"{NAME}/1": one, f"{NAME}/2": one}


def test_a_remote_that_refuses_tags_is_told_of(here: Made, remote: Made) -> None:
    hook = remote.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho no tags here >&2\nexit 1\n")
    hook.chmod(0o755)
    said = setter(here).set(KEY, "production", {1: here.id("HEAD")}, made=True)
    assert said is not None
    assert said.startswith(f"the tag {NAME}/1 is not set: The Git remote origin refused")
    assert "no tags here" in said
    here.git("remote", "set-url", "origin", str(here.path / "nowhere"))
    said = setter(here).set(KEY, "production", {1: here.id("HEAD")}, made=True)
    assert said is not None
    assert "The Git remote origin cannot be read" in said
    assert tags(here) == {}
