"""What a plan and a status say alike of an environment that was decided about."""

from __future__ import annotations

from gitops.decide import Decision
from gitops.plan.model import ChangedField, Serving, Wanted
from gitops.state.desired import DesiredEnvironment


def wanted(environment: DesiredEnvironment) -> Wanted:
    """What Git wants to serve."""
    artifact = environment.artifact
    return Wanted(
        digest=artifact.digest if artifact else None,
        commit=artifact.commit if artifact else None,
        deployment=environment.deployment,
    )


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
    return tuple(
        ChangedField(
            path=each.path,
            before=each.before,
            after=each.after,
            origin=each.origin,
            by=each.by,
            at=each.at,
        )
        for each in decision.changes
    )
