"""What a plan and a status say alike of an environment that was decided about."""

from __future__ import annotations

from gitops.decide import Decision
from gitops.decide.steps import RollBack
from gitops.plan.model import ChangedField, Serving, Wanted
from gitops.state.desired import DesiredEnvironment
from gitops.state.settings import Change
from gitops.wording import version


def wanted(environment: DesiredEnvironment, built_from: str | None = None) -> Wanted:
    """What Git wants to serve; ``built_from`` is the commit by which its deployment is known."""
    artifact = environment.artifact
    return Wanted(
        digest=artifact.digest if artifact else None,
        commit=artifact.commit if artifact else None,
        deployment=environment.deployment,
        follows=environment.follows_head,
        built_from=built_from if artifact else None,
    )


def reason(decision: Decision) -> str:
    """Why; and where a rollback that is under way goes."""
    step = decision.steps[0] if decision.steps else None
    if not isinstance(step, RollBack):
        return decision.reason
    to = f"it is to go back to {version(step.to)}" if step.to else "there is nothing to go back to"
    return f"{decision.reason}, and {to}"


def serving(decision: Decision) -> Serving | None:
    """What serves now."""
    side = decision.serving
    if side is None:
        return None
    return Serving(
        deployment_id=side.deployment_id,
        deployment_name=side.deployment_name,
        digest=side.digest,
        commit=side.commit,
        status=decision.serving_status,
    )


def changed(decision: Decision) -> tuple[ChangedField, ...]:
    """The fields that differ."""
    return tuple(map(_field, decision.changes))


def kept(decision: Decision) -> tuple[ChangedField, ...]:
    """The fields that differ and stay as Baseten has them until somebody consents."""
    return tuple(map(_field, decision.kept.changes)) if decision.kept is not None else ()


def _field(change: Change) -> ChangedField:
    return ChangedField(
        path=change.path,
        before=change.before,
        after=change.after,
        origin=change.origin,
        by=change.by,
        at=change.at,
    )
