"""The steps of a release: a closed union that the plan explains and the executor carries out.

The first group are the *actions* of a plan document. The second group happens between them and is
never listed there: waiting, writing down what was seen, and the way back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from gitops.record.entry import Event, Side
from gitops.state.artifact import Artifact
from gitops.state.settings import Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Upload and build an artifact as deployment ``name``; shared by all that want it."""

    artifact: Artifact
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Wait until the deployment can serve. ``deployment_id`` None: the one that Push will make."""

    deployment_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Run an environment's checks against a deployment, by name, in order."""

    environment: str
    deployment_id: str | None
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activate:
    """Start an inactive deployment again."""

    environment: str
    deployment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Ask Baseten to try a failed deployment again; once per apply."""

    environment: str
    deployment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateEnvironment:
    """Create an environment that is not there, its settings sent explicitly."""

    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSettings:
    """Write settings to an environment and poll until they are read back."""

    environment: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPromotion:
    """Cancel a promotion that an earlier run of ours started and nobody wants any more."""

    environment: str
    deployment_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Write the intent to the deploy log, then request the promotion with its settings.

    ``from_`` is what serves now, None for a first release. ``instance_type``: as in the file.
    """

    environment: str
    deployment_id: str | None
    from_: Side | None
    changes: tuple[Change, ...]
    instance_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Judge what now serves, for as long as the file says. ``intent``: the entry it closes."""

    environment: str
    deployment_id: str | None
    intent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Something is in transition: wait for its end, with a limit."""

    environment: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """A promotion of ours runs: judge it until its end. ``undo``: it is our own rollback."""

    environment: str
    deployment_id: str
    intent: str | None = None
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Append an entry to the deploy log; ``intent`` is the one it closes or None.

    ``candidate``: what is held never served, it was only on its way. ``kept``: settings that stay
    as Baseten has them, since nobody has consented.
    """

    environment: str
    event: Event
    from_: Side | None = None
    to: Side | None = None
    intent: str | None = None
    reason: str | None = None
    ended_by: str | None = None
    candidate: bool = False
    kept: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreSettings:
    """Put back the settings that a release which is over left behind."""

    environment: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """Bring back what served before the open intent and its settings, confirm, record, hold."""

    environment: str
    intent: str
    bad: Side
    to: Side | None
    reason: str


Action: TypeAlias = (
    Push
    | Ready
    | Check
    | Activate
    | Retry
    | CreateEnvironment
    | UpdateSettings
    | CancelPromotion
    | Promote
    | Watch
)
Step: TypeAlias = Action | Wait | Follow | Record | RestoreSettings | RollBack
