"""What is sent: settings and artifacts as request bodies. Pure translation.

Blocks of settings are named as Baseten names them, and are the same for creating an environment,
for changing it, and for what travels with a promotion.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from gitops.state.artifact import LABEL_TRUSS, Artifact
from gitops.state.json import Json, JsonObject

LONGEST_RAW_CONFIG: Final = 100 << 10
LONGEST_LABELS: Final = 2 << 10
PROMOTION: Final = "promotion_settings"
ROLLING: Final = "rolling_deploy"
ROLLING_CONFIG: Final = "rolling_deploy_config"
SURGE: Final = "max_surge_percent"
UNAVAILABLE: Final = "max_unavailable_percent"


def normalised(value: Any) -> Json:
    """The same JSON with whole floats as ints, so that ``50.0`` and ``50`` are one setting."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): normalised(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [normalised(each) for each in value]
    return value  # type: ignore[no-any-return]  # any other scalar; what is no JSON is not sent


def plain(value: Any) -> Any:
    """The same JSON made of dicts and lists, every number as it was written."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def blocks(settings: JsonObject) -> dict[str, Json]:
    """Blocks as they may be sent: numbers in one form, surge and unavailable a pair, none empty.

    A null stays: it clears the backpressure policy, and means "as it is" everywhere else.
    """
    body = {
        key: promotion_settings(value)
        if key == PROMOTION and isinstance(value, Mapping)
        else normalised(value)
        for key, value in settings.items()
    }
    return {key: value for key, value in body.items() if value != {}}


def promotion_settings(settings: JsonObject) -> dict[str, Json]:
    """Promotion settings; of surge and unavailable both are sent where one is.

    One of the two is always zero, and servers differ in what an omitted one means.
    """
    body = {key: normalised(value) for key, value in settings.items()}
    config = body.get(ROLLING_CONFIG)
    if isinstance(config, Mapping) and (SURGE in config) != (UNAVAILABLE in config):
        body[ROLLING_CONFIG] = {SURGE: 0, UNAVAILABLE: 0, **config}
    return body


def new_environment(name: str, settings: JsonObject) -> dict[str, Json]:
    """The body that creates an environment; it always says ``rolling_deploy``: defaults differ."""
    body = blocks(settings)
    promotion = body.get(PROMOTION)
    said = dict(promotion) if isinstance(promotion, Mapping) else {}
    if said.get(ROLLING) is None:
        said[ROLLING] = False
    return {"name": name.lower(), **body, PROMOTION: said}


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


def development_payload(artifact: Artifact, labels: Mapping[str, str]) -> dict[str, Any]:
    """As ``deployment_payload``, for the development deployment, which has no name of its own."""
    return {
        **deployment_payload(artifact, ""),
        "deployment_name": None,
        "labels": {key: _printable(value) for key, value in labels.items()},
        "is_development": True,
    }


def _labels(artifact: Artifact) -> dict[str, str]:
    """The artifact's labels as labels may be: printable ASCII without spaces, 2 KB at the most.

    A truss path that is neither is percent-encoded, and left out where that is too long: nothing
    is recognised by it.
    """
    labels = {key: _printable(value) for key, value in artifact.labels.items()}
    if len(json.dumps(labels)) > LONGEST_LABELS:
        del labels[LABEL_TRUSS]
    return labels


def _printable(value: str) -> str:
    encoded = value.encode("utf-8", errors="surrogateescape")
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"%{byte:02X}" for byte in encoded)
