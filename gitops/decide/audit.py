"""Who did what, by Baseten's audit log. Entries come oldest first; the newest that fits counts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from gitops.record.entry import Side
from gitops.state.live import AuditEntry, Deployment
from gitops.state.recognise import same_name

PROMOTED: Final = "MODEL_DEPLOYMENT_PROMOTED"
CONTROLLED: Final = "MODEL_PROMOTION_CONTROL_ACTION"
_ACTIVATED: Final = "MODEL_DEPLOYMENT_ACTIVATED"
_DEACTIVATED: Final = "MODEL_DEPLOYMENT_DEACTIVATED"
_CANCELS: Final = frozenset({"CANCEL", "GRACEFUL_CANCEL", "FORCE_CANCEL"})
# Our clock and Baseten's differ a little; an intent is written just before its promotion.
_SKEW: Final = timedelta(seconds=30)


def here(audit: Iterable[AuditEntry], environment: str) -> tuple[AuditEntry, ...]:
    """The entries of one environment. A promotion that names none went to production."""
    name = environment.lower()

    def concerns(entry: AuditEntry) -> bool:
        if entry.environment is not None:
            return entry.environment.lower() == name
        return entry.event_type == PROMOTED and name == "production"

    return tuple(entry for entry in audit if concerns(entry))


def since(audit: Iterable[AuditEntry], moment: datetime) -> tuple[AuditEntry, ...]:
    """The entries after a moment of our own clock."""
    return tuple(entry for entry in audit if entry.at >= moment - _SKEW)


def promotion_of(audit: Iterable[AuditEntry], side: Side) -> AuditEntry | None:
    """The newest promotion of a deployment, or of what it is a copy of."""

    def concerns(entry: AuditEntry) -> bool:
        if entry.deployment_id == side.deployment_id:
            return True
        other, name = entry.data.get("deployment_name"), side.deployment_name
        return isinstance(other, str) and name is not None and same_name(other, name)

    return _newest(entry for entry in audit if entry.event_type == PROMOTED and concerns(entry))


def is_own(promotion: AuditEntry, announced: datetime | None) -> bool:
    """Whether a promotion is this tool's: by the key in use, or as an open intent announced.

    ``announced`` is the intent's moment, None where none is open. Keys are rotated, and people have
    others than CI. Nobody promotes with this tool in an environment after an intent without writing
    a newer one, but to bring it to its end.
    """
    if promotion.own or announced is None:
        return promotion.own
    return promotion.by_tool and bool(since([promotion], announced))


def pause(audit: Iterable[AuditEntry]) -> AuditEntry | None:
    """The newest pause of a promotion."""
    return _newest(
        entry
        for entry in audit
        if entry.event_type == CONTROLLED and entry.data.get("action") == "PAUSE"
    )


def ended_by_another(audit: Iterable[AuditEntry]) -> AuditEntry | None:
    """The newest entry of somebody else that ended a release: a cancel, or another promotion."""
    return _newest(
        entry
        for entry in audit
        if not entry.own
        and (
            entry.event_type == PROMOTED
            or (entry.event_type == CONTROLLED and entry.data.get("action") in _CANCELS)
        )
    )


def undone_by_us(audit: Iterable[AuditEntry], origin: Side | None) -> AuditEntry | None:
    """The newest entry of ours that took a release back: a cancel, or promoting its origin."""
    own = tuple(entry for entry in audit if entry.own)
    cancel = _newest(
        entry
        for entry in own
        if entry.event_type == CONTROLLED and entry.data.get("action") in _CANCELS
    )
    return cancel or (promotion_of(own, origin) if origin is not None else None)


def stopped_by_another(audit: Iterable[AuditEntry], deployment: Deployment) -> AuditEntry | None:
    """Who deactivated a deployment, unless we or Baseten itself did, or it was started since."""
    newest = _newest(
        entry
        for entry in audit
        if entry.event_type in {_ACTIVATED, _DEACTIVATED} and entry.deployment_id == deployment.id
    )
    if newest is None or newest.event_type == _ACTIVATED or newest.own:
        return None
    return None if newest.source == "SYSTEM" else newest


def _newest(entries: Iterable[AuditEntry]) -> AuditEntry | None:
    newest = None
    for entry in entries:
        newest = entry
    return newest
