"""The ways in which an apply can end badly, and the facts that their sentences are made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gitops.record.entry import Side


class FailureKind(StrEnum):
    """The ways in which a run or an environment can end badly."""

    BUILD_FAILED = "build failed"
    START_FAILED = "start failed"
    """Built, or activated, or retried, but never became ready."""
    CHECKS_FAILED = "checks failed"
    CHECKS_INCONCLUSIVE = "checks inconclusive"
    """Also checks that ran out of time."""
    UNVERIFIED = "unverified"
    """What serves already does not pass the checks that Git asks for."""
    TIMED_OUT = "timed out"
    """Our patience ended; what we waited for goes on. ``doing`` says what it was."""
    PROMOTION_FAILED_BEFORE_TRAFFIC = "promotion failed at 0 %"
    PROMOTION_FAILED_WITH_TRAFFIC = "promotion failed with traffic"
    """Rolled back and confirmed."""
    WATCH_FAILED = "watch failed"
    """Rolled back and confirmed."""
    ROLLED_BACK_BY_HAND = "rolled back by hand"
    """``gitops rollback --now``, confirmed: no failure of this run, but what it was for."""
    WATCH_FAILED_ALERT_ONLY = "watch failed, alert only"
    """``on_failure: alert``: the release stays."""
    ROLLBACK_NOT_CONFIRMED = "rollback not confirmed"
    """``target`` is the deployment that should serve again."""
    NOTHING_TO_GO_BACK_TO = "nothing to go back to"
    ENDED_BY_PERSON = "ended by a person"
    PERSONS_RELEASE_FAILED = "a person's release failed"
    """A person promoted the desired artifact, and it is bad: theirs to undo."""
    BLOCKED_BY_PERSON = "blocked by a person's promotion or pause"
    """A rollback met it. ``paused`` tells which."""
    SERVING_FAILED = "what serves failed"
    """The one retry of the serving deployment did not help."""
    SETTINGS_NOT_TAKEN = "settings not taken"
    """Baseten accepted the settings and did not apply them."""
    BLOCKED = "blocked"
    """Blocked while the apply ran: ``detail`` says why, ``remedy`` what to do."""
    HELD = "held"
    """A hold that an earlier run made, where ``--strict`` asks for red."""
    REQUEST_REFUSED = "request refused"
    """A 4xx; ``detail`` is Baseten's own message."""
    LOG_UNREACHABLE = "deploy log unreachable"
    LOG_MOVED = "deploy log moved"
    REPOSITORY_FAILED = "repository failed"
    """Git, or a file below it, in this clone: a full disk, a permission."""
    LOCK_LOST = "lock lost"
    """Another run has it now, or somebody took it from us."""
    LEASE_ENDED = "lease ended"
    """The lock could not be renewed: the Git host does not answer."""
    API_UNAVAILABLE = "Baseten unavailable"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the sentences are made of; only ``model`` is always needed.

    ``environment`` None: the failure is of a push, which belongs to no environment, or of the whole
    model. ``candidate`` is what failed, or was on its way. ``serving`` is what serves as last read
    back, None for nothing; ``serving_known`` false where it could not be read; ``answered`` when it
    was read (UTC), where that may be no fact any more, since Baseten answers no more
    (``unanswered``) or nobody looked since. ``target`` is where a rollback goes. ``detail``
    is the cause in words (Baseten's message, the verdict's reason), ``doing`` what was under way,
    as a noun ("the build"), ``percent`` the candidate's share of traffic, ``seconds`` how long it
    took, ``person`` who did what stands in the way, ``remedy`` a sentence of the decision itself,
    ``still_running`` whether Baseten goes on with it, ``shared`` whether another environment of
    this run has met the failure first, ``branch`` what a rollback by hand called its branch.
    ``lines`` go below the sentences.
    """

    model: str
    environment: str | None = None
    candidate: Side | None = None
    serving: Side | None = None
    serving_status: str | None = None
    serving_known: bool = True
    answered: datetime | None = None
    unanswered: bool = False
    target: Side | None = None
    detail: str = ""
    doing: str = ""
    percent: int | None = None
    seconds: float | None = None
    person: str | None = None
    paused: bool = False
    remedy: str = ""
    still_running: bool = False
    shared: bool = False
    remote: str = "origin"
    branch: str = ""
    lines: tuple[str, ...] = ()
