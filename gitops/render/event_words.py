"""The words for what an apply does: under way, done, and how it ended."""

from __future__ import annotations

from typing import Final

from gitops.plan.actions import ActionKind
from gitops.plan.events import ActionFinished, ApplyFinished
from gitops.render.failures import FailureKind
from gitops.render.words import doing

DOING: Final[dict[ActionKind, str]] = {
    "push": "pushes",
    "ready": "waits until ready",
    "check": "checks",
    "activate": "activates",
    "retry": "retries",
    "create_environment": "creates the environment",
    "update_settings": "sets",
    "cancel_promotion": "cancels a promotion",
    "promote": "promotes",
    "watch": "watches",
}
"""An action under way, as a verb."""

DONE: Final[dict[ActionKind, str]] = {
    "push": "pushed",
    "ready": "ready",
    "check": "checked",
    "activate": "activated",
    "retry": "retried",
    "create_environment": "environment created",
    "update_settings": "set",
    "cancel_promotion": "promotion cancelled",
    "promote": "promoted",
    "watch": "watched",
}
"""An action that went well, as a word."""

_ROLLED_BACK: Final = 3
_LOCKED: Final = 6

EXIT_CODES: Final[dict[int, str]] = {
    0: "done",
    1: "failed",
    3: "a release was bad and was rolled back",
    4: "refused or blocked",
    5: "a candidate was not good enough, and was not promoted",
    6: "another run was there first",
    7: "something still runs; the next apply continues",
    8: "a person is needed",
    130: "interrupted",
}
"""What an apply's exit code means."""

ENDED: Final[dict[str, str]] = {
    FailureKind.BUILD_FAILED: "build failed",
    FailureKind.START_FAILED: "start failed",
    FailureKind.BLOCKED: "stopped",
    FailureKind.BLOCKED_BY_PERSON: "stopped",
    FailureKind.ENDED_BY_PERSON: "ended by a person",
    FailureKind.INTERRUPTED: "interrupted",
    FailureKind.LEASE_ENDED: "stopped",
    FailureKind.LOCK_LOST: "stopped",
    FailureKind.NOTHING_TO_GO_BACK_TO: "stopped",
    FailureKind.ROLLED_BACK_BY_HAND: "ended by hand",
    FailureKind.TIMED_OUT: "still not done",
}
"""How an action ended, by the cause of its end, where that says more than that it failed."""


def outcome(event: ApplyFinished, *, undone: bool = True) -> str:
    """What the exit code of an apply means, by how it came to that.

    ``undone``: the run has rolled something back itself, as far as that is known.
    """
    if event.exit_code == _ROLLED_BACK and not undone:
        return "a release was ended, not by this run; what served before serves"
    if event.exit_code == _LOCKED and any(
        each.failure.cause == FailureKind.LOCK_LOST for each in event.failures
    ):
        return "its lock was taken away meanwhile"
    return EXIT_CODES.get(event.exit_code, "ended")


def noun(kind: ActionKind) -> str:
    """An action as a noun without its article: ``checks``, ``promotion``."""
    return doing(kind).removeprefix("the ")


def failed(event: ActionFinished) -> str:
    """How an action that did not go well ended: ``checks failed``, ``ended by a person``."""
    cause = event.failure.cause if event.failure is not None else ""
    return ENDED.get(cause, f"{noun(event.kind)} failed")
