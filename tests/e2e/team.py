"""People who open, push to and merge pull requests, whichever forge runs the jobs that follow."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

from tests.e2e.jobs import Job
from tests.e2e.trouble import Trouble
from tests.repositories import Content, Repository


@dataclass
class Team(ABC):
    """A repository with a remote, and what a forge shows. Pull requests are known by number."""

    made: Trouble
    heads: dict[int, str] = field(default_factory=dict)
    """The last commit of each pull request."""
    refs: str = ""
    """Below which ref the forge keeps pull requests."""
    failure: str = "failure"
    """What the forge calls a release that failed."""

    @property
    def work(self) -> Repository:
        return self.made.work

    @property
    def remote(self) -> Repository:
        return Repository(self.made.folder / "remote.git")

    def open(self, message: str, *files: dict[str, Content]) -> int:
        """Push a branch with one commit and open a pull request: its number."""
        number = len(self.heads) + 1
        self.heads[number] = ""
        self.work.git("switch", "-q", "-C", f"topic-{number}", "main")
        self.opened(number)
        self.push(number, message, *files)
        return number

    def push(self, number: int, message: str, *files: dict[str, Content]) -> None:
        """Another commit on the branch; the forge merges it for its jobs."""
        self.work.git("switch", "-q", f"topic-{number}")
        head = self.work.commit({k: v for each in files for k, v in each.items()}, message)
        self.heads[number] = head
        self.work.git("switch", "-q", "--detach", "main")
        self.work.merge(f"topic-{number}")
        self.work.git(
            *("push", "-q", "origin", f"+HEAD:{self.refs}/{number}/merge"),
            f"{head}:refs/heads/topic-{number}",
        )
        self.pushed(number, head)

    def merge(self, number: int, *, squash: bool = True) -> str:
        """Merge: the commit on main."""
        self.work.git("switch", "-q", "main")
        if squash:
            self.work.git("merge", "-q", "--squash", f"topic-{number}")
            self.work.git("commit", "-q", "--allow-empty", "-m", f"Squashed (#{number})")
        else:
            self.work.merge(f"topic-{number}")
        self.work.git("push", "-q", "origin", "main")
        self.merged(number, self.work.head)
        return self.work.head

    def note(self) -> str:
        """What production answers as its note: which truss serves."""
        serving = self.made.serving()
        assert serving is not None
        [model] = self.made.emulator.world.models.values()
        found: str = model.deployments[serving].artifact.config["model_metadata"]["note"]
        return found

    # What the forge does

    @abstractmethod
    def opened(self, number: int) -> None:
        """Show a new pull request."""

    @abstractmethod
    def pushed(self, number: int, head: str) -> None:
        """Show its new last commit."""

    @abstractmethod
    def merged(self, number: int, commit: str) -> None:
        """Show it as merged by a commit on main."""

    @abstractmethod
    def fork(self, number: int) -> dict[str, Job]:
        """The jobs of a pull request that came from a fork."""

    @abstractmethod
    def review(self, number: int) -> dict[str, Job]:
        """The jobs of a pull request: `diff` and `plan`."""

    @abstractmethod
    def apply(self, commit: str) -> Job:
        """The job that follows a merge."""

    @abstractmethod
    def apply_by_hand(self, commit: str, **chosen: str) -> tuple[Job, Job]:
        """The jobs that somebody starts after a refusal: a fresh plan, and its apply.

        `chosen` are the workflow's inputs by their names.
        """

    @abstractmethod
    def drift(self) -> Job:
        """The job of the schedule."""

    @abstractmethod
    def rollback(self, model: str, environment: str) -> Job:
        """The job that somebody starts to go back."""

    # What the forge shows

    @abstractmethod
    def requests(self) -> list[str]:
        """What the forge was asked."""

    @abstractmethod
    def comments(self, number: int) -> list[str]:
        """The comments on a pull request."""

    @abstractmethod
    def issues(self) -> list[tuple[Literal["open", "closed"], str]]:
        """The state and the text of every issue."""

    @abstractmethod
    def shown(self) -> dict[str, list[str]]:
        """The states of the releases that each environment shows, the oldest first."""
