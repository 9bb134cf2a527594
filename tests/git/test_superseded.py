from __future__ import annotations

from pathlib import Path

import pytest

from gitops.git.repository import Repository
from gitops.git.superseded import applied_now, superseded
from gitops.record.entry import Entry, Event
from gitops.record.lock import Applied
from tests.git.logs import entry, log
from tests.repositories import Repository as Made


@pytest.fixture
def commits(repository: Made, tmp_path: Path) -> list[str]:
    made = [repository.commit({"n": str(number)}) for number in range(4)]
    repository.publish(tmp_path / "remote.git")
    return made


def applied(*commits: str, branch: str | None = "main") -> tuple[Entry, ...]:
    return tuple(
        entry(Event.ADOPTED, minute, applied_commit=commit, branch=branch)
        for minute, commit in enumerate(commits)
    )


def judge(
    made: Made, entries: tuple[Entry, ...], commit: str, remote: str | None = "origin"
) -> bool:
    with Repository.discover(made.path) as repository:
        return superseded(repository, entries, commit, remote=remote, branch="main")


@pytest.mark.parametrize("remote", ["origin", None])
def test_an_ancestor_of_the_last_one_applied_is_late(
    repository: Made, commits: list[str], remote: str | None
) -> None:
    entries = applied(commits[0], commits[2])
    assert judge(repository, entries, commits[0], remote)
    assert judge(repository, entries, commits[1], remote)
    assert not judge(repository, entries, commits[2], remote)
    assert not judge(repository, entries, commits[3], remote)
    assert not judge(repository, (), commits[0], remote)


def test_the_last_in_the_log_counts_not_the_newest_commit(
    repository: Made, commits: list[str]
) -> None:
    assert not judge(repository, applied(commits[3], commits[1]), commits[2])


def test_a_commit_that_diverged_is_not_late(repository: Made, commits: list[str]) -> None:
    repository.switch("side", create=True)
    repository.git("reset", "-q", "--hard", commits[1])
    side = repository.commit({"side": "1"})
    assert not judge(repository, applied(commits[3]), side)


def test_only_commits_on_the_remotes_branch_count(repository: Made, commits: list[str]) -> None:
    ahead = repository.commit({"n": "not pushed"})
    assert not judge(repository, applied(ahead), commits[3])
    assert judge(repository, applied(commits[2], ahead), commits[1])
    repository.git("push", "-q")
    assert judge(repository, applied(ahead), commits[3])


def test_entries_from_elsewhere_do_not_count(repository: Made, commits: list[str]) -> None:
    assert not judge(repository, applied(commits[3], branch=None), commits[0])
    assert not judge(repository, applied("f" * 40), commits[0])


def test_the_branch_is_brought_with_the_log(
    repository: Made, commits: list[str], tmp_path: Path
) -> None:
    other = Made(tmp_path / "remote.git").clone(tmp_path / "other")
    ahead = other.commit({"n": "ahead"})
    other.git("push", "-q")
    entries = applied(ahead)
    assert not judge(repository, entries, commits[3])
    log(repository.path, branch="main").fetch()
    assert judge(repository, entries, commits[3])
    # The user's own remote-tracking branch is theirs.
    assert repository.id("refs/remotes/origin/main") == commits[3]


def test_an_unknown_branch_supersedes_nothing(repository: Made, commits: list[str]) -> None:
    with Repository.discover(repository.path) as opened:
        assert not superseded(opened, applied(commits[3]), commits[0], remote="origin", branch=None)
        assert not superseded(
            opened, applied(commits[3]), commits[0], remote="origin", branch="nope"
        )


def test_what_the_lock_names_makes_late_too(repository: Made, commits: list[str]) -> None:
    ahead = repository.commit({"n": "not pushed"})

    def late(commit: str, log: str, lock: str) -> bool:
        with Repository.discover(repository.path) as opened:
            return superseded(
                opened,
                applied(log),
                commit,
                remote="origin",
                branch="main",
                locked=Applied(commit=lock, branch="main"),
            )

    assert late(commits[1], log=commits[0], lock=commits[2])
    assert late(commits[1], log=commits[2], lock=commits[0])
    assert not late(commits[2], log=commits[1], lock=commits[2])
    assert not late(commits[2], log=commits[1], lock=ahead)
    assert not late(commits[2], log=commits[1], lock="f" * 40)


def test_a_lock_names_the_newest_commit_of_the_deploy_branch(
    repository: Made, commits: list[str]
) -> None:
    ahead = repository.commit({"n": "not pushed"})

    def now(commit: str, before: str | None, *, older: bool = False) -> str | None:
        with Repository.discover(repository.path) as opened:
            locked = Applied(commit=before, branch="main") if before else None
            found = applied_now(opened, commit, locked, remote="origin", branch="main", older=older)
            return found.commit if found is not None else None

    assert now(commits[1], None) == commits[1]
    assert now(commits[2], commits[1]) == commits[2]
    assert now(commits[1], commits[2]) == commits[2]
    assert now(commits[1], commits[2], older=True) == commits[1]
    # What is not merged changes nothing, whatever was forced.
    assert now(ahead, commits[1]) == commits[1]
    assert now(ahead, commits[1], older=True) == commits[1]
    assert now(commits[1], ahead) == commits[1]
