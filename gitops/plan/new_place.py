"""What is left of a reviewed plan where the model, or the environment, had to be made first.

The deploy log does not tell who made it, and what Baseten puts there by itself is in no plan. So
Baseten's audit log has to prove that nobody but this tool acted there. Then whatever is there was
made on the way to what was approved, and how far it is is not compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gitops.decide.decision import State
from gitops.decide.steps import (
    Check,
    CreateEnvironment,
    Follow,
    Promote,
    Push,
    Ready,
    Record,
    Retry,
    Step,
    UpdateSettings,
    Watch,
)
from gitops.plan.approved import goes_on, is_wanted, own_intents
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan
from gitops.plan.present import Continued, Look, Unproved
from gitops.plan.proved import environment_doubt, model_doubt
from gitops.record.entry import Entry, Event

_SUCCEEDS: Final = frozenset({Event.RELEASED, Event.ADOPTED})


def in_new_place(
    saved: Plan,
    model: ModelPlan,
    environment: EnvironmentPlan,
    look: Look,
    *,
    since: Sequence[Entry],
    commits: frozenset[str],
) -> Continued | Unproved | None:
    """What is left there; None where anything else has happened.

    ``since`` are the entries since the plan, ``commits`` those of the plan and of the apply.
    """
    if model.model_id not in {None, look.model_id} or len(since) < len(look.history.entries):
        return None
    if any(each.model_id != look.model_id for each in since):
        return None
    intents = own_intents(environment, since, commits, new=True)
    if intents is None or not _is_on_its_way(environment, look, intents):
        return None
    doubt = _doubt(saved, model, environment, look)
    if doubt is not None:
        return Unproved(why=doubt)
    if look.decision.steps:
        return Continued.UNDER_WAY
    if look.decision.state is State.CONVERGED:
        return Continued.DONE
    return Continued.HELD if look.decision.state is State.HELD else None


def _is_on_its_way(environment: EnvironmentPlan, look: Look, intents: frozenset[str]) -> bool:
    """Whether nothing stands there, and nothing is left, but what leads to what Git asks for."""
    decision, opened = look.decision, look.history.open_intent
    if decision.blocked is not None:
        return False
    if decision.serving is not None and not is_wanted(environment, decision.serving):
        return False
    if opened is not None and (opened.id not in intents or opened.condemned):
        return False
    return all(_leads_there(each, intents) for each in decision.steps)


def _doubt(saved: Plan, model: ModelPlan, environment: EnvironmentPlan, look: Look) -> str | None:
    since = saved.inputs.now
    if model.model_id is not None:
        return environment_doubt(look.audit, environment.environment, since=since)
    wanted = (each.desired.digest for each in model.environments)
    return model_doubt(look.audit, {each for each in wanted if each is not None}, since=since)


def _leads_there(step: Step, intents: frozenset[str]) -> bool:
    """Whether a step is on the way to what Git asks for, in a place that is new."""
    match step:
        case Push() | Ready() | Retry() | Check() | CreateEnvironment() | UpdateSettings():
            return True
        case Promote():
            return step.from_ is None
        case Follow() | Watch() if step.intent is None:
            return True
        case Record() if step.intent is None:
            return step.event in _SUCCEEDS and step.ended_by is None
        case _:
            return goes_on(step, intents)
