"""What an apply tells while it runs: one value per event, and each as one JSON object.

The executor makes these values; nothing else does. Events carry the time at which they happened
(UTC); ``model`` is ``TEAM/NAME`` where a team is set. ``from_json`` reads back what ``to_json``
wrote, so that a saved stream can be shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from gitops.plan.actions import ActionKind
from gitops.plan.canonical import plain
from gitops.state.json import Json, JsonObject

Result: TypeAlias = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What a person has to know when something failed: three sentences, each complete in itself.

    ``gitops.render.failures`` writes them. ``details`` are lines that help to find the cause (the
    end of a build log, the figures that broke a bound); the sentences are understood without them.
    ``cause`` is one of ``gitops.render.failures.FailureKind``, empty where it is not known.
    """

    happened: str
    serves_now: str
    next: str
    details: tuple[str, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyStarted:
    """First event. ``models`` are those that will be touched, ``actions`` how many are planned.

    ``environments`` are those with a planned action, as ``MODEL/ENV`` in the order of the run.
    ``back`` is the ``MODEL/ENV`` that ``gitops rollback --now`` brings back; empty: an apply.
    """

    time: datetime
    commit: str
    dirty: bool = False
    api_url: str
    workspace: str | None
    models: tuple[str, ...] = ()
    actions: int = 0
    run: str = ""
    environments: tuple[str, ...] = ()
    back: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStarted:
    """A step begins. ``environment`` None for a push; ``action`` is the plan's action id."""

    time: datetime
    model: str
    environment: str | None
    action: str
    kind: ActionKind
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionProgress:
    """Something moved, or a minute passed: ``message`` for people; ``status`` Baseten's word.

    ``percent`` is the share of traffic, 0-100, of what is being promoted: on the way back that is
    what served before. ``replicas_old`` are the ready replicas of what served before the release,
    ``replicas_new`` those of what it brings; None where they were not read.
    """

    time: datetime
    model: str
    environment: str | None
    action: str
    kind: ActionKind
    message: str
    status: str | None = None
    percent: int | None = None
    replicas_old: int | None = None
    replicas_new: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFinished:
    """A step ended after ``seconds``. ``failure`` is set exactly where ``result`` is ``failed``.

    ``deployment_id`` names what the step made or worked on. ``figures`` are those of a check or a
    watch, as they are recorded in the deploy log.
    """

    time: datetime
    model: str
    environment: str | None
    action: str
    kind: ActionKind
    result: Result
    message: str = ""
    seconds: float | None = None
    deployment_id: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackStarted:
    """The way back begins: from the bad deployment to the one before, by their ids."""

    time: datetime
    model: str
    environment: str
    reason: str
    from_deployment: str
    to_deployment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackFinished:
    """The way back ended. ``confirmed``: the deployment before serves, with figures to show it.

    ``failure`` is always set: also a rollback that worked tells of a release that did not.
    ``commit`` is the one that people know by what serves again; None: not confirmed, or not ours.
    """

    time: datetime
    model: str
    environment: str
    confirmed: bool
    serving: str | None
    commit: str | None = None
    message: str = ""
    seconds: float | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """The deploy log got an entry. ``kept``: only in this clone, and the next run pushes it."""

    time: datetime
    model: str
    environment: str
    event: str
    entry: str
    subject: str = ""
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentFailure:
    """A failure that belongs to no single step, or to the whole run (both names None)."""

    model: str | None
    environment: str | None
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFinished:
    """Always the last event. The lists name environments as ``MODEL/ENV``, in the plan's order.

    ``failures`` repeats every failure of the run, so that the last event is enough to act on.
    ``back`` as in ``ApplyStarted``.
    """

    time: datetime
    exit_code: int
    converged: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    failures: tuple[EnvironmentFailure, ...] = ()
    seconds: float | None = None
    back: str = ""


ApplyEvent: TypeAlias = (
    ApplyStarted
    | ActionStarted
    | ActionProgress
    | ActionFinished
    | RollbackStarted
    | RollbackFinished
    | LogEntry
    | ApplyFinished
)

TYPES: Final[Mapping[str, type[ApplyEvent]]] = {
    "apply_started": ApplyStarted,
    "action_started": ActionStarted,
    "action_progress": ActionProgress,
    "action_finished": ActionFinished,
    "rollback_started": RollbackStarted,
    "rollback_finished": RollbackFinished,
    "log_entry": LogEntry,
    "apply_finished": ApplyFinished,
}
"""Every type of event, by the name it has in JSON."""

_NAMES: Final = {value: name for name, value in TYPES.items()}


def to_json(event: ApplyEvent) -> dict[str, Json]:
    """The event as one JSON object; a failure is spread into it as its three sentences."""
    body: dict[str, Json] = {"time": _instant(event.time), "type": _NAMES[type(event)]}
    for each in fields(event):
        value = getattr(event, each.name)
        if each.name == "time":
            continue
        if each.name == "failure":
            if value is not None:
                body |= _failure(value)
        elif each.name == "failures":
            body["failures"] = [
                {"model": one.model, "environment": one.environment, **_failure(one.failure)}
                for one in value
            ]
        else:
            body[each.name] = plain(value)
    return body


def from_json(body: JsonObject) -> ApplyEvent:
    """The event that ``to_json`` wrote. Raises ValueError, saying what is missing or unknown.

    Fields that this version does not know are passed over: a newer one may add some.
    """
    name = body.get("type")
    if not isinstance(name, str) or name not in TYPES:
        raise ValueError(f"{name!r} is no type of apply event")
    kind = TYPES[name]
    values: dict[str, object] = {}
    for each in fields(kind):
        if each.name == "failure":
            values["failure"] = _read_failure(body) if "happened" in body else None
        elif each.name == "failures":
            values["failures"] = _read_failures(body.get("failures"))
        elif each.name in body:
            value = body[each.name]
            values[each.name] = tuple(value) if isinstance(value, list) else value
    if not isinstance(values.get("time"), str):
        raise ValueError(f"the {name} event has no time")
    values["time"] = datetime.fromisoformat(str(values["time"]))
    try:
        return kind(**values)  # type: ignore[arg-type]  # checked by the constructor's own signature
    except TypeError as error:
        raise ValueError(f"the {name} event is incomplete") from error


def _instant(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _failure(value: Failure) -> dict[str, Json]:
    return {
        "happened": value.happened,
        "serves_now": value.serves_now,
        "next": value.next,
        "details": list(value.details),
        "cause": value.cause,
    }


def _read_failure(body: JsonObject) -> Failure:
    sentences = {key: body.get(key) for key in ("happened", "serves_now", "next")}
    details = body.get("details", ())
    if not all(isinstance(value, str) for value in sentences.values()) or isinstance(details, str):
        raise ValueError("a failure has three sentences: happened, serves_now and next")
    lines = details if isinstance(details, list | tuple) else ()
    cause = body.get("cause")
    return Failure(
        happened=str(sentences["happened"]),
        serves_now=str(sentences["serves_now"]),
        next=str(sentences["next"]),
        details=tuple(str(line) for line in lines),
        cause=cause if isinstance(cause, str) else "",
    )


def _read_failures(value: Json) -> tuple[EnvironmentFailure, ...]:
    if not isinstance(value, list | tuple):
        return ()
    found: list[EnvironmentFailure] = []
    for one in value:
        if not isinstance(one, Mapping):
            raise ValueError("a failure is a JSON object")
        model, environment = one.get("model"), one.get("environment")
        found.append(
            EnvironmentFailure(
                model=model if isinstance(model, str) else None,
                environment=environment if isinstance(environment, str) else None,
                failure=_read_failure(one),
            )
        )
    return tuple(found)
