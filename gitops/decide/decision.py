"""What a decision says: the row that won, the steps that remain, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gitops.decide.facts import Fact
from gitops.decide.steps import Step
from gitops.record.entry import Side
from gitops.state.live import Deployment
from gitops.state.settings import Change


class State(StrEnum):
    """The one word for an environment in plans and status."""

    CONVERGED = "converged"
    SETTINGS = "settings"
    PUSH = "push"
    PROMOTE = "promote"
    FOLLOW = "follow"
    WATCH = "watch"
    VERIFY = "verify"
    ACTIVATE = "activate"
    RETRY = "retry"
    CANCEL = "cancel"
    WAIT = "wait"
    HELD = "held"
    SUPERSEDED = "superseded"
    BLOCKED = "blocked"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Why nothing is done, and what a person can do about it."""

    why: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Settings that stay as Baseten has them until somebody consents: which, why, and how to."""

    changes: tuple[Change, ...]
    why: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One environment's next steps, and why.

    The executor carries out ``steps[0]`` and asks again; the plan lists them all.
    """

    state: State
    reason: str
    row: int = 0
    """The row of the table that won; the table sets it."""
    steps: tuple[Step, ...] = ()
    """What remains to be done, in order. None at all: the environment is at rest."""
    after: tuple[str, ...] = ()
    """Environments of the same plan that have to succeed before any of the steps is taken: while
    there are any, the steps are for the plan alone."""
    blocked: Blocked | None = None
    changes: tuple[Change, ...] = ()
    """Settings that differ, but for those that are ``kept``."""
    kept: Kept | None = None
    """Settings that stay as they are while all else goes on."""
    notices: tuple[str, ...] = ()
    """Sentences for people."""
    serving: Side | None = None
    """What serves now."""
    serving_status: str | None = None
    target: Deployment | None = None
    """The deployment of what is wanted, where there is one already."""
    built_from: str | None = None
    """The full id of the commit that the deployment of what Git asks for is, or will be, labelled
    with: by that one people know it, whichever commit of the same files is pinned. None: as
    pinned."""
    exit_code: int = 0
    """What this environment adds to an apply that ends here."""
    history_known: bool = True
    """False where rows that need the deploy log could not be judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The decision cannot be made before these facts are read."""

    facts: frozenset[Fact]


Answer: TypeAlias = Decision | Needs
