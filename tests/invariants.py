"""What no apply may ever do, judged afterwards by what Baseten and the deploy log can tell.

Each invariant is a function from `Traces` to the sentences that say how it was broken; `hold`
raises `Broken` with the name of the first one that was. Deeds of other keys, of people and of the
platform are none of ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Ask = Callable[[str], Any]
"""Sends a GET to the management API and gives its answer."""

READY = "Model loaded, ready for requests"
BUILT = "Building image"
UP = frozenset({"ACTIVE", "UNHEALTHY", "SCALED_TO_ZERO", "WAKING_UP", "UPDATING"})
SERVES_AFTER = frozenset({"released", "adopted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One entry of the deploy log; `to` and `origin` are ids of deployments."""

    at: datetime
    event: str
    environment: str
    to: str | None = None
    origin: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Noted:
        """From the JSON body of an entry."""
        return cls(
            at=datetime.fromisoformat(body["at"]),
            event=body["event"],
            environment=body["environment"],
            to=(body["to"] or {}).get("deployment_id"),
            origin=(body["from"] or {}).get("deployment_id"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One entry of Baseten's audit log that our key made."""

    at: datetime
    kind: str
    deployment: str | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What applies left behind at one model, oldest first.

    `digests` are those of the deployments that are still there, `ready` when each first was;
    `statuses` are those of what serves, by environment.
    """

    deeds: tuple[Deed, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    ready: Mapping[str, datetime | None] = field(default_factory=dict)
    statuses: Mapping[str, str | None] = field(default_factory=dict)
    log: tuple[Noted, ...] = ()


class Broken(AssertionError):
    """An apply did what no apply may do; `invariant` is the name of the function that saw it."""

    def __init__(self, invariant: str, found: Iterable[str]) -> None:
        super().__init__(f"{invariant}: {'; '.join(found)}")
        self.invariant = invariant


def promoted_before_ready(traces: Traces) -> list[str]:
    """A deployment is ready before it is sent anywhere.

    A model's first one may become production by the platform's own doing.
    """
    pushes = [each for each in traces.deeds if each.kind == "MODEL_DEPLOYED"]
    found = [
        f"{deed.deployment} was pushed straight into {deed.environment}"
        for number, deed in enumerate(pushes)
        if deed.environment and (number, deed.environment) != (0, "production")
    ]
    for deed in traces.deeds:
        name = deed.deployment or ""
        if deed.kind == "MODEL_DEPLOYMENT_PROMOTED" and name in traces.ready:
            ready = traces.ready[name]
            if ready is None or ready > deed.at:
                found.append(
                    f"{name} was promoted to {deed.environment} at {deed.at}, "
                    f"and was ready at {ready}"
                )
    return found


def pushed_twice(traces: Traces) -> list[str]:
    """An artifact is pushed once, whatever happens to the answer."""
    pushes: dict[str, list[str]] = defaultdict(list)
    for deed in traces.deeds:
        digest = traces.digests.get(deed.deployment or "")
        if deed.kind == "MODEL_DEPLOYED" and deed.deployment and digest:
            pushes[digest].append(deed.deployment)
    return [
        f"{digest[:12]} was pushed as {', '.join(ids)}"
        for digest, ids in pushes.items()
        if len(ids) > 1
    ]


def deleted_something(traces: Traces) -> list[str]:
    """Nothing is ever deleted: what is bad stays to be looked at, what was good to go back to."""
    return [
        f"{deed.kind} {deed.deployment or deed.environment or ''}".rstrip()
        for deed in traces.deeds
        if deed.kind in {"MODEL_DELETED", "MODEL_DEPLOYMENT_DELETED", "ENVIRONMENT_DELETED"}
    ]


def promoted_unrecorded(traces: Traces) -> list[str]:
    """A promotion is announced in the deploy log before it is requested, or goes back on one."""
    return [
        f"{deed.deployment} was promoted to {deed.environment} at {deed.at} without an intent"
        for deed in traces.deeds
        if deed.kind == "MODEL_DEPLOYMENT_PROMOTED"
        and not any(
            each.environment == deed.environment
            and deed.deployment in {each.to, each.origin}
            and each.at <= deed.at
            for each in traces.log
            if each.event in {"intent", "held"}
        )
    ]


def left_without_deployment(traces: Traces) -> list[str]:
    """Where something was released, something serves from then on, and we never stop it."""
    served = {
        each.environment
        for each in traces.log
        # A first release that is taken back leaves nothing, as there was before it.
        if each.event in SERVES_AFTER or (each.event == "rolled_back" and each.origin)
    }
    found = [
        f"{name} serves {traces.statuses.get(name) or 'nothing'}"
        for name in sorted(served)
        if traces.statuses.get(name) not in UP
    ]
    found += [
        f"{deed.deployment} was deactivated at {deed.at}, while it served"
        for deed in traces.deeds
        if deed.kind == "MODEL_DEPLOYMENT_DEACTIVATED"
        and deed.deployment in _serving(traces.log, deed.at)
    ]
    return found


def _serving(log: Iterable[Noted], at: datetime) -> set[str | None]:
    """What serves at a moment, or is on its way to, as the log has it."""
    serving: dict[str, str | None] = {}
    for each in log:
        if each.at > at:
            break
        if each.event in {"intent", "released", "adopted"}:
            serving[each.environment] = each.to
        elif each.event in {"rolled_back", "not_started"}:
            serving[each.environment] = each.origin
    return set(serving.values())


INVARIANTS = (
    promoted_before_ready,
    pushed_twice,
    deleted_something,
    promoted_unrecorded,
    left_without_deployment,
)


def broken(traces: Traces) -> dict[str, list[str]]:
    """What was broken, by the name of the invariant; empty when all hold."""
    judged = {each.__name__: each(traces) for each in INVARIANTS}
    return {name: found for name, found in judged.items() if found}


def hold(traces: Traces) -> None:
    """Every invariant holds. Raises: Broken."""
    for name, found in broken(traces).items():
        raise Broken(name, found)


def traces(ask: Ask, model_id: str, *, key_prefix: str, log: Iterable[Noted]) -> Traces:
    """Ask Baseten what the applies with keys of this prefix did to a model."""
    path = f"/v1/models/{model_id}"
    deeds = tuple(_deeds(ask, model_id, key_prefix))
    deployments = ask(f"{path}/deployments")["deployments"]
    there = {each["id"] for each in deployments}
    promoted = {each.deployment for each in deeds if each.kind == "MODEL_DEPLOYMENT_PROMOTED"}
    return Traces(
        deeds=deeds,
        digests={
            each["id"]: digest
            for each in deployments
            if (digest := (each["labels"] or {}).get("gitops.digest"))
        },
        ready={
            each: moment
            for each in sorted(there & {name for name in promoted if name})
            for moment in _ready(ask, path, each)
        },
        statuses={
            each["name"]: (each["current_deployment"] or {}).get("status")
            for each in ask(f"{path}/environments")["environments"]
        },
        log=tuple(log),
    )


def _deeds(ask: Ask, model_id: str, key_prefix: str) -> Iterable[Deed]:
    cursor = ""
    while True:
        page = ask(f"/v1/models/{model_id}/audit_logs?direction=ASC&limit=200{cursor}")
        for each in page["items"]:
            if each["actor"]["api_key_prefix"] == key_prefix:
                data = each["event_data"]
                yield Deed(
                    at=datetime.fromisoformat(each["created"]),
                    kind=each["event_type"],
                    deployment=data.get("deployment_id"),
                    environment=data.get("environment_name"),
                )
        if not page["pagination"]["has_more"]:
            return
        cursor = f"&cursor={page['pagination']['cursor']}"


def _ready(ask: Ask, path: str, deployment: str) -> Iterable[datetime | None]:
    """When it first was ready, None: never; nothing where it never had to be built."""
    lines = ask(f"{path}/deployments/{deployment}/logs?direction=asc&limit=1000")["logs"]
    if not any(each["message"] == BUILT for each in lines):
        return
    moments = [int(each["timestamp"]) for each in lines if each["message"] == READY]
    yield _moment(min(moments)) if moments else None


def _moment(nanoseconds: int) -> datetime:
    start = datetime(1970, 1, 1, tzinfo=UTC)
    return start + timedelta(microseconds=nanoseconds // 1000)
