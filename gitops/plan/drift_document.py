"""The document of ``gitops drift``: what was found, what was written, and how the command ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Literal

from gitops.plan.canonical import plain
from gitops.plan.drift import Drifted, EnvironmentDrift
from gitops.state.json import Json

FORMAT_VERSION: Final = "1"
REFUSED: Final = 4
CHANGES: Final = 2
FAILED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDrift:
    """One model with its environments, in the order of its release file.

    ``drift`` is what became of the model itself. ``failed`` says what kept it from being looked at.
    """

    model: str
    team: str | None
    model_id: str | None
    release_file: str
    drift: Drifted | None = None
    environments: tuple[EnvironmentDrift, ...] = ()
    failed: str | None = None

    @property
    def name(self) -> str:
        """The model as options, ids and events name it."""
        return f"{self.team}/{self.model}" if self.team else self.model

    @property
    def drifted(self) -> bool:
        """Whether anything of it was changed outside of Git."""
        return self.drift is not None or any(each.drift for each in self.environments)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftSummary:
    """Counts: models looked at and drifted, environments, and what drifted by its kind.

    ``other`` are models that were renamed or deleted, environments that were deleted, deployments
    that were deactivated, and promotions under way.
    """

    models: int = 0
    drifted: int = 0
    environments: int = 0
    settings: int = 0
    artifacts: int = 0
    other: int = 0
    unjudged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A file that ``--accept`` changed; ``diff`` is unified, without its head."""

    file: str
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAccepted:
    """What ``--accept`` could not write, why, and what to do instead.

    ``path`` is a setting's, or ``commit``.
    """

    model: str
    environment: str
    path: str
    why: str
    hint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """What ``--accept`` did. ``commit`` and ``branch`` are set where it made them."""

    written: tuple[Accepted, ...] = ()
    not_written: tuple[NotAccepted, ...] = ()
    notes: tuple[str, ...] = ()
    commit: str | None = None
    branch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What was changed outside of Git, as seen at one moment. ``models`` are all looked at.

    ``history_known`` is false where the deploy log could not be read: then nothing was judged.
    ``accepted`` is None unless it was asked for.
    """

    format_version: Literal["1"] = FORMAT_VERSION
    gitops_version: str
    commit: str
    dirty: bool
    api_url: str
    workspace: str | None
    now: datetime
    history_known: bool = True
    summary: DriftSummary
    models: tuple[ModelDrift, ...] = ()
    accepted: Acceptance | None = None


def summarise(models: Sequence[ModelDrift]) -> DriftSummary:
    """The counts of what was found."""
    kinds = Counter(
        item.kind
        for model in models
        for item in (
            *([model.drift] if model.drift is not None else []),
            *(item for each in model.environments for item in each.drift),
        )
    )
    return DriftSummary(
        models=len(models),
        drifted=sum(each.drifted for each in models),
        environments=sum(bool(each.drift) for model in models for each in model.environments),
        settings=kinds["setting"],
        artifacts=kinds["artifact"],
        other=kinds.total() - kinds["setting"] - kinds["artifact"],
        unjudged=sum(each.unjudged is not None for model in models for each in model.environments),
    )


def to_json(drift: Drift) -> dict[str, Json]:
    """The document of ``gitops drift --format json``."""
    return {each.name: plain(getattr(drift, each.name)) for each in fields(drift)}


def counted(drift: Drift) -> bool:
    """Whether there is drift where this tool acts: what is only observed counts as no change."""
    return any(
        model.drift is not None
        or any(each.drift and each.mode == "reconcile" for each in model.environments)
        for model in drift.models
    )


def exit_code(drift: Drift, *, detailed: bool) -> int:
    """1 where a model, or the deploy log, could not be read; 2 for drift, if asked for; else 0.

    Accepting: 4 where something could not be written, unless 2 says that something was.
    """
    if not drift.history_known or any(model.failed is not None for model in drift.models):
        return FAILED
    if drift.accepted is None:
        return CHANGES if detailed and counted(drift) else 0
    if detailed and (drift.accepted.written or not drift.accepted.not_written):
        return CHANGES if counted(drift) or drift.accepted.written else 0
    return REFUSED if drift.accepted.not_written else 0
