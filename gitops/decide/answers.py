"""What a row may answer: a decision, or "do this first and go on below".

Rows do not know their numbers: the table gives a decision the number of the row that made it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from gitops.decide.decision import Blocked, Decision, Kept, State
from gitops.decide.steps import Step
from gitops.decide.view import View
from gitops.state.settings import Change

# What an environment adds to the exit code of an apply that ends here.
ROLLED_BACK: Final = 3
BLOCKED_CODE: Final = 4
CANDIDATE_FAILED: Final = 5
STILL_RUNNING: Final = 7
PERSON_NEEDED: Final = 8

REQUIREMENTS: Final = 19
"""The row of environments that have to succeed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """The row has its say, and the rows below decide on, in the situation that ``view`` shows.

    ``steps`` come before theirs. ``state`` replaces theirs where it is set. ``wins``: the row is
    the decision's row, even though others follow.
    """

    view: View
    steps: tuple[Step, ...] = ()
    state: State | None = None
    notices: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    wins: bool = True


Row: TypeAlias = Callable[[View], "Decision | GoOn | None"]


def decision(
    view: View,
    state: State,
    reason: str,
    *,
    steps: tuple[Step, ...] = (),
    changes: tuple[Change, ...] = (),
    kept: Kept | None = None,
    notices: tuple[str, ...] = (),
    exit_code: int = 0,
) -> Decision:
    """A decision with what serves filled in."""
    current = view.current
    return Decision(
        state=state,
        reason=reason,
        steps=steps,
        changes=changes,
        kept=kept,
        notices=notices,
        serving=view.serving_side,
        serving_status=current.deployment.status if current is not None else None,
        built_from=view.built_from,
        exit_code=exit_code,
        history_known=view.log_known,
    )


def blocked(
    view: View,
    why: str,
    remedy: str,
    *,
    changes: tuple[Change, ...] = (),
    exit_code: int = BLOCKED_CODE,
) -> Decision:
    """A decision that nothing is done, why, and what a person can do about it."""
    found = decision(view, State.BLOCKED, why, changes=changes, exit_code=exit_code)
    return replace(found, blocked=Blocked(why=why, remedy=remedy))
