"""Everything that a decision about one environment depends on, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gitops.decide.decision import Decision
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.json import Json
from gitops.state.live import AuditEntry, InstanceType, LiveModel
from gitops.verify.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What Git asked for in this environment at one commit of the way to the applied one."""

    commit: str
    digest: str | None
    """The artifact's; None where Git asked for no artifact."""
    settings: Mapping[str, Json] = field(default_factory=dict)
    """Flat: values by dotted path."""
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person who runs this allowed or asked for, as far as this environment goes."""

    allow_older: bool = False
    """A commit that is older than the last one applied may be applied."""
    undo_drift: bool = False
    """What somebody put in place outside of Git is taken back."""
    retry: bool = False
    """What is held here, or could not be verified here, is tried again."""
    recheck: bool = False
    """What has succeeded here before is checked again too."""
    no_watch: bool = False
    """What was promoted is not watched."""
    no_log: bool = False
    """Nothing is asked of the deploy log's remote. No row asks: it is for whoever writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What this very run has learned so far about this environment; empty when planning.

    Nothing else tells a run that is under way from a new one. Deployments, intents and entries are
    named by their ids.
    """

    checks: Mapping[str, Verdict] = field(default_factory=dict)
    """Verdicts of the checks, by deployment."""
    watch: Mapping[str, Verdict] = field(default_factory=dict)
    """Verdicts of the watch, by deployment."""
    previous_as_bad: frozenset[str] = frozenset()
    """Deployments whose broken bounds the one before broke just as badly."""
    failed_to_start: Mapping[str, str] = field(default_factory=dict)
    """The reason by deployment: a failed build, deploy or activation."""
    retried: frozenset[str] = frozenset()
    """Deployments that were started again."""
    promoted: frozenset[str] = frozenset()
    """Deployments that Baseten answered to promotions which this run requested."""
    traffic: frozenset[str] = frozenset()
    """Deployments that were seen with traffic while this run followed them."""
    followed: frozenset[str] = frozenset()
    """Deployments that this run followed although a person promoted them."""
    recorded: frozenset[str] = frozenset()
    """All deploy-log entries that this run wrote."""
    intents: frozenset[str] = frozenset()
    """Intents that this run wrote itself."""
    looked: frozenset[str] = frozenset()
    """Intents whose promotion this run has looked for long enough."""
    seen: frozenset[str] = frozenset()
    """Intents whose promotion it saw run."""
    cancelled: frozenset[str] = frozenset()
    """Intents whose promotion it ended itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One environment of one model, as Git wants it, as Baseten has it, as the log remembers it."""

    model: DesiredModel
    environment: DesiredEnvironment
    applied_commit: str
    now: datetime
    live: LiveModel | None
    """None: the model is not on Baseten."""
    history: ModelHistory | None
    """None: the deploy log could not be read."""
    audit: tuple[AuditEntry, ...] | None = None
    """The model's audit entries, oldest first; None where not read yet."""
    audit_unreadable: bool = False
    """Whether Baseten refused them to this key."""
    asked: tuple[Asked, ...] | None = None
    """What Git asked for at every commit since the oldest hold, oldest first; None where not read
    yet."""
    superseded: bool = False
    """Whether the applied commit is older than the last one applied."""
    elsewhere: str | None = None
    """The name that the log's model id has on Baseten now, where it is another one."""
    formerly: str | None = None
    """Another model that this release file named, by the log of that model."""
    decided: Mapping[str, Decision] = field(default_factory=dict)
    """The decisions for the model's environments before this one, in order."""
    secrets: frozenset[str] | None = None
    """The names of secrets in the model's team; None where unknown."""
    instance_types: Mapping[str, InstanceType] | None = None
    """By id; None where they were not read."""
    options: Options = field(default_factory=Options)
    evidence: Evidence = field(default_factory=Evidence)
