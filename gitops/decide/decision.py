"""What a decision says: the row that won, the steps that remain, and why, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from gitops.decide.facts import Fact
from gitops.plan.steps import Step
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
    """One environment's next steps. ``row`` is the row of the table that won.

    The executor carries out ``steps[0]`` and asks again; the plan lists them all. No steps: at
    rest. ``changes`` are settings that differ, but for those that are ``kept`` while all else goes
    on. ``serving`` is what serves now, ``target`` the existing deployment that is wanted.
    ``exit_code`` is what this environment adds to an apply that ends here. ``notices`` are
    sentences for people. ``history_known`` is false where rows that need the log could not be
    judged. ``after`` names environments of the same plan that have to succeed before any of these
    steps is taken: while it is not empty, the steps are for the plan alone. ``built_from`` is the
    full id of the commit that the deployment of what Git asks for is, or will be, labelled with:
    by that one people know it, whichever commit of the same files is pinned. None: as pinned.
    """

    row: int
    state: State
    reason: str
    steps: tuple[Step, ...] = ()
    blocked: Blocked | None = None
    changes: tuple[Change, ...] = ()
    kept: Kept | None = None
    notices: tuple[str, ...] = ()
    serving: Side | None = None
    serving_status: str | None = None
    target: Deployment | None = None
    built_from: str | None = None
    exit_code: int = 0
    history_known: bool = True
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The decision cannot be made before these facts are read."""

    facts: frozenset[Fact]


Answer: TypeAlias = Decision | Needs
