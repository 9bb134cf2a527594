"""Baseten's deployment statuses, sorted into the few kinds that decisions need."""

from __future__ import annotations

from enum import Enum


class Health(Enum):
    """What a deployment's status means for a decision."""

    READY = "ready"
    """Serves, or would at the next request: ACTIVE, SCALED_TO_ZERO."""
    TRANSITION = "transition"
    """On its way somewhere; any unknown status too: waited on, with a limit."""
    UNHEALTHY = "unhealthy"
    """Has replicas that fail their health checks; still gets traffic, may recover."""
    INACTIVE = "inactive"
    """Stopped; has to be activated."""
    FAILED = "failed"
    """BUILD_FAILED, DEPLOY_FAILED, FAILED: may be retried."""
    STOPPED = "stopped"
    """BUILD_STOPPED: a person asked for it; never retried."""


_KINDS = {
    "ACTIVE": Health.READY,
    "SCALED_TO_ZERO": Health.READY,
    "UNHEALTHY": Health.UNHEALTHY,
    "INACTIVE": Health.INACTIVE,
    "BUILD_FAILED": Health.FAILED,
    "DEPLOY_FAILED": Health.FAILED,
    "FAILED": Health.FAILED,
    "BUILD_STOPPED": Health.STOPPED,
}


def health_of(status: str) -> Health:
    """The kind of a Baseten status; unknown ones are in transition."""
    return _KINDS.get(status.upper(), Health.TRANSITION)
