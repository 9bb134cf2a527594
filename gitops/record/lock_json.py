"""A lock as the JSON body of its commit, and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from gitops.record.lock import CLOCKS_DIFFER, Applied, Ended, Ending, Holder, Lock
from gitops.state.json import Json, JsonObject

FORMAT_VERSION: Final = "1"


def to_json(lock: Lock) -> dict[str, Json]:
    """The JSON body of a lock."""
    ended = lock.ended
    return {
        "format_version": FORMAT_VERSION,
        "holder": _holder(lock.holder),
        "at": _written(lock.at),
        "lease": lock.lease,
        "applied_commit": lock.applied.commit if lock.applied is not None else None,
        "branch": lock.applied.branch if lock.applied is not None else None,
        "ended": None
        if ended is None
        else {
            "how": ended.how,
            "holder": _holder(ended.holder),
            "by": ended.by,
            "at": _written(ended.at),
        },
    }


def from_json(body: JsonObject) -> Lock:
    """The lock that ``to_json`` wrote. ``ValueError`` for another format, or a broken body."""
    version = body.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(f"format_version is {version!r}, not {FORMAT_VERSION!r}")
    lease = body.get("lease")
    if not isinstance(lease, int | float) or not 0 < lease <= CLOCKS_DIFFER.total_seconds():
        raise ValueError("lease is no span of some seconds")
    return Lock(
        holder=_read_holder(body.get("holder")),
        at=_read_moment(body, "at"),
        lease=float(lease),
        applied=_read_applied(body),
        ended=_read_ended(body.get("ended")),
    )


def _holder(holder: Holder | None) -> dict[str, Json] | None:
    if holder is None:
        return None
    return {
        "run": holder.run,
        "by": holder.by,
        "where": holder.where,
        "commit": holder.commit,
        "since": _written(holder.since),
        "ci": holder.ci,
        "attempt": holder.attempt,
        "runner": holder.runner,
    }


def _read_holder(value: Json) -> Holder | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or not _text(value, "run"):
        raise ValueError("holder is no holder")
    return Holder(
        run=_text(value, "run"),
        by=_text(value, "by"),
        where=_text(value, "where"),
        commit=_text(value, "commit"),
        since=_read_moment(value, "since"),
        ci=_text(value, "ci"),
        attempt=_text(value, "attempt"),
        runner=_text(value, "runner"),
    )


def _read_applied(body: JsonObject) -> Applied | None:
    commit, branch = _text(body, "applied_commit"), _text(body, "branch")
    return Applied(commit=commit, branch=branch) if commit and branch else None


def _read_ended(value: Json) -> Ended | None:
    if not isinstance(value, Mapping):
        return None
    how: Ending
    match _text(value, "how"):
        case "taken back":
            how = "taken back"
        case "taken over":
            how = "taken over"
        case "unlocked":
            how = "unlocked"
        case other:
            raise ValueError(f"ended {other!r} is no way to end")
    holder = _read_holder(value.get("holder"))
    if holder is None:
        raise ValueError("ended names no holder")
    return Ended(how=how, holder=holder, by=_text(value, "by"), at=_read_moment(value, "at"))


def _text(body: JsonObject, key: str) -> str:
    found = body.get(key)
    return found if isinstance(found, str) else ""


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _read_moment(body: JsonObject, key: str) -> datetime:
    moment = datetime.fromisoformat(_text(body, key))
    if moment.tzinfo is None:
        raise ValueError(f"{key} has no time zone")
    return moment
