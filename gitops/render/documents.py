"""The JSON documents that renderers put together by hand, as the shapes that their schemas tell.

Other documents are made of dataclasses as they are; these have fields of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from gitops.plan.status import EnvironmentStatus, Status
from gitops.record.entry import Event

Judged = Literal["pass", "fail", "inconclusive"]
Went = Literal["deactivate", "delete", "keep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong, and where. ``line`` and ``column`` count from 1; null: the whole file."""

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str | None
    severity: Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """How much was looked at."""

    files: int
    models: int
    environments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What ``gitops validate`` found. ``valid``: nothing worse than a warning."""

    format_version: str
    valid: bool
    checked: Validated
    problems: list[Problem]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement against its bound; ``samples`` is how many answers it is taken from."""

    what: str
    outcome: Judged
    value: Any
    bound: Any
    samples: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """One check; ``failing`` is how many requests are kept that failed."""

    name: str
    outcome: Judged
    reason: str
    measurements: list[Measured]
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDeployment:
    """The deployment that was asked. ``serves``: it serves the environment already."""

    id: str
    name: str
    status: str
    serves: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What ``gitops check`` found. ``kept`` names the folder with the requests that failed."""

    format_version: str
    model: str
    environment: str
    commit: str | None
    deployment: CheckedDeployment | None
    outcome: Judged
    reason: str
    checks: list[CheckResult]
    kept: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The commit that comes nearest to what serves, and the files in which it differs."""

    commit: str
    truss: str
    differs: list[str]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedPlace:
    """One environment: what serves, and the commit that was proved to be it, or why none was.

    ``paused``: it does not run, and its entry says ``mode: pause``.
    """

    environment: str
    paused: bool
    deployment_id: str
    deployment_name: str
    commit: str | None
    truss: str | None
    rebuild: str | None
    digest: str | None
    proved_by: Literal["label", "log", "files"] | None
    why_not: str | None
    nearest: Nearest | None
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedRelease:
    """A release file that was written, or would be; ``text`` is all of it."""

    path: str
    model: str
    team: str | None
    text: str
    environments: list[ImportedPlace]
    notes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotImported:
    """A model that no release file was written for."""

    model: str
    why: str
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAfter:
    """What a plan of the written files would still do."""

    empty: bool
    left: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What ``gitops import`` did, and what it ended with. ``plan`` is null where none was made."""

    format_version: str
    dry_run: bool
    exit_code: int
    files: list[ImportedRelease]
    left_out: list[NotImported]
    plan: PlanAfter | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """``retention`` of a release file; ``older_than`` in seconds. Null: not asked for."""

    keep: int | None
    older_than: float | None
    action: Literal["deactivate", "delete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedDeployment:
    """One deployment and what becomes of it; ``result`` is null where nothing was carried out."""

    deployment_id: str
    deployment_name: str | None
    status: str
    created_at: datetime
    digest: str | None
    commit: str | None
    action: Went
    reason: str | None
    result: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedModel:
    """One model; ``left_alone`` says why nothing of it is touched."""

    model: str
    team: str | None
    model_id: str | None
    release_file: str
    retention: Keeping
    left_alone: str | None
    deployments: list[PrunedDeployment]


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneSummary:
    """Counts: models, and deployments by what becomes of them."""

    models: int
    deactivate: int
    delete: int
    keep: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneReport:
    """What ``gitops prune`` did or would do."""

    format_version: str
    gitops_version: str
    commit: str
    dirty: bool
    api_url: str
    workspace: str | None
    carried_out: bool
    exit_code: int
    summary: PruneSummary
    models: list[PrunedModel]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry; what else it holds is told by the schema of an entry.

    ``kept``: it is in this clone alone, not on the remote yet.
    """

    id: str
    kept: bool
    event: Event
    at: datetime
    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesOfModel:
    """The entries of one model, oldest first."""

    workspace: str
    team: str
    model: str
    entries: list[LogEntry]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntriesReport:
    """What ``gitops log`` prints. ``fetched_at``: when the clone last asked the remote."""

    format_version: str
    fetched_at: datetime | None
    logs: list[EntriesOfModel]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSide:
    """A deployment."""

    deployment_id: str
    deployment_name: str | None
    digest: str | None
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """How one environment stood; ``announced`` is the id of an intent that was not closed."""

    environment: str
    serving: LoggedSide | None
    since: datetime | None
    announced: str | None
    held: list[LoggedSide]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOfModel:
    """How one model stood."""

    workspace: str
    team: str
    model: str
    environments: list[Stood]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingReport:
    """What ``gitops log --at`` prints: what the log says served at that moment."""

    format_version: str
    fetched_at: datetime | None
    at: datetime
    logs: list[StandingOfModel]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEnvironment(EnvironmentStatus):
    """One environment, with the sentence that the text shows."""

    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport(Status):
    """What ``gitops status`` prints."""

    environments: tuple[ShownEnvironment, ...]
