"""What a reviewed plan is bound to: digests of what Git wants and of what its steps stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from gitops.decide.decision import Decision
from gitops.decide.steps import Record, Step
from gitops.plan.canonical import digest
from gitops.plan.model import EnvironmentPlan, ModelPlan
from gitops.record.entry import Side
from gitops.state.artifact import Artifact
from gitops.state.desired import DesiredEnvironment
from gitops.state.json import Json
from gitops.state.live import LiveEnvironment
from gitops.state.settings import Change

# Who recorded what, and why in words, may differ between two looks at the same situation.
_INCIDENTAL = frozenset({"intent", "reason", "ended_by"})


def bound(
    environment: DesiredEnvironment,
    decision: Decision,
    *,
    model_id: str | None,
    live: LiveEnvironment | None,
) -> Mapping[str, str]:
    """Digests by what they stand for; absence is a fact like any other.

    Commit ids are in none of them: the same artifact at another commit is the same release. Status
    and health are in none either: where they matter, they are why there is a step.
    """
    parts: dict[str, object] = {
        "artifact": {
            "digest": environment.artifact.digest if environment.artifact else None,
            "deployment": environment.deployment,
        },
        "settings": {
            "settings": environment.settings,
            "instance_type": environment.instance_type,
        },
        "checks": {"checks": environment.checks, "watch": environment.watch},
        "rules": {
            "mode": environment.mode,
            "requires": environment.requires,
            "protected": environment.protected,
            "allow": environment.allow,
        },
        "baseten": _found(
            model_id,
            live,
            target=decision.target.id if decision.target else None,
            before=[(each.path, each.before) for each in decision.changes],
        ),
        "steps": {
            "state": decision.state.value,
            "after": decision.after,
            "steps": [_fact(step) for step in decision.steps if not isinstance(step, Record)],
        },
    }
    return {name: digest(part) for name, part in parts.items()}


def found_nothing(model: ModelPlan, environment: EnvironmentPlan) -> bool:
    """Whether the environment was not on Baseten when its plan was made."""
    nothing = _found(
        model.model_id,
        None,
        target=environment.target,
        before=[(each.path, each.before) for each in environment.changes],
    )
    return environment.bound.get("baseten") == digest(nothing)


def _found(
    model_id: str | None,
    live: LiveEnvironment | None,
    *,
    target: str | None,
    before: Sequence[tuple[str, Json]],
) -> Mapping[str, object]:
    return {
        "model": model_id,
        "environment": live is not None,
        "current": live.current.id if live and live.current else None,
        "candidate": live.candidate.id if live and live.candidate else None,
        "target": target,
        "before": before,
    }


def binding(parts: Mapping[str, Mapping[str, str]]) -> str:
    """One digest for a model, over what each of its environments is bound to."""
    return digest(parts)


def _fact(step: Step) -> Mapping[str, Json]:
    return {
        "step": type(step).__name__,
        **{
            each.name: _projected(getattr(step, each.name))
            for each in fields(step)
            if each.name not in _INCIDENTAL
        },
    }


def _projected(value: object) -> Json:
    match value:
        case Artifact():
            return value.digest
        case Side():
            return value.deployment_id
        case Change():
            return [value.path, value.before, value.after]
        case tuple():
            return [_projected(each) for each in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            raise TypeError(f"{type(value).__name__} is no part of a step")
