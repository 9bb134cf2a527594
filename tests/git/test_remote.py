from __future__ import annotations

from pathlib import Path

import pytest

from gitops.git.process import Done, without_credentials
from gitops.git.remote import is_local, lacking
from gitops.git.repository import Repository
from tests.repositories import Repository as Made


@pytest.mark.parametrize(
    "url",
    [
        "/srv/git/x.git",
        "../x.git",
        "x.git",
        "./odd:name",
        "file:///srv/x.git",
        "http://127.0.0.1:3000/x.git",
        "https://localhost/x.git",
        "ssh://git@[::1]:22/x.git",
        "git@localhost:x.git",
        "http://git.localhost/x.git",
        "127.1.2.3:x.git",
    ],
)
def test_local_remotes(url: str) -> None:
    assert is_local(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/x.git",
        "git@github.com:acme/x.git",
        "github.com:acme/x.git",
        "ssh://git@10.0.0.1/x.git",
        "https://127.0.0.1.example.com/x.git",
        "https://localhost@example.com/x.git",
        "ext::ssh example.com %S x.git",
        "codecommit::eu-west-1://x",
    ],
)
def test_remotes_elsewhere(url: str) -> None:
    assert not is_local(url)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("fatal: https://user:tok3n@host/x.git", "fatal: https://***@host/x.git"),
        ("https://p@ss@host/x and http://t@h/", "https://***@host/x and http://***@h/"),
        ("ssh://git@host/x", "ssh://***@host/x"),
        ("https://host/a@b", "https://host/a@b"),
        ("mail a@b.example", "mail a@b.example"),
    ],
)
def test_credentials_are_taken_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("said", "gist"),
    [
        ("fatal: '../a' is no repository\nfatal: Could not read from remote repository.\n", 0),
        ("Warning: Permanently added 'h' (ED25519).\nu@h: Permission denied (publickey).\n", 1),
        ("hint: try again\n\nPlease make sure you have the correct access rights\n", None),
        ("", None),
    ],
)
def test_the_gist_is_the_line_that_says_what_is_wrong(said: str, gist: int | None) -> None:
    done = Done(code=128, out=b"", err=said)
    assert done.gist == (done.said if gist is None else said.splitlines()[gist])


def test_what_a_repository_knows_of_its_remotes(repository: Made, tmp_path: Path) -> None:
    repository.commit({"x": "1"})
    published = repository.publish(tmp_path / "remote.git")
    clone = published.clone(tmp_path / "clone")
    with Repository.discover(repository.path) as mine, Repository.discover(clone.path) as yours:
        assert mine.remote("nope") is None
        assert mine.remote_url("nope") is None
        assert mine.remote_url("origin") == str(tmp_path / "remote.git")
        repository.git("remote", "add", "other", "https://user:s3cret@host.invalid/x.git")
        assert mine.remote_url("other") == "https://***@host.invalid/x.git"
        assert mine.branches.default(None) == "main"
        assert mine.branches.default("origin") == "main"  # asked of the remote
        assert yours.branches.default("origin") == "main"  # known since the clone
        head = repository.head
        assert mine.remote_contains(head, "main", "origin")
        assert not mine.remote_contains(head, "nope", "origin")
        assert not mine.remote_contains("f" * 40, "main", "origin")
        ahead = repository.commit({"x": "2"})
        assert not mine.remote_contains(ahead, "main", "origin")
        assert mine.remote_contains(ahead, "main", None)


def test_a_fetch_brings_what_it_was_asked_for(repository: Made, tmp_path: Path) -> None:
    repository.commit({"x": "1"})
    published = repository.publish(tmp_path / "remote.git")
    clone = published.clone(tmp_path / "clone")
    new = repository.commit({"x": "2"})
    repository.git("push", "-q")
    with Repository.discover(clone.path) as opened:
        assert not opened.remote_contains(new, "main", "origin")
        opened.fetch("origin", ["+refs/heads/main:refs/remotes/origin/main"])
        assert opened.remote_contains(new, "main", "origin")


def test_what_is_missing_where_other_remotes_are(tmp_path: Path) -> None:
    made = Made.create(tmp_path / "made", {"a": "1"})
    with Repository.discover(made.path) as repository:
        git = repository.git
        assert lacking(git, "origin") is None
        made.git("remote", "add", "theirs", "https://git.example.invalid/x.git")
        assert "it has theirs." in str(lacking(git, "origin"))
        assert lacking(git, "theirs") is None
        assert lacking(git, "origin", api_is_loopback=True) is None, "an emulator writes to none"
        made.git("remote", "add", "here", str(tmp_path / "here.git"))
        assert "it has here." in str(lacking(git, "origin", api_is_loopback=True))
