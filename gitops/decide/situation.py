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
    settings: Mapping[str, Json] = field(default_factory=dict)
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the person who runs this allowed or asked for, as far as this environment goes."""

    allow_older: bool = False
    undo_drift: bool = False
    retry: bool = False
    recheck: bool = False
    no_watch: bool = False
    no_log: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What this very run has learned so far about this environment; empty when planning.

    Keys are deployment ids. ``intents`` are the intents that this run wrote itself.
    ``failed_to_start`` maps to the reason (a failed build, deploy or activation). ``recorded`` are
    the ids of all deploy-log entries that this run wrote. ``looked`` are intents whose promotion
    this run has looked for long enough, ``seen`` those whose promotion it saw run, ``cancelled``
    those whose promotion it ended itself. ``traffic`` are deployments that were seen with traffic
    while this run followed them, ``followed`` those it followed although a person promoted them.
    ``promoted`` are what Baseten answered to promotions that this run requested.
    ``previous_as_bad`` are deployments whose broken bounds the one before broke just as badly.
    """

    checks: Mapping[str, Verdict] = field(default_factory=dict)
    watch: Mapping[str, Verdict] = field(default_factory=dict)
    failed_to_start: Mapping[str, str] = field(default_factory=dict)
    retried: frozenset[str] = frozenset()
    intents: frozenset[str] = frozenset()
    recorded: frozenset[str] = frozenset()
    looked: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    cancelled: frozenset[str] = frozenset()
    traffic: frozenset[str] = frozenset()
    followed: frozenset[str] = frozenset()
    promoted: frozenset[str] = frozenset()
    previous_as_bad: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One environment of one model, as Git wants it, as Baseten has it, as the log remembers it.

    ``live`` None: the model is not on Baseten. ``history`` None: the log could not be read.
    ``audit``: None where it was not read yet; ``audit_unreadable`` where Baseten refused it.
    ``asked``: what Git asked for at every commit since the oldest hold, oldest first; None where
    not read yet. ``superseded``: the applied commit is older than the last one applied.
    ``elsewhere``: the name that the log's model id has on Baseten now, where it is another one.
    ``formerly``: another model that this release file named, by the log of that model.
    ``decided`` are the decisions for the model's environments before this one, in order.
    ``secrets``: names in the model's team, None where unknown.
    """

    model: DesiredModel
    environment: DesiredEnvironment
    applied_commit: str
    now: datetime
    live: LiveModel | None
    history: ModelHistory | None
    audit: tuple[AuditEntry, ...] | None = None
    audit_unreadable: bool = False
    asked: tuple[Asked, ...] | None = None
    superseded: bool = False
    elsewhere: str | None = None
    formerly: str | None = None
    decided: Mapping[str, Decision] = field(default_factory=dict)
    secrets: frozenset[str] | None = None
    instance_types: Mapping[str, InstanceType] | None = None
    options: Options = field(default_factory=Options)
    evidence: Evidence = field(default_factory=Evidence)
