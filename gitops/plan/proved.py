"""What Baseten's audit log proves of the time since a review: that nobody but this tool acted.

Only what was done with the key in use counts as the tool's: whoever else has this tool has another
key, and may have had something else in mind.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from gitops.decide.audit import here
from gitops.state.live import AuditEntry
from gitops.state.recognise import own_name

_DEPLOYED: Final = "MODEL_DEPLOYED"
_CREATED: Final = "ENVIRONMENT_CREATED"
_UPDATED: Final = "ENVIRONMENT_UPDATED"
_UNREADABLE: Final = "this key may not read the audit log"


def model_doubt(
    audit: Sequence[AuditEntry] | None, digests: Collection[str], *, since: datetime
) -> str | None:
    """Why it is not certain that this tool alone made a model, of these artifacts; None: it is.

    ``audit`` are all entries of the model, None where they may not be read.
    """
    doubt = _doubt(audit, _DEPLOYED, since=since)
    if doubt is not None or audit is None:
        return doubt
    for each in audit:
        name = each.data.get("deployment_name")
        digits = own_name(name) if isinstance(name, str) else None
        known = digits is not None and any(digest.startswith(digits) for digest in digests)
        if (each.deployment_id is not None or each.event_type == _DEPLOYED) and not known:
            return f"deployment {each.deployment_id} is not of this plan"
    return None


def environment_doubt(
    audit: Sequence[AuditEntry] | None, environment: str, *, since: datetime
) -> str | None:
    """Why it is not certain that this tool alone made an environment since; None: it is."""
    own = None if audit is None else _after(here(audit, environment), since)
    return _doubt(own, _CREATED, since=since)


def settings_doubt(
    audit: Sequence[AuditEntry] | None, environment: str, *, since: datetime
) -> str | None:
    """Why it is not certain that this tool alone set an environment's settings; None: it is."""
    own = None if audit is None else _after(here(audit, environment), since)
    return _doubt(own, _UPDATED, since=since)


def _after(audit: Sequence[AuditEntry], since: datetime) -> Sequence[AuditEntry]:
    return [each for each in audit if each.at >= since]


def _doubt(audit: Sequence[AuditEntry] | None, first: str, *, since: datetime) -> str | None:
    if audit is None:
        return _UNREADABLE
    for each in audit:
        if not each.own:
            return f"{each.actor} acted there at {each.at:%Y-%m-%d %H:%M} UTC ({each.event_type})"
        if each.at < since:
            return f"it is older than the plan ({each.event_type} at {each.at:%Y-%m-%d %H:%M} UTC)"
    if not any(each.event_type == first for each in audit):
        return "the audit log does not say who did"
    return None
