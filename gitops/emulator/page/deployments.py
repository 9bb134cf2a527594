"""One deployment as the page shows it: how it stands, its replicas, its labels."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gitops.emulator.page.values import Label, Serving, Tone
from gitops.emulator.world.entities import FAILED, READY, STARTING, Deployment
from gitops.emulator.world.scaling import wanted
from gitops.emulator.world.world import World

_LABELS = 4
_LONGEST_VALUE = 40
_HEX = re.compile(r"[0-9a-f]{16,}")
_HEX_SHOWN = 10
_LONGEST_ANCESTRY = 20


def tone(status: str) -> Tone:
    """How a deployment of that status stands; an unknown one is on its way."""
    if status == "ACTIVE":
        return "good"
    if status in {"SCALED_TO_ZERO", "INACTIVE", "DEACTIVATING"}:
        return "idle"
    return "bad" if status in FAILED or status in READY else "moving"


def serving(world: World, deployment: Deployment) -> Serving:
    """A deployment, read from the world."""
    origin = _origin(world, deployment)
    coming_up = READY | STARTING | {"WAKING_UP"}
    return Serving(
        id=deployment.id,
        name=deployment.name,
        status=deployment.status,
        tone=tone(deployment.status),
        since=deployment.since,
        replicas=deployment.replicas,
        wanted=wanted(deployment) if deployment.status in coming_up else 0,
        labels=labels(origin.labels),
        copied_from=None if origin is deployment else origin.name,
        is_development=deployment.is_development,
    )


def _origin(world: World, deployment: Deployment) -> Deployment:
    """What was pushed: itself, or what a promotion copied it from, as long as that exists."""
    for _ in range(_LONGEST_ANCESTRY):
        source = world.deployments.get(deployment.copied_from or "")
        if source is None:
            break
        deployment = source
    return deployment


def labels(sent: Mapping[str, Any] | None) -> tuple[Label, ...]:
    """The first labels: the last word of a key, and as much of a value as says what it is."""
    return tuple(_label(key, value) for key, value in list((sent or {}).items())[:_LABELS])


def _label(key: str, value: Any) -> Label:
    whole = value if isinstance(value, str) else json.dumps(value)
    short = whole[:_HEX_SHOWN] if _HEX.fullmatch(whole) else whole
    if len(short) > _LONGEST_VALUE:
        short = short[: _LONGEST_VALUE - 1] + "…"
    return Label(key=key.rpartition(".")[2][:_LONGEST_VALUE] or key, value=short, whole=whole)
