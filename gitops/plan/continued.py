"""Whether what differs from a reviewed plan is only what an apply of that plan has done since.

Nothing here looks at who ran it. What was approved is told from the reviewed plan alone, what
happened from the deploy log, and what is left to do from the decision made now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import combinations
from typing import Final

from gitops.decide.decision import Decision, State
from gitops.plan.binding import bound
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan
from gitops.plan.steps import (
    Check,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    RestoreSettings,
    RollBack,
    Step,
    Wait,
    Watch,
)
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import EnvironmentHistory, ModelHistory, same_artifact
from gitops.state.desired import Desired, DesiredEnvironment
from gitops.state.differences import equal, flatten
from gitops.state.live import Live, LiveEnvironment

_RELEASES: Final = frozenset({"push", "promote"})
_CLOSES: Final = frozenset({Event.RELEASED, Event.ROLLED_BACK, Event.NOT_STARTED})
_MOST_REQUIRED: Final = 4


class Continued(Enum):
    """What is left of an environment's part of a reviewed plan."""

    UNDER_WAY = auto()
    """It was begun as approved, and what is left is to go on with it."""
    DONE = auto()
    """It was carried out as approved; nothing is left to do."""
    HELD = auto()
    """It was begun as approved, ended badly and is held; nothing is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a fresh plan was made of. Models by the string form of their key."""

    desired: Desired
    live: Live
    decisions: Mapping[str, Mapping[str, Decision]]
    histories: Mapping[str, ModelHistory]

    def look(self, model: str, environment: str) -> _Look | None:
        """One environment; None where something about it is not known."""
        wanted = next((each for each in self.desired.models if str(each.key) == model), None)
        asked = wanted and next(
            (each for each in wanted.environments if each.name == environment), None
        )
        decision = self.decisions.get(model, {}).get(environment)
        history, there = self.histories.get(model), self.live.models.get(model)
        live = there.environment(environment) if there else None
        if not asked or decision is None or history is None or there is None or live is None:
            return None
        return _Look(
            desired=asked,
            decision=decision,
            live=live,
            model_id=there.id,
            history=history.environment(environment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    desired: DesiredEnvironment
    decision: Decision
    live: LiveEnvironment
    model_id: str
    history: EnvironmentHistory


def continued(
    saved: Plan, model: ModelPlan, environment: EnvironmentPlan, *, fresh: Plan, present: Present
) -> Continued | None:
    """What is left of an environment of a reviewed plan; None where anything else has happened.

    ``fresh`` is the plan made now, of ``present``. Both have to ask for the same, down to checks
    and rules. Then the deploy log may hold nothing about the environment since the plan was made
    but entries of its own commit, or of the commit applied now, that say what was approved; and
    what is left to do may be nothing that was not approved.
    """
    look = present.look(model.name, environment.environment)
    if look is None or fresh.dirty or saved.dirty or model.model_id != look.model_id:
        return None
    if not (environment.history_known and look.decision.history_known):
        return None
    if environment.mode != "reconcile" or environment.state not in {*_RELEASES, "settings"}:
        return None
    if not _asks_the_same(environment, look):
        return None
    since = _since(saved, look.history)
    intents = _own(environment, since, frozenset({saved.commit, fresh.commit}))
    if intents is None or not _settings_stay(environment, look, since):
        return None
    if _is_rest_of(environment, look, intents, since):
        return Continued.UNDER_WAY
    return _left(environment, look, since, intents) if since else None


def _asks_the_same(environment: EnvironmentPlan, look: _Look) -> bool:
    now = bound(look.desired, look.decision, model_id=look.model_id, live=look.live)
    same = ("artifact", "settings", "checks", "rules")
    return all(name in environment.bound and environment.bound[name] == now[name] for name in same)


def _since(saved: Plan, history: EnvironmentHistory) -> Sequence[Entry]:
    """What was written after the plan was made: from the first that says so, in the log's order."""
    entries = history.entries
    first = next((at for at, each in enumerate(entries) if each.at >= saved.inputs.now), None)
    return () if first is None else entries[first:]


def _own(
    environment: EnvironmentPlan, since: Sequence[Entry], commits: frozenset[str]
) -> frozenset[str] | None:
    """The intents among these entries; None where one of them is not what was approved."""
    intents: set[str] = set()
    for entry in since:
        if entry.applied_commit not in commits or entry.ended_by is not None:
            return None
        if entry.event is Event.INTENT and _announces(environment, entry):
            intents.add(entry.id)
        elif entry.event in _CLOSES:
            if entry.intent not in intents:
                return None
        elif not (
            (entry.event is Event.SETTINGS and _changes_as_approved(environment, entry))
            or (entry.event is Event.REJECTED and _is_wanted(environment, entry.to))
        ):
            return None
    return frozenset(intents)


def _announces(environment: EnvironmentPlan, entry: Entry) -> bool:
    """Whether an intent says just what was approved: what, in whose place, with which settings."""
    serving = environment.serving
    from_ = entry.from_.deployment_id if entry.from_ else None
    return (
        bool(entry.id)
        and environment.state in _RELEASES
        and _is_wanted(environment, entry.to)
        and from_ == (serving.deployment_id if serving else None)
        and _changes_as_approved(environment, entry)
    )


def _is_wanted(environment: EnvironmentPlan, side: Side | None) -> bool:
    """By its digest, and where Git names a deployment by the id that the plan named."""
    if side is None:
        return False
    if environment.desired.digest is not None:
        return side.digest == environment.desired.digest
    return environment.target is not None and side.deployment_id == environment.target


def _changes_as_approved(environment: EnvironmentPlan, entry: Entry) -> bool:
    if entry.settings_before is None or entry.settings_after is None:
        return False
    approved = {each.path: (each.before, each.after) for each in environment.changes}
    for path, after in entry.settings_after.items():
        before = entry.settings_before.get(path)
        if equal(path, before, after):
            continue
        if path not in approved:
            return False
        was, wanted = approved[path]
        if not (equal(path, before, was) and equal(path, after, wanted)):
            return False
    return True


def _settings_stay(environment: EnvironmentPlan, look: _Look, since: Sequence[Entry]) -> bool:
    """Whether every setting is as it was when the plan was made, or as the plan says.

    A setting that the plan does not change is to be what the first entry since found there.
    """
    shown = flatten(look.live.settings)
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
    environment: EnvironmentPlan, look: _Look, intents: frozenset[str], since: Sequence[Entry]
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


def _earlier(
    environment: EnvironmentPlan, look: _Look, steps: Sequence[Step]
) -> Iterator[Decision]:
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
        rest = tuple(
            _of(each, target.id, was) for each in steps if not isinstance(each, Ready | Push)
        )
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
    environment: EnvironmentPlan, look: _Look, since: Sequence[Entry], intents: frozenset[str]
) -> Continued | None:
    """What is left where what happened is in the log."""
    decision, opened = look.decision, look.history.open_intent
    serving = decision.serving
    before = _served_before(environment, serving)
    if decision.blocked is not None or not (before or _is_wanted(environment, serving)):
        return None
    if decision.steps:
        ours = opened is not None and opened.id in intents and not opened.condemned
        if ours and all(_goes_on(each, intents) for each in decision.steps):
            return Continued.UNDER_WAY
        return None
    if opened is not None:
        return None
    if decision.state is State.CONVERGED and since[-1].event in {Event.RELEASED, Event.SETTINGS}:
        return Continued.DONE
    return Continued.HELD if decision.state is State.HELD and before else None


def _served_before(environment: EnvironmentPlan, side: Side | None) -> bool:
    was = environment.serving
    if side is None or was is None:
        return side is None and was is None
    return same_artifact(side, Side(deployment_id=was.deployment_id, digest=was.digest))


def _goes_on(step: Step, intents: frozenset[str]) -> bool:
    """Whether a step only brings to its end what an approved intent has begun."""
    match step:
        case Follow() | Watch() | RollBack():
            return step.intent in intents
        case Record():
            return step.intent in intents and step.event in _CLOSES and step.ended_by is None
        case Wait() | RestoreSettings():
            return True
        case _:
            return False
