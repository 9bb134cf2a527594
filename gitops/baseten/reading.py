"""Baseten's JSON as values: takes what is there, tolerates what is missing, new or null.

Only what nothing can be said without is required: an object's id, a name to find it by. Anything
else that is missing, null or of another type reads as absent, and words that are not known yet
(a new status) are kept as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gitops.baseten.bodies import normalised
from gitops.errors import BasetenError
from gitops.state.json import Json, JsonObject
from gitops.state.live import (
    AuditEntry,
    Deployment,
    InstanceType,
    LiveEnvironment,
    LiveModel,
    Promotion,
    Team,
)
from gitops.state.schedules import AUTOSCALING, WINDOW
from gitops.state.settings import Settings

LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)
CLIENT_NAME: Final = "gitops"
_SCHEDULES: Final = "autoscaling_schedules"
_KNOWN_WITH_SCHEDULES: Final = (
    _SCHEDULES,
    "request_backpressure_settings",
    "traffic_routing",
)
"""An environment with one of these comes from a Baseten that knows schedules."""


def items(answer: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list answer.

    Raises:
        BasetenError: the answer does not have that list.
    """
    found = answer.get(key)
    if not isinstance(found, list):
        raise BasetenError(
            f"Baseten's answer has no list of {key}",
            hint="check that BASETEN_API_URL leads to Baseten's management API",
        )
    return [each for each in found if isinstance(each, Mapping)]


def team(raw: Mapping[str, Any]) -> Team:
    """One of ``teams``."""
    return Team(id=_id(raw, "team"), name=_text(raw, "name"), default=raw.get("default") is True)


def model(
    raw: Mapping[str, Any], environments: Iterable[LiveEnvironment] | None = None
) -> LiveModel:
    """One of ``models``; its environments come from elsewhere."""
    return LiveModel(
        id=_id(raw, "model"),
        name=_text(raw, "name"),
        team=_optional_text(raw, "team_name"),
        created_at=moment(raw.get("created_at")),
        environments=tuple(environments or ()),
    )


def deployment(raw: Mapping[str, Any], *, model_id: str = "") -> Deployment:
    """A deployment, wherever it turns up."""
    return Deployment(
        id=_id(raw, "deployment"),
        name=_text(raw, "name"),
        model_id=_text(raw, "model_id") or model_id,
        status=_text(raw, "status") or "UNKNOWN",
        created_at=moment(raw.get("created_at")),
        labels=_object(raw, "labels") or {},
        environment=_optional_text(raw, "environment"),
        active_replicas=_whole(raw, "active_replica_count"),
        instance_type_name=_optional_text(raw, "instance_type_name"),
        autoscaling=_object(raw, "autoscaling_settings"),
        is_production=raw.get("is_production") is True,
        is_development=raw.get("is_development") is True,
    )


def deployments(raw: Iterable[Mapping[str, Any]], *, model_id: str = "") -> tuple[Deployment, ...]:
    """Deployments, oldest first; Baseten's own order means nothing."""
    read = (deployment(each, model_id=model_id) for each in raw)
    return tuple(sorted(read, key=lambda each: (each.created_at, each.id)))


def environment(raw: Mapping[str, Any]) -> LiveEnvironment:
    """An environment with what serves, the candidate, the promotion and every reported setting."""
    model_id = _text(raw, "model_id")
    instance_type = raw.get("instance_type")
    hardware = instance_type if isinstance(instance_type, Mapping) else {}
    return LiveEnvironment(
        name=_name(raw, "environment"),
        current=_nested_deployment(raw, "current_deployment", model_id),
        candidate=_nested_deployment(raw, "candidate_deployment", model_id),
        promotion=promotion(raw.get("in_progress_promotion")),
        settings=settings(raw),
        in_force=_in_force(raw),
        instance_type_id=_optional_text(hardware, "id"),
        instance_type_name=_optional_text(hardware, "name"),
        shadows=_shadows(raw.get("traffic_routing")),
    )


def _shadows(raw: object) -> tuple[str, ...]:
    """The deployments that traffic rules send to; a rule may name an environment instead."""
    rules = raw.get("rules") if isinstance(raw, Mapping) else None
    targets = [
        target
        for rule in (rules if isinstance(rules, list) else [])
        if isinstance(rule, Mapping) and isinstance(rule.get("targets"), list)
        for target in rule["targets"]
    ]
    ids = (_text(each, "deployment_id") for each in targets if isinstance(each, Mapping))
    return tuple(dict.fromkeys(each for each in ids if each))


def environments(answer: Mapping[str, Any]) -> tuple[LiveEnvironment, ...]:
    """The environments of a model, by name."""
    read = (environment(each) for each in items(answer, "environments"))
    return tuple(sorted(read, key=lambda each: each.name))


def promotion(raw: object) -> Promotion | None:
    """A promotion in progress; None where none is, or where it says nothing."""
    if not isinstance(raw, Mapping) or not (status := _text(raw, "status")):
        return None
    rolling = raw.get("rolling_deploy")
    return Promotion(
        status=status,
        percent=_whole(raw, "percent_traffic_to_new_version"),
        error=_optional_text(raw, "error_message"),
        rolling=rolling if isinstance(rolling, bool) else None,
    )


def settings(raw: Mapping[str, Any]) -> Settings:
    """Every setting that was reported, nulls kept, numbers in one form.

    ``schedules`` maps names to schedules in the form of ``gitops.state.schedules``, with their
    ``id`` and the shared ``timezone``: none until the first was made. None where Baseten does not
    know schedules.
    """
    backpressure = _object(raw, "request_backpressure_settings")
    collection = raw.get(_SCHEDULES)
    schedules: dict[str, JsonObject] | None = None
    if isinstance(collection, Mapping) and isinstance(collection.get("schedules"), list):
        timezone = _optional_text(collection, "timezone")
        schedules = {
            _text(each, "name"): _schedule(each, timezone)
            for each in items(collection, "schedules")
        }
    elif any(key in raw for key in _KNOWN_WITH_SCHEDULES):
        schedules = {}
    return Settings(
        autoscaling=_object(raw, "autoscaling_settings") or {},
        promotion=_object(raw, "promotion_settings") or {},
        backpressure=backpressure,
        schedules=schedules,
    )


def _schedule(raw: Mapping[str, Any], timezone: str | None) -> JsonObject:
    own = {**_as_object(raw), "timezone": timezone}
    settings = _object(raw, "autoscaling_settings") or {}
    names = ("id", "enabled", *WINDOW)
    return {
        **{name: own[name] for name in names if own.get(name) is not None},
        "autoscaling": {
            name: settings[name] for name in AUTOSCALING if settings.get(name) is not None
        },
    }


def _in_force(raw: Mapping[str, Any]) -> JsonObject | None:
    """What holds for what serves, by a schedule or not."""
    collection = raw.get(_SCHEDULES)
    state = collection.get("applied_state") if isinstance(collection, Mapping) else None
    return _object(state, "autoscaling_settings") if isinstance(state, Mapping) else None


def instance_type(raw: Mapping[str, Any]) -> InstanceType:
    """An instance type, or one with its ``price`` in US dollars a minute."""
    nested = raw.get("instance_type")
    inner = nested if isinstance(nested, Mapping) else raw
    price = raw.get("price")
    number = isinstance(price, int | float) and not isinstance(price, bool)
    return InstanceType(
        id=_id(inner, "instance type"),
        name=_text(inner, "name"),
        gpu_count=_whole(inner, "gpu_count"),
        usd_per_minute=float(price) if number and price is not None else None,
    )


def audit_entry(raw: Mapping[str, Any], *, own_prefix: str | None) -> AuditEntry:
    """One audit entry.

    It is our own where it was done with a key of our prefix, unless the entry names another
    client: people use the same key in other programs. A person's is anything else that a user did,
    or that came from Baseten's pages.
    """
    actor = raw.get("actor")
    who = actor if isinstance(actor, Mapping) else {}
    kind, source = _text(who, "type"), _text(raw, "source")
    prefix = _optional_text(who, "api_key_prefix")
    client = _optional_text(raw, "client_name")
    own = (
        prefix is not None
        and prefix == own_prefix
        and source != "UI"
        and (client is None or CLIENT_NAME in client.lower())
    )
    data = _object(raw, "event_data") or {}
    return AuditEntry(
        id=_id(raw, "audit entry"),
        at=moment(raw.get("created")),
        event_type=_text(raw, "event_type"),
        actor=_actor(kind, who, prefix),
        source=source,
        own=own,
        by_tool=(
            prefix is not None
            and source != "UI"
            and client is not None
            and CLIENT_NAME in client.lower()
        ),
        person=not own and (kind == "USER" or source == "UI"),
        environment=_optional_text(data, "environment_name"),
        deployment_id=_optional_text(data, "deployment_id"),
        data=data,
    )


def moment(value: object) -> datetime:
    """An RFC 3339 time in UTC; where there is none, 1970, so that it sorts before all others."""
    if not isinstance(value, str):
        return LONG_AGO
    try:
        read = datetime.fromisoformat(value)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return LONG_AGO


def _actor(kind: str, who: Mapping[str, Any], prefix: str | None) -> str:
    if email := _optional_text(who, "email"):
        return email
    if kind == "API_KEY" or prefix:
        return f"API key {prefix or _text(who, 'api_key_name') or 'without a prefix'}"
    words = {
        "BASETEN_SYSTEM": "Baseten itself",
        "BASETEN_USER": "Baseten's staff",
        "TOMBSTONE_USER": "a deleted user",
        "USER": "a user",
    }
    return words.get(kind, kind or "unknown")


def _nested_deployment(raw: Mapping[str, Any], key: str, model_id: str) -> Deployment | None:
    nested = raw.get(key)
    return deployment(nested, model_id=model_id) if isinstance(nested, Mapping) else None


def _id(raw: Mapping[str, Any], what: str) -> str:
    found = raw.get("id")
    if not isinstance(found, str) or not found:
        raise BasetenError(f"Baseten answered with a {what} that has no id")
    return found


def _name(raw: Mapping[str, Any], what: str) -> str:
    found = raw.get("name")
    if not isinstance(found, str) or not found:
        raise BasetenError(f"Baseten answered with an {what} that has no name")
    return found


def _text(raw: Mapping[str, Any], key: str) -> str:
    found = raw.get(key)
    return found if isinstance(found, str) else ""


def _optional_text(raw: Mapping[str, Any], key: str) -> str | None:
    return _text(raw, key) or None


def _whole(raw: Mapping[str, Any], key: str) -> int:
    found = raw.get(key)
    return int(found) if isinstance(found, int | float) and abs(found) < 1 << 53 else 0


def _object(raw: Mapping[str, Any], key: str) -> JsonObject | None:
    found = raw.get(key)
    return _as_object(found) if isinstance(found, Mapping) else None


def _as_object(raw: Mapping[str, Any]) -> dict[str, Json]:
    return {str(key): normalised(value) for key, value in raw.items()}
