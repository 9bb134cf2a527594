"""Whether what differs from a reviewed plan is only what an apply of that plan has done since.

What was approved is told from the reviewed plan alone, what happened from the deploy log, and what
is left to do from the decision made now. What the deploy log cannot tell, who made a model or an
environment and who set settings that nobody recorded, Baseten's audit log has to prove.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from gitops.decide.decision import Decision, State
from gitops.decide.steps import (
    Check,
    Promote,
    Push,
    Ready,
    Record,
    Retry,
    Step,
    Wait,
    Watch,
)
from gitops.plan.approved import RELEASES, goes_on, is_wanted, own_intents
from gitops.plan.binding import bound, found_nothing
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan
from gitops.plan.new_place import in_new_place
from gitops.plan.present import Continued, Look, Present, Unproved
from gitops.plan.proved import settings_doubt
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import EnvironmentHistory, same_artifact
from gitops.state.differences import equal, flatten

_MOST_REQUIRED: Final = 4


def continued(
    saved: Plan, model: ModelPlan, environment: EnvironmentPlan, *, fresh: Plan, present: Present
) -> Continued | Unproved | None:
    """What is left of an environment of a reviewed plan; None where anything else has happened.

    ``fresh`` is the plan made now, of ``present``. Both have to ask for the same, down to checks
    and rules. Then the deploy log may hold nothing about the environment since the plan was made
    but entries of its own commit, or of the commit applied now, that say what was approved; and
    what is left to do may be nothing that was not approved.
    """
    look = present.look(model.name, environment.environment)
    if look is None or fresh.dirty or saved.dirty:
        return None
    if not (environment.history_known and look.decision.history_known):
        return None
    if environment.mode != "reconcile" or environment.state not in {*RELEASES, "settings"}:
        return None
    if not _asks_the_same(environment, look):
        return None
    since = _since(saved, look.history)
    commits = frozenset({saved.commit, fresh.commit})
    if found_nothing(model, environment):
        return in_new_place(saved, model, environment, look, since=since, commits=commits)
    if look.live is None or model.model_id != look.model_id:
        return None
    intents = own_intents(environment, since, commits)
    if intents is None or not _settings_stay(environment, look, since):
        return None
    if _is_rest_of(environment, look, intents, since):
        return Continued.UNDER_WAY
    if since:
        return _left(environment, look, since, intents)
    return _unrecorded(saved, environment, look)


def _asks_the_same(environment: EnvironmentPlan, look: Look) -> bool:
    now = bound(look.desired, look.decision, model_id=look.model_id, live=look.live)
    same = ("artifact", "settings", "checks", "rules")
    return all(name in environment.bound and environment.bound[name] == now[name] for name in same)


def _since(saved: Plan, history: EnvironmentHistory) -> Sequence[Entry]:
    """What was written after the plan was made: from the first that says so, in the log's order."""
    entries = history.entries
    first = next((at for at, each in enumerate(entries) if each.at >= saved.inputs.now), None)
    return () if first is None else entries[first:]


def _settings_stay(environment: EnvironmentPlan, look: Look, since: Sequence[Entry]) -> bool:
    """Whether every setting is as it was when the plan was made, or as the plan says.

    A setting that the plan does not change is to be what the first entry since found there.
    """
    shown = flatten(look.live.settings) if look.live is not None else {}
    approved = {each.path: (each.before, each.after) for each in environment.changes}
    found = (since[0].settings_before if since else None) or {}
    return all(
        any(equal(path, shown.get(path), value) for value in either)
        for path, either in approved.items()
    ) and all(
        equal(path, shown.get(path), found.get(path))
        for path in {*found, *(shown if found else ())} - approved.keys()
    )


def _is_rest_of(
    environment: EnvironmentPlan, look: Look, intents: frozenset[str], since: Sequence[Entry]
) -> bool:
    """Whether what is left is the end of what was approved, with its beginning done.

    The beginning is put back in thought: then it has to be what was approved, to the last fact.
    """
    if look.decision.state not in {State.PUSH, State.PROMOTE}:
        return False
    steps = look.decision.steps
    closed = [
        each
        for each in steps
        if isinstance(each, Record) and each.event is Event.NOT_STARTED and each.intent in intents
    ]
    if closed:
        steps = tuple(each for each in steps if each not in closed and not isinstance(each, Wait))
    elif since and look.history.open_intent is not None:
        return False
    return any(
        bound(look.desired, each, model_id=look.model_id, live=look.live) == environment.bound
        for each in _earlier(environment, look, steps)
    )


def _earlier(environment: EnvironmentPlan, look: Look, steps: Sequence[Step]) -> Iterator[Decision]:
    """What may have been decided before the artifact was pushed, or served where it has to."""
    decision, target, was = look.decision, look.decision.target, environment.target
    required = [each.environment for each in look.desired.requires][:_MOST_REQUIRED]
    afters = [
        names for count in range(len(required) + 1) for names in combinations(required, count)
    ]
    befores = [tuple(steps)]
    if target is not None and target.id != was:
        artifact = look.desired.artifact
        if artifact is None:
            return
        # What is built anew because its build failed is what was to be built.
        begun = (Ready, Push, Retry) if was is None else (Ready, Push)
        rest = tuple(_of(each, target.id, was) for each in steps if not isinstance(each, begun))
        befores = [(Ready(deployment_id=was), *rest), rest]
        if was is None:
            befores = [
                (Push(artifact=artifact, name=name), Ready(deployment_id=None), *rest)
                for name in {artifact.deployment_name, target.name}
            ]
        target = replace(target, id=was) if was is not None else None
    for state in (State.PUSH, State.PROMOTE):
        for after in afters:
            for before in befores:
                yield replace(decision, state=state, after=after, steps=before, target=target)


def _of(step: Step, now: str, was: str | None) -> Step:
    """The same step for the deployment that stood for the artifact when the plan was made."""
    if isinstance(step, Check | Promote | Watch) and step.deployment_id == now:
        return replace(step, deployment_id=was)
    return step


def _left(
    environment: EnvironmentPlan, look: Look, since: Sequence[Entry], intents: frozenset[str]
) -> Continued | None:
    """What is left where what happened is in the log."""
    decision, opened = look.decision, look.history.open_intent
    serving = decision.serving
    before = _served_before(environment, serving)
    if decision.blocked is not None or not (before or is_wanted(environment, serving)):
        return None
    if decision.steps:
        ours = opened is not None and opened.id in intents and not opened.condemned
        if ours and all(goes_on(each, intents) for each in decision.steps):
            return Continued.UNDER_WAY
        return None
    if opened is not None:
        return None
    if decision.state is State.CONVERGED and since[-1].event in {Event.RELEASED, Event.SETTINGS}:
        return Continued.DONE
    return Continued.HELD if decision.state is State.HELD and before else None


def _unrecorded(
    saved: Plan, environment: EnvironmentPlan, look: Look
) -> Continued | Unproved | None:
    """Settings alone that are as approved, and that no entry tells of."""
    shown = flatten(look.live.settings) if look.live is not None else {}
    written = all(
        equal(each.path, shown.get(each.path), each.after) for each in environment.changes
    )
    if environment.state != "settings" or not written or look.history.open_intent is not None:
        return None
    decision = look.decision
    if decision.state is not State.CONVERGED or decision.steps or decision.kept is not None:
        return None
    if not _served_before(environment, decision.serving):
        return None
    doubt = settings_doubt(look.audit, environment.environment, since=saved.inputs.now)
    return Continued.DONE if doubt is None else Unproved(why=doubt)


def _served_before(environment: EnvironmentPlan, side: Side | None) -> bool:
    was = environment.serving
    if side is None or was is None:
        return side is None and was is None
    return same_artifact(side, Side(deployment_id=was.deployment_id, digest=was.digest))
