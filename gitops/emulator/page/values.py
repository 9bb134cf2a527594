"""What the page shows. Times are epoch seconds; shares are 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "moving", "idle", "poor", "bad"]
"""How a thing stands: serving, on its way, at rest, worth a look, broken."""

Show = Literal["all", "moving", "trouble"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Requests answered in one short stretch of time, and those of them that failed (5xx)."""

    requests: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Requests of the last minute, and stretch by stretch of the last five, oldest first."""

    per_second: float
    failed: float | None
    """The share that failed (5xx); None where there was no request."""
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label, short enough for a line; `whole` is its value as it was sent."""

    key: str
    value: str
    whole: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One deployment. Its labels are those of what it was copied from where it has none."""

    id: str
    name: str
    status: str
    tone: Tone
    since: float
    replicas: int
    wanted: int
    labels: tuple[Label, ...]
    copied_from: str | None
    is_development: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A promotion, going on or just ended; `percent` of the traffic is on the candidate."""

    model: str
    environment: str
    environment_id: str
    status: str
    tone: Tone
    percent: int
    rolling: bool
    started_at: float
    ended_at: float | None
    error: str | None
    candidate: Serving
    candidate_rates: Rates
    previous: Serving | None
    previous_rates: Rates | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Starting:
    """A deployment on its way up that no promotion waits for."""

    model_id: str
    model: str
    deployment: Serving


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentLine:
    """One environment: what serves, and its traffic."""

    name: str
    tone: Tone
    current: Serving | None
    promotion: tuple[str, int] | None
    """Status and percent of a promotion that shows."""
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLine:
    """One model; `others` are its deployments outside of environments, newest first, cut short."""

    id: str
    name: str
    team: str | None
    environments: tuple[EnvironmentLine, ...]
    others: tuple[Serving, ...]
    others_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened: `what` to which deployment, where, and `who` did it."""

    key: str
    at: float
    what: str
    tone: Tone
    model: str | None
    environment: str | None
    deployment: str | None
    who: str | None
    """None: nobody did, it came about."""
    began: tuple[str, float] | None = None
    """The status that the way to this one began with, and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts over the whole workspace, whatever is filtered."""

    models: int
    environments: int
    serving: int
    empty: int
    """Environments in which nothing was ever promoted."""
    trouble: int
    moving: int
    starting: int
    replicas: int
    per_second: float
    failed: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the page: text to find, which models, and which page of them."""

    text: str = ""
    show: Show = "all"
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Everything on the page."""

    name: str
    mode: str
    speed: float
    now: float
    totals: Totals
    motions: tuple[Motion, ...]
    startings: tuple[Starting, ...]
    hidden: int
    """Promotions and starts that are left out of the two above."""
    models: tuple[ModelLine, ...]
    question: Question
    first: int
    """Number of the first model shown, from 1; 0 where none is."""
    found: int
    pages: int
    events: tuple[Event, ...]
