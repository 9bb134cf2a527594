"""Situations made from a few words, so that a test says only what matters to it.

A model `qwen` with one environment under test, `production`. Artifacts are called by a letter:
P served before, D is what Git wants, X is another release of ours, F came from somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gitops.decide.situation import Asked, Evidence, Options, Situation
from gitops.decide.steps import Step
from gitops.decide.view import View
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.artifact import Artifact
from gitops.state.desired import (
    Check,
    DesiredEnvironment,
    DesiredModel,
    Mode,
    Probe,
    Requirement,
    Watch,
)
from gitops.state.json import JsonObject
from gitops.state.live import (
    AuditEntry,
    Deployment,
    LiveEnvironment,
    LiveModel,
    Promotion,
)
from gitops.state.names import ModelKey
from gitops.state.settings import Settings
from gitops.verify.verdict import Outcome, Verdict

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MODEL_ID = "m1"
COMMIT = "c" * 40
LETTERS = "PDXF"
CHECK = Check(name="smoke", probes=(Probe(body={}),))


def digest(letter: str) -> str:
    return (letter.encode().hex() * 32)[:64]


def artifact(letter: str, **given: object) -> Artifact:
    made = Artifact(digest=digest(letter), commit=letter.lower() * 40, truss="trusses/qwen")
    return replace(made, **given)  # type: ignore[arg-type]


def deployment(letter: str, status: str = "ACTIVE", **given: object) -> Deployment:
    """A deployment of an artifact; F is not ours and so has a name of its own and no labels."""
    own = artifact(letter)
    made = Deployment(
        id=f"dep-{letter}",
        name="hotfix" if letter == "F" else own.deployment_name,
        model_id=MODEL_ID,
        status=status,
        created_at=NOW - timedelta(days=2),
        labels={} if letter == "F" else dict(own.labels),
    )
    return replace(made, **given)  # type: ignore[arg-type]


def side(letter: str) -> Side:
    found = deployment(letter)
    ours = letter != "F"
    return Side(
        deployment_id=found.id,
        deployment_name=found.name,
        digest=digest(letter) if ours else None,
        commit=letter.lower() * 40 if ours else None,
    )


def verdict(outcome: str, reason: str = "as judged") -> Verdict:
    return Verdict(outcome=Outcome(outcome), reason=reason)


def promoted(letter: str, *, own: bool = True, minutes_ago: float = 5) -> AuditEntry:
    found = deployment(letter)
    return AuditEntry(
        id=f"audit-{letter}-{minutes_ago}",
        at=NOW - timedelta(minutes=minutes_ago),
        event_type="MODEL_DEPLOYMENT_PROMOTED",
        actor="API key abc" if own else "rui@example.com",
        source="API" if own else "UI",
        own=own,
        person=not own,
        environment="production",
        deployment_id=found.id,
        data={"deployment_name": found.name},
    )


def entry(
    event: Event,
    to: str | None = None,
    from_: str | None = None,
    *,
    minutes_ago: float = 60,
    **given: object,
) -> Entry:
    made = Entry(
        id=f"{event}-{from_}-{to}-{minutes_ago}",
        at=NOW - timedelta(minutes=minutes_ago),
        event=event,
        environment="production",
        to=side(to) if to else None,
        from_=side(from_) if from_ else None,
        model_id=MODEL_ID,
        model="qwen",
        release_file="releases/qwen.yaml",
        applied_commit="a" * 40,
    )
    return replace(made, **given)  # type: ignore[arg-type]


@dataclass
class Scene:
    """A situation in the making; ``situation()`` freezes it. Everything is read by default."""

    wants: str = "D"
    reference: str | None = None
    mode: Mode = "reconcile"
    current: str | None = "P"
    status: str = "ACTIVE"
    candidate: str | None = None
    candidate_status: str = "ACTIVE"
    promotion: Promotion | None = None
    exists: bool = True
    settings: dict[str, object] = field(default_factory=dict)
    live_settings: dict[str, object] = field(default_factory=dict)
    schedules: Mapping[str, JsonObject] | None = None
    live_schedules: Mapping[str, JsonObject] | None = None
    checks: bool = False
    watch: Watch | None = None
    requires: tuple[Requirement, ...] = ()
    protected: bool = False
    allow: frozenset[str] = frozenset()
    unsupported: tuple[str, ...] = ()
    entries: list[Entry] = field(default_factory=lambda: [entry(Event.RELEASED, "P", "F")])
    log_known: bool = True
    audit: list[AuditEntry] | None = field(default_factory=list)
    audit_unreadable: bool = False
    asked: tuple[Asked, ...] | None = ()
    deployments: list[Deployment] | None = field(default_factory=list)
    model_exists: bool = True
    options: Options = field(default_factory=Options)
    evidence: Evidence = field(default_factory=Evidence)
    more: dict[str, object] = field(default_factory=dict)

    def environment(self) -> DesiredEnvironment:
        return DesiredEnvironment(
            name="production",
            mode=self.mode,
            artifact=artifact(self.wants) if self.reference is None else None,
            deployment=self.reference,
            requires=self.requires,
            settings=Settings(
                autoscaling=dict(self.settings),  # type: ignore[arg-type]
                schedules=self.schedules,
            ),
            checks=(CHECK,) if self.checks else (),
            watch=self.watch,
            protected=self.protected,
            allow=self.allow,
            unsupported=self.unsupported,
        )

    def live(self) -> LiveModel | None:
        if not self.model_exists:
            return None
        current = (
            deployment(self.current, self.status, environment="production")
            if self.current
            else None
        )
        candidate = (
            deployment(self.candidate, self.candidate_status, environment="production")
            if self.candidate
            else None
        )
        if candidate and current and candidate.id == current.id:
            candidate = replace(
                candidate, id=candidate.id + "-2", name=candidate.name + ".1790000000"
            )
        there = LiveEnvironment(
            name="production",
            current=current,
            candidate=candidate,
            promotion=self.promotion,
            settings=Settings(
                autoscaling=dict(self.live_settings),  # type: ignore[arg-type]
                schedules=self.live_schedules,
            ),
        )
        attached = [each for each in (current, candidate) if each is not None]
        listed = None
        if self.deployments is not None:
            ids = {each.id for each in attached}
            listed = (*attached, *(each for each in self.deployments if each.id not in ids))
        return LiveModel(
            id=MODEL_ID,
            name="qwen",
            team=None,
            created_at=NOW - timedelta(days=9),
            environments=(there,) if self.exists else (),
            deployments=listed,
        )

    def situation(self, **given: object) -> Situation:
        environment = self.environment()
        model = DesiredModel(
            key=ModelKey(None, "qwen"),
            release_file="releases/qwen.yaml",
            truss="trusses/qwen",
            environments=(environment,),
        )
        made = Situation(
            model=model,
            environment=environment,
            applied_commit=COMMIT,
            now=NOW,
            live=self.live(),
            history=ModelHistory.of(self.entries) if self.log_known else None,
            audit=None if self.audit is None or self.audit_unreadable else tuple(self.audit),
            audit_unreadable=self.audit_unreadable,
            asked=self.asked,
            options=self.options,
            evidence=self.evidence,
        )
        return replace(made, **{**self.more, **given})  # type: ignore[arg-type]

    def view(self) -> View:
        return View.of(self.situation())


def kinds(steps: tuple[Step, ...]) -> list[str]:
    """The steps' names, with the event of a record: what a test of an order reads."""
    from gitops.decide.steps import Record

    return [
        f"Record({step.event})" if isinstance(step, Record) else type(step).__name__
        for step in steps
    ]
