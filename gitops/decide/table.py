"""The table: what happens next in one environment. The first row that matches wins.

Every row is a function of a ``View`` that answers None (it does not match), a ``Decision``, or
``GoOn`` (do this first, then the rows below decide in the situation that follows from it).

The order is the rule: what is under way comes before what was begun and never ended, that before
what Git wants now; and whatever serves is judged before anything else is promoted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gitops.decide.answers import BLOCKED_CODE, GoOn, Row
from gitops.decide.decision import Answer, Blocked, Decision, Needs, State
from gitops.decide.facts import Unread
from gitops.decide.notices import kept_notices
from gitops.decide.rows.foreign import foreign_serves
from gitops.decide.rows.held import wanted_is_held
from gitops.decide.rows.releasing import deployment_exists, none_exists
from gitops.decide.rows.requiring import requirements
from gitops.decide.rows.running import (
    candidate_is_foreign,
    candidate_is_left_over,
    candidate_is_our_way_back,
    candidate_is_wanted,
    in_transition,
)
from gitops.decide.rows.serving import (
    failed,
    nothing_differs,
    settings_differ,
    stopped,
    unverified,
)
from gitops.decide.rows.stopping import another_model, paused_by_git, promotion_paused, superseded
from gitops.decide.rows.unfinished import intent_came_to_nothing, wanted_serves_unjudged
from gitops.decide.safety import permitted
from gitops.decide.situation import Situation
from gitops.decide.steps import Follow, Record, RollBack, Step, Wait, Watch
from gitops.decide.view import View
from gitops.state.settings import Change

ROWS: Final[tuple[tuple[int, Row], ...]] = (
    # What stops everything else.
    (1, paused_by_git),
    (2, another_model),
    (3, superseded),
    (4, promotion_paused),
    # Something is under way.
    (5, in_transition),
    (6, candidate_is_wanted),
    (7, candidate_is_left_over),
    (8, candidate_is_our_way_back),
    (9, candidate_is_foreign),
    # Something was begun and not ended, or is held, or is not ours.
    (10, intent_came_to_nothing),
    (11, wanted_is_held),
    (12, foreign_serves),
    (13, wanted_serves_unjudged),
    # What Git wants serves.
    (14, stopped),
    (15, failed),
    (16, unverified),
    (17, settings_differ),
    (18, nothing_differs),
    # What Git wants does not serve yet.
    (19, requirements),
    (20, deployment_exists),
    (21, none_exists),
)

_LAST_UNDER_WAY: Final = 9
_MAY_END_A_RELEASE: Final = frozenset({10, 11, 13, 19})
"""Rows below it whose steps may do no more than bring a release to its end."""
_ENDS_A_RELEASE: Final = (Follow, Watch, RollBack, Record, Wait)


def decide(situation: Situation) -> Answer:
    """What happens next in one environment, or which facts have to be read to say so.

    Pure and total: every situation has an answer, and the same one every time.
    """
    try:
        found = _first_match(View.of(situation))
    except Unread as missing:
        return Needs(facts=frozenset({missing.fact}))
    found = replace(found, notices=(*found.notices, *kept_notices(found.kept)))
    return _observed(situation, _supported(situation, found))


def settings_to_make(situation: Situation) -> tuple[Change, ...] | Needs:
    """The settings that differ and may be changed now, whatever else is under way; or facts.

    None at all where one of them is blocked: which, and why, is the next decision's to say.
    """
    try:
        allowed = permitted(View.of(situation))
    except Unread as missing:
        return Needs(facts=frozenset({missing.fact}))
    return allowed.changes if allowed.blocked is None else ()


def _first_match(view: View) -> Decision:
    before: list[tuple[int, GoOn]] = []
    for number, row in ROWS:
        answer = row(view)
        if isinstance(answer, Decision):
            return _joined(before, replace(answer, row=number))
        if answer is not None:
            before.append((number, answer))
            view = answer.view
    raise AssertionError("row 21 matches whatever is left")


def _joined(before: list[tuple[int, GoOn]], last: Decision) -> Decision:
    """One decision from the rows that went on and the one that ended it."""
    won = next((number for number, answer in before if answer.wins), last.row)
    state = next((answer.state for _, answer in before if answer.state is not None), last.state)
    return replace(
        last,
        row=won,
        state=state,
        steps=(*(step for _, answer in before for step in answer.steps), *last.steps),
        notices=(*(notice for _, answer in before for notice in answer.notices), *last.notices),
        after=tuple(name for _, answer in before for name in answer.after),
    )


def _supported(situation: Situation, found: Decision) -> Decision:
    """Block an environment whose release file asks for what this version cannot carry out.

    A release that is under way is brought to its end all the same.
    """
    keys, row = situation.environment.unsupported, found.row
    if not keys or row <= _LAST_UNDER_WAY or found.state is State.BLOCKED:
        return found
    if row in _MAY_END_A_RELEASE and _only_ends(found.steps):
        return found
    why = f"{', '.join(keys)} cannot be carried out by this version"
    these = "it" if len(keys) == 1 else "them"
    remedy = f"take {these} out of {situation.model.release_file}"
    return replace(
        found,
        state=State.BLOCKED,
        reason=why,
        blocked=Blocked(why=why, remedy=remedy),
        steps=(),
        exit_code=BLOCKED_CODE,
        after=(),
    )


def _only_ends(steps: tuple[Step, ...]) -> bool:
    return bool(steps) and all(isinstance(step, _ENDS_A_RELEASE) for step in steps)


def _observed(situation: Situation, found: Decision) -> Decision:
    """Under ``mode: observe`` the state is shown and nothing is done."""
    if "observe" not in {situation.environment.mode, situation.model.mode} or found.row == 1:
        return found
    note = ("mode is observe: this is shown and never acted on",) if found.steps else ()
    return replace(found, steps=(), after=(), notices=(*found.notices, *note), exit_code=0)
