"""Counting a plan, and the exit code that follows from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan, Summary

_AT_REST: Final = frozenset({"held", "superseded", "paused", "wait", "blocked"})
"""States in which a field that differs is told, and nobody is going to change it."""


def changed_fields(environment: EnvironmentPlan) -> bool:
    """Whether apply would change a field of this environment."""
    return bool(environment.changes) and not (
        environment.mode != "reconcile" or environment.state in _AT_REST
    )


def changes(model: ModelPlan) -> bool:
    """Whether apply would change anything of this model."""
    return bool(model.actions) or any(map(changed_fields, model.environments))


def blocked(model: ModelPlan) -> bool:
    """Whether any environment of the model is blocked; what is only observed blocks nobody."""
    return any(each.state == "blocked" and each.mode == "reconcile" for each in model.environments)


def held(model: ModelPlan) -> bool:
    """Whether any environment of the model holds back what Git asks for."""
    return any(each.state == "held" for each in model.environments)


def summarise(models: Sequence[ModelPlan]) -> Summary:
    """The counts of a plan: a model is unchanged where nothing changes, is blocked or is held."""
    kinds = Counter(action.kind for model in models for action in model.actions)
    return Summary(
        models=len(models),
        changed=sum(map(changes, models)),
        unchanged=sum(not (changes(one) or blocked(one) or held(one)) for one in models),
        blocked=sum(map(blocked, models)),
        held=sum(map(held, models)),
        push=kinds["push"],
        promote=kinds["promote"],
        update_settings=kinds["update_settings"],
        create_environment=kinds["create_environment"],
        cancel_promotion=kinds["cancel_promotion"],
        activate=kinds["activate"],
        retry=kinds["retry"],
        check=kinds["check"],
        drift=sum(
            field.origin == "drift"
            for model in models
            for environment in model.environments
            for field in (*environment.changes, *environment.kept)
        ),
    )


def exit_code(plan: Plan, *, detailed: bool) -> int:
    """4 where something is blocked and nothing changes; 2 for changes, if asked for; else 0."""
    if any(map(changes, plan.models)):
        return 2 if detailed else 0
    return 4 if any(map(blocked, plan.models)) else 0
