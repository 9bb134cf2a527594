"""Row 19: what Git wants has to succeed in other environments first."""

from __future__ import annotations

from datetime import timedelta

from gitops.decide.answers import GoOn, blocked, decision
from gitops.decide.decision import Decision, State
from gitops.decide.judge import judge
from gitops.decide.steps import Promote, Record
from gitops.decide.view import View
from gitops.record.entry import Event
from gitops.state.desired import DesiredEnvironment, Requirement
from gitops.wording import largest_unit


def requirements(view: View) -> Decision | GoOn | None:
    """Row 19: environments that have to succeed first; not asked of what succeeded here before."""
    if view.succeeded_here or not view.log_known:
        return None
    unmet = {need: why for need in view.environment.requires if (why := _lacks(view, need))}
    if not unmet:
        return None
    if all(not need.seconds and _in_this_plan(view, need) for need in unmet):
        return GoOn(view=view, after=tuple(need.environment for need in unmet))
    pending = judge(view)
    if pending is not None:
        return pending
    held = tuple(need.environment for need in unmet if _is_held_there(view, need))
    if len(held) == len(unmet):
        return _waits_for_holds(view, held)
    why = "; ".join(unmet.values())
    remedy = f"apply again once it has {' and '.join(_asked(need) for need in unmet)}"
    return blocked(view, why, remedy, changes=view.changes)


def _is_held_there(view: View, need: Requirement) -> bool:
    """Whether it does not come this far because the environment before keeps it on hold."""
    first = _decided_alike(view, need)
    return first is not None and first.state is State.HELD


def _decided_alike(view: View, need: Requirement) -> Decision | None:
    """The decision for the environment that is required, where Git asks for the same in both."""
    model, environment = view.situation.model, view.environment
    other = next((each for each in model.environments if each.name == need.environment), None)
    if other is None or _asks_for(other) != _asks_for(environment):
        return None
    return view.situation.decided.get(need.environment)


def _waits_for_holds(view: View, held: tuple[str, ...]) -> Decision:
    """A hold is no news to later runs, and neither is what only waits behind it."""
    names = " and ".join(held)
    settings = "1 setting" if len(view.changes) == 1 else f"{len(view.changes)} settings"
    waits = "waits" if len(view.changes) == 1 else "wait"
    return decision(
        view,
        State.HELD,
        f"it is held in {names}, which {view.name} requires; it goes on once that hold is over",
        notices=(f"{settings} of {view.name} {waits} with it",) if view.changes else (),
    )


def _asked(need: Requirement) -> str:
    if not need.seconds:
        return f"succeeded in {need.environment}"
    return f"served in {need.environment} for {largest_unit(timedelta(seconds=need.seconds))}"


def _lacks(view: View, need: Requirement) -> str | None:
    spans = [
        span
        for span in view.history.environment(need.environment).served
        if view.wanted.is_side(span.side)
    ]
    if not spans:
        return f"it has not succeeded in {need.environment} yet"
    longest = max(span.lasted(view.situation.now) for span in spans)
    short_of = timedelta(seconds=need.seconds) - longest
    if short_of <= timedelta(0):
        return None
    return (
        f"it has served in {need.environment} for {largest_unit(longest)} of the "
        f"{largest_unit(timedelta(seconds=need.seconds))} that {view.name} asks for"
    )


def _in_this_plan(view: View, need: Requirement) -> bool:
    """Whether an earlier decision ends with the same artifact released or adopted there."""
    first = _decided_alike(view, need)
    return (
        first is not None
        and first.blocked is None
        and any(
            isinstance(step, Promote)
            or (isinstance(step, Record) and step.event in {Event.RELEASED, Event.ADOPTED})
            for step in first.steps
        )
    )


def _asks_for(environment: DesiredEnvironment) -> str | None:
    artifact = environment.artifact
    return artifact.digest if artifact is not None else environment.deployment
