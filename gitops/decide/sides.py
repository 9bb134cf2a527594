"""Deployments on Baseten as the sides of deploy-log entries, and whether one is the other."""

from __future__ import annotations

from gitops.record.entry import Side
from gitops.state.recognise import Recognised, same_name


def side_of(found: Recognised) -> Side:
    """A deployment as one side of a log entry."""
    return Side(
        deployment_id=found.deployment.id,
        deployment_name=found.deployment.name,
        digest=found.digest,
        commit=found.commit,
    )


def is_side(found: Recognised | None, side: Side | None) -> bool:
    """Whether a deployment is one side of an entry: the same artifact, id, or a copy by name."""
    if found is None or side is None:
        return False
    if found.digest is not None and side.digest is not None:
        return found.digest == side.digest
    if found.deployment.id == side.deployment_id:
        return True
    if found.digest is not None or side.digest is not None or side.deployment_name is None:
        return False
    return same_name(found.deployment.name, side.deployment_name)
