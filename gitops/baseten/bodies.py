"""What is sent: settings and artifacts as request bodies. Pure translation.

Blocks are named as Baseten names them, the same for creating and changing an environment and for
the settings that travel with a promotion, but for the promotion's own block.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from gitops.state.artifact import Artifact
from gitops.state.json import Json, JsonObject
from gitops.state.settings import Change, Settings

LONGEST_RAW_CONFIG: Final = 100 << 10
MOST_LABELS: Final = 2 << 10
SURGE: Final = "max_surge_percent"
UNAVAILABLE: Final = "max_unavailable_percent"
ROLLING: Final = "rolling_deploy"
ROLLING_CONFIG: Final = "rolling_deploy_config"

BLOCKS: Final = {
    "autoscaling": "autoscaling_settings",
    "promotion": "promotion_settings",
    "backpressure": "request_backpressure_settings",
}
"""Our words for the parts of ``Settings``, and Baseten's for the blocks of a request."""
_SCHEDULE_SETTINGS: Final = (
    "min_replica",
    "max_replica",
    "autoscaling_window",
    "scale_down_delay",
    "concurrency_target",
    "target_utilization_percentage",
    "target_in_flight_tokens",
    "max_scale_down_rate",
)


def normalised(value: Any) -> Json:
    """The same JSON with whole floats as ints, so that ``50.0`` and ``50`` are one value."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): normalised(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [normalised(each) for each in value]
    return value  # type: ignore[no-any-return]  # a scalar of JSON, or json.dumps refuses it later


def plain(value: Any) -> Any:
    """The same JSON made of dicts and lists, every number as it was written."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def settings_body(
    settings: Settings | Iterable[Change], *, live: Settings | None = None
) -> dict[str, Json]:
    """The settings blocks of a request: of all that is managed, or of what is to change.

    ``live`` gives what a block cannot be sent without: the other half of surge and unavailable,
    and the ids of the schedules there are.
    """
    wanted = settings if isinstance(settings, Settings) else _of_changes(settings)
    body: dict[str, Json] = {}
    if wanted.autoscaling:
        body["autoscaling_settings"] = {
            key: normalised(value) for key, value in wanted.autoscaling.items()
        }
    if wanted.promotion:
        body["promotion_settings"] = promotion_settings(
            wanted.promotion, live.promotion if live else None
        )
    if wanted.backpressure is not None:
        # An explicit null clears the policy; the one setting where null means something.
        body["request_backpressure_settings"] = {"policy": wanted.backpressure.get("policy")}
    if wanted.schedules is not None:
        body["autoscaling_schedule_settings"] = _schedules(
            wanted.schedules,
            (live.schedules if live else None) or {},
            whole=isinstance(settings, Settings),
        )
    return body


def promotion_settings(settings: JsonObject, live: JsonObject | None = None) -> dict[str, Json]:
    """Promotion settings with surge and unavailable as a pair: one of them is always zero.

    Servers differ in what an omitted half means, so both are sent whenever one is.
    """
    body = {key: normalised(value) for key, value in settings.items()}
    config = body.get(ROLLING_CONFIG)
    if not isinstance(config, Mapping):
        return body
    pair = dict(config)
    known = (live or {}).get(ROLLING_CONFIG)
    before = known if isinstance(known, Mapping) else {}
    if SURGE in pair and UNAVAILABLE not in pair:
        pair[UNAVAILABLE] = 0 if pair[SURGE] else normalised(before.get(UNAVAILABLE) or 0)
    elif UNAVAILABLE in pair and SURGE not in pair:
        pair[SURGE] = 0 if pair[UNAVAILABLE] else normalised(before.get(SURGE) or 0)
    elif SURGE not in pair and before.get(SURGE) is not None:
        pair[SURGE] = normalised(before[SURGE])
        pair[UNAVAILABLE] = normalised(before.get(UNAVAILABLE) or 0)
    body[ROLLING_CONFIG] = pair
    return body


def new_environment(name: str, settings: JsonObject) -> dict[str, Json]:
    """The body that creates an environment; ``rolling_deploy`` is always said, defaults differ."""
    body = blocks(settings)
    promotion = body.get("promotion_settings")
    said = dict(promotion) if isinstance(promotion, Mapping) else {}
    if said.get(ROLLING) is None:
        said[ROLLING] = False
    return {"name": name.lower(), **body, "promotion_settings": said}


def blocks(settings: JsonObject) -> dict[str, Json]:
    """Blocks as they may be sent: numbers in one form, surge and unavailable a pair, none empty."""
    body: dict[str, Json] = {}
    for key, value in settings.items():
        if not isinstance(value, Mapping):
            body[key] = normalised(value)
        elif key == "promotion_settings":
            body[key] = promotion_settings(value)
        elif value:
            body[key] = normalised(value)
    return {key: value for key, value in body.items() if value != {}}


def deployment_payload(artifact: Artifact, name: str) -> dict[str, Any]:
    """What is said of a deployment when its upload is prepared and, the same, when it is created.

    It names no environment: a candidate starts outside of all of them. ``raw_config`` is left out
    where Baseten would drop it for its length.
    """
    raw = artifact.raw_config
    fits = raw and len(raw.encode("utf-8", errors="replace")) <= LONGEST_RAW_CONFIG
    return {
        "config": plain(artifact.config),
        "raw_config": raw if fits else None,
        "environment_name": None,
        "create_environment_if_missing": False,
        "deployment_name": name,
        "labels": _labels(artifact),
        "is_development": False,
    }


def _labels(artifact: Artifact) -> dict[str, str]:
    """The artifact's labels; a truss path that no label can hold is percent-encoded or left out."""
    labels = {key: _printable(value) for key, value in artifact.labels.items()}
    if len(json.dumps(labels)) > MOST_LABELS:
        labels = {key: value for key, value in labels.items() if len(value) <= 128}
    return labels


def _printable(value: str) -> str:
    return "".join(
        each if "!" <= each <= "~" else "".join(f"%{byte:02X}" for byte in _utf8(each))
        for each in value
    )


def _utf8(letter: str) -> bytes:
    return letter.encode("utf-8", errors="surrogateescape")


def _of_changes(changes: Iterable[Change]) -> Settings:
    """The settings that changes lead to, from their dotted paths (``autoscaling.max_replica``)."""
    tree: dict[str, Any] = {}
    for change in changes:
        first, *rest = change.path.split(".")
        if first not in {*BLOCKS, "schedules"}:
            raise ValueError(f"{change.path} is not a setting of an environment")
        # The name of a schedule may itself have dots in it; below it nothing is changed alone.
        keys = [".".join(rest)] if first == "schedules" and rest else rest
        node = tree
        for key in [first, *keys[:-1]] if keys else []:
            node = node.setdefault(key, {})
        node[keys[-1] if keys else first] = change.after
    return Settings(
        autoscaling=tree.get("autoscaling") or {},
        promotion=tree.get("promotion") or {},
        backpressure=tree.get("backpressure"),
        schedules=tree.get("schedules"),
    )


def _schedules(
    wanted: Mapping[str, Any], live: Mapping[str, JsonObject], *, whole: bool
) -> dict[str, Json]:
    """Upserts and deletions that lead from the live schedules to the wanted ones.

    Baseten leaves alone what is not mentioned: where ``wanted`` is the ``whole`` set, the others
    are deleted by id, else only those that are wanted as None. Complete schedules are sent, with
    all eight settings.
    """
    body: dict[str, Json] = {}
    kept = {name: schedule for name, schedule in wanted.items() if schedule is not None}
    zones = [zone for each in kept.values() if (zone := each.get("timezone"))]
    if zones:
        body["timezone"] = zones[0]
    if kept:
        body["schedules"] = [
            _schedule(name, each, live.get(name)) for name, each in sorted(kept.items())
        ]
    gone = sorted(
        str(each["id"])
        for name, each in live.items()
        if each.get("id") and name not in kept and (whole or name in wanted)
    )
    if gone:
        body["delete_schedules"] = gone
    return body


def _schedule(name: str, schedule: JsonObject, live: JsonObject | None) -> dict[str, Json]:
    nested = schedule.get("autoscaling_settings")
    own = nested if isinstance(nested, Mapping) else schedule
    body = {
        key: normalised(value)
        for key, value in schedule.items()
        if key not in {*_SCHEDULE_SETTINGS, "autoscaling_settings", "timezone", "id"}
        and value is not None
    }
    body["name"] = name
    body["autoscaling_settings"] = {key: normalised(own.get(key)) for key in _SCHEDULE_SETTINGS}
    body.setdefault("enabled", True)
    if live and live.get("id"):
        body["id"] = live["id"]
    return body
