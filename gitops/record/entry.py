"""One entry of the deploy log, as a value and as JSON.

The log of a model is a chain of Git commits; each entry is a commit whose message is a subject for
people, a blank line and one JSON object for machines. Nothing here touches Git: see ``gitops.git``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from gitops.state.json import Json, JsonObject

FORMAT_VERSION: Final = "1"


class Event(StrEnum):
    """What an entry says happened."""

    INTENT = "intent"
    """A promotion is about to be requested: what, from which deployment and settings, to which."""
    NOT_STARTED = "not_started"
    """Closes an intent whose promotion never began."""
    RELEASED = "released"
    """Closes an intent: its watch passed, was inconclusive, was skipped, or only alerts."""
    ROLLED_BACK = "rolled_back"
    """Closes an intent: the deployment before serves again; ``to`` is held."""
    REJECTED = "rejected"
    """The candidate ``to`` definitely failed its checks; held; closes nothing."""
    UNVERIFIED = "unverified"
    """What serves could not be verified by its checks; closes nothing."""
    SETTINGS = "settings"
    """Settings were written; closes nothing."""
    ADOPTED = "adopted"
    """What serves was taken as the release; closes nothing."""
    HELD = "held"
    """``rollback --now``: its own intent, or the end of one; ``from`` is held."""
    LIFTED = "lifted"
    """A hold on ``to`` was lifted by hand (``--retry``)."""


CLOSING: Final = frozenset({Event.RELEASED, Event.ROLLED_BACK, Event.NOT_STARTED, Event.HELD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A deployment as one side of a release. ``digest`` and ``commit`` None where not ours."""

    deployment_id: str
    deployment_name: str | None = None
    digest: str | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event of one environment of one model.

    ``id`` is the entry's commit id, empty until it is written. ``applied_commit`` is the commit
    that was applied, ``branch`` the deploy branch where that commit is on it. ``number`` counts an
    environment's successful releases from 1. ``settings_before`` are the live settings (flat,
    ``autoscaling.min_replica`` …) before the change, ``settings_after`` those that were asked for.
    ``figures`` hold verdicts with value, bound and sample count. ``ended_by`` names a person who
    ended a release. ``by`` and ``where`` are who ran it and on which machine or CI run.
    """

    id: str = ""
    at: datetime
    event: Event
    environment: str
    intent: str | None = None
    from_: Side | None = None
    to: Side | None = None
    model_id: str = ""
    model: str = ""
    release_file: str = ""
    applied_commit: str = ""
    branch: str | None = None
    by: str = ""
    where: str = ""
    run: str = ""
    number: int | None = None
    settings_before: JsonObject | None = None
    settings_after: JsonObject | None = None
    figures: JsonObject = field(default_factory=dict)
    seconds: float | None = None
    reason: str | None = None
    ended_by: str | None = None

    @property
    def closes(self) -> str | None:
        """The id of the intent that this entry closes, if it is of a kind that closes one."""
        return self.intent if self.event in CLOSING else None


def _side(value: Side | None) -> dict[str, Json] | None:
    if value is None:
        return None
    return {
        "deployment_id": value.deployment_id,
        "deployment_name": value.deployment_name,
        "digest": value.digest,
        "commit": value.commit,
    }


def _read_side(value: Json) -> Side | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("deployment_id"), str):
        return None

    def text(key: str) -> str | None:
        found = value.get(key)
        return found if isinstance(found, str) else None

    return Side(
        deployment_id=str(value["deployment_id"]),
        deployment_name=text("deployment_name"),
        digest=text("digest"),
        commit=text("commit"),
    )


def _number(value: Json) -> float | None:
    """A number that a float holds; None for anything else."""
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def to_json(entry: Entry) -> dict[str, Json]:
    """The JSON body of an entry; its id is the commit's and so not in it."""
    return {
        "format_version": FORMAT_VERSION,
        "event": entry.event.value,
        "at": entry.at.isoformat().replace("+00:00", "Z"),
        "environment": entry.environment,
        "intent": entry.intent,
        "from": _side(entry.from_),
        "to": _side(entry.to),
        "model": entry.model,
        "model_id": entry.model_id,
        "release_file": entry.release_file,
        "applied_commit": entry.applied_commit,
        "branch": entry.branch,
        "by": entry.by,
        "where": entry.where,
        "run": entry.run,
        "number": entry.number,
        "settings_before": entry.settings_before,
        "settings_after": entry.settings_after,
        "figures": entry.figures,
        "seconds": entry.seconds,
        "reason": entry.reason,
        "ended_by": entry.ended_by,
    }


def from_json(body: JsonObject, *, entry_id: str) -> Entry:
    """The entry that ``to_json`` wrote. Raises ValueError for another format or a broken body."""
    version = body.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"deploy-log entry {entry_id}: format_version is {version!r}, not {FORMAT_VERSION!r}"
        )
    environment, moment = body.get("environment"), body.get("at")
    if not isinstance(environment, str) or not isinstance(moment, str):
        raise ValueError(f"deploy-log entry {entry_id}: environment or time is missing")

    def text(key: str) -> str:
        found = body.get(key)
        return found if isinstance(found, str) else ""

    def mapping(key: str) -> JsonObject | None:
        found = body.get(key)
        return found if isinstance(found, Mapping) else None

    number, seconds = body.get("number"), body.get("seconds")
    return Entry(
        id=entry_id,
        at=datetime.fromisoformat(moment),
        event=Event(text("event")),
        environment=environment,
        intent=text("intent") or None,
        from_=_read_side(body.get("from")),
        to=_read_side(body.get("to")),
        model=text("model"),
        model_id=text("model_id"),
        release_file=text("release_file"),
        applied_commit=text("applied_commit"),
        branch=text("branch") or None,
        by=text("by"),
        where=text("where"),
        run=text("run"),
        number=number if isinstance(number, int) else None,
        settings_before=mapping("settings_before"),
        settings_after=mapping("settings_after"),
        figures=mapping("figures") or {},
        seconds=_number(seconds),
        reason=text("reason") or None,
        ended_by=text("ended_by") or None,
    )
