"""Settings of an environment, in Baseten's own names and units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gitops.state.json import Json, JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Desired: only the fields that the release file manages. Live: every field Baseten reported.

    ``backpressure`` is ``{"policy": …}`` or None where unmanaged; ``schedules`` maps schedule
    names to schedules (see ``gitops.state.schedules``) or is None where unmanaged, and, live, where
    Baseten does not know schedules. ``instance_type`` is not a setting that can be
    written by itself: hardware travels with promotions only, see ``DesiredEnvironment``.
    """

    autoscaling: JsonObject = field(default_factory=dict)
    promotion: JsonObject = field(default_factory=dict)
    backpressure: JsonObject | None = None
    schedules: Mapping[str, JsonObject] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs. ``before`` is what Baseten has, ``after`` what Git says.

    ``origin``: ``release`` where desired state changed since the environment's last log entry,
    ``drift`` where Baseten was changed outside of Git; ``by`` and ``at`` (RFC 3339) name who did
    that, from Baseten's audit log, or are None where it does not say.
    """

    path: str
    before: Json
    after: Json
    origin: Literal["release", "drift"] = "release"
    by: str | None = None
    at: str | None = None
