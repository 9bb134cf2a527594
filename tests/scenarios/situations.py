"""One model in every situation that the decision table knows, as plain values.

The people are `alice@example.com`, who clicks, and the API key `k1`, which is ours. `BEFORE` served
production first; `WANTED` is what Git asks for now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from gitops.decide import Asked, Options, Situation, in_order
from gitops.record.entry import Entry, Event, Side
from gitops.record.history import ModelHistory
from gitops.state.artifact import Artifact
from gitops.state.desired import (
    Check,
    Desired,
    DesiredEnvironment,
    DesiredModel,
    Limits,
    Probe,
    Watch,
)
from gitops.state.json import Json
from gitops.state.live import (
    AuditEntry,
    Deployment,
    InstanceType,
    Live,
    LiveEnvironment,
    LiveModel,
    Team,
    Workspace,
)
from gitops.state.names import ModelKey
from gitops.state.settings import Settings

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
APPLIED = "7f3a9c5e1d2b4a6f8091b2c3d4e5f60718293a4b"
EARLIER = "0c1d2e3f405162738495a6b7c8d9eafb0c1d2e3f"
MODEL_ID = "abc123"
BEFORE = Artifact(
    digest="1f" * 32,
    commit="9d1c7a0b5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f00",
    truss="trusses/qwen-3-8b",
)
WANTED = Artifact(
    digest="2e" * 32,
    commit="4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4",
    truss="trusses/qwen-3-8b",
)
OTHER = Artifact(
    digest="3d" * 32,
    commit="c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00",
    truss="trusses/qwen-3-8b",
)
SMOKE = Check(name="smoke", probes=(Probe(body={"text": "hi"}),))
LATENCY = Check(name="latency", probes=(Probe(body={"text": "hi"}),), runs=50)
PRICES = {
    "H100:1": InstanceType(id="H100:1", name="H100:1", gpu_count=1, usd_per_minute=0.1),
    "L4:1": InstanceType(id="L4:1", name="L4:1", gpu_count=1, usd_per_minute=0.014),
}
TWENTY: Mapping[str, Json] = {"min_replica": 2, "max_replica": 20}
TEN: Mapping[str, Json] = {"min_replica": 2, "max_replica": 10}


def deployment(
    artifact: Artifact, identity: str, status: str = "ACTIVE", **given: object
) -> Deployment:
    """A deployment that this tool pushed."""
    made = Deployment(
        id=identity,
        name=artifact.deployment_name,
        model_id=MODEL_ID,
        status=status,
        created_at=NOW - timedelta(days=2),
        labels=dict(artifact.labels),
        active_replicas=2,
        instance_type_name="H100:1",
    )
    return replace(made, **given)  # type: ignore[arg-type]


OLD = deployment(BEFORE, "w5d8x2q")
NEW = deployment(WANTED, "q93mzk7")
STRAY = deployment(OTHER, "t7y6u5i")
BY_HAND = Deployment(
    id="h4nd",
    name="hotfix-friday",
    model_id=MODEL_ID,
    status="ACTIVE",
    created_at=NOW - timedelta(hours=5),
    instance_type_name="H100:1",
)


def side(of: Deployment) -> Side:
    digest, commit = of.labels.get("gitops.digest"), of.labels.get("gitops.commit")
    return Side(
        deployment_id=of.id,
        deployment_name=of.name,
        digest=str(digest) if digest else None,
        commit=str(commit) if commit else None,
    )


def entry(
    event: Event,
    to: Deployment | None,
    from_: Deployment | None = None,
    *,
    minutes: float = 60,
    **given: object,
) -> Entry:
    made = Entry(
        id=f"{event}-{to.id if to else ''}-{minutes:g}",
        at=NOW - timedelta(minutes=minutes),
        event=event,
        environment="production",
        to=side(to) if to else None,
        from_=side(from_) if from_ else None,
        model_id=MODEL_ID,
        model="qwen-3-8b",
        release_file="releases/qwen-3-8b.yaml",
        applied_commit=EARLIER,
        settings_after={"autoscaling.min_replica": 2, "autoscaling.max_replica": 10},
    )
    return replace(made, **given)  # type: ignore[arg-type]


def audit(
    of: Deployment | None, *, own: bool, minutes: float, kind: str = "PROMOTED", **data: Json
) -> AuditEntry:
    events = {
        "PROMOTED": "MODEL_DEPLOYMENT_PROMOTED",
        "CONTROL": "MODEL_PROMOTION_CONTROL_ACTION",
        "DEACTIVATED": "MODEL_DEPLOYMENT_DEACTIVATED",
        "UPDATED": "ENVIRONMENT_UPDATED",
    }
    return AuditEntry(
        id=f"audit-{kind}-{minutes:g}",
        at=NOW - timedelta(minutes=minutes),
        event_type=events[kind],
        actor="API key k1" if own else "alice@example.com",
        source="API" if own else "UI",
        own=own,
        person=not own,
        environment="production",
        deployment_id=of.id if of else None,
        data={"deployment_name": of.name if of else None, **data},
    )


RELEASED = entry(Event.RELEASED, OLD, minutes=1440)
INTENT = entry(
    Event.INTENT,
    NEW,
    OLD,
    minutes=20,
    settings_before={"autoscaling.min_replica": 2, "autoscaling.max_replica": 10},
    settings_after={"autoscaling.min_replica": 2, "autoscaling.max_replica": 20},
)
STAGED = entry(Event.RELEASED, NEW, minutes=10, environment="staging", settings_after=None)


def production(**given: object) -> DesiredEnvironment:
    made = DesiredEnvironment(
        name="production",
        artifact=WANTED,
        settings=Settings(autoscaling=dict(TEN)),
        checks=(SMOKE, LATENCY),
        watch=Watch(seconds=600, error_rate=0.02),
        protected=True,
    )
    return replace(made, **given)  # type: ignore[arg-type]


def there(
    current: Deployment | None = OLD, candidate: Deployment | None = None, **given: object
) -> LiveEnvironment:
    made = LiveEnvironment(
        name="production",
        current=replace(current, environment="production") if current else None,
        candidate=replace(candidate, environment="production") if candidate else None,
        settings=Settings(autoscaling=dict(TEN)),
        instance_type_id="H100:1",
        instance_type_name="H100:1",
    )
    return replace(made, **given)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A model with one look at it. ``live`` None: the model is not on Baseten."""

    row: int
    environments: tuple[DesiredEnvironment, ...] = (production(),)
    live: tuple[LiveEnvironment, ...] | None = (there(),)
    unattached: tuple[Deployment, ...] = ()
    entries: tuple[Entry, ...] | None = (RELEASED,)
    audit: tuple[AuditEntry, ...] | None = ()
    asked: tuple[Asked, ...] = (
        Asked(commit=EARLIER, digest=WANTED.digest),
        Asked(commit=APPLIED, digest=WANTED.digest),
    )
    secrets: frozenset[str] = frozenset({"hf_access_token"})
    options: Options = field(default_factory=Options)
    given: Mapping[str, object] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    managed: int = 1

    @property
    def model(self) -> DesiredModel:
        return DesiredModel(
            key=ModelKey(None, "qwen-3-8b"),
            release_file="releases/qwen-3-8b.yaml",
            truss="trusses/qwen-3-8b",
            environments=self.environments,
        )

    @property
    def desired(self) -> Desired:
        return Desired(commit=APPLIED, models=(self.model,), limits=self.limits)

    @property
    def live_model(self) -> LiveModel | None:
        if self.live is None:
            return None
        attached = [
            one for each in self.live for one in (each.current, each.candidate) if one is not None
        ]
        ids = {each.id for each in attached}
        free = [each for each in self.unattached if each.id not in ids]
        return LiveModel(
            id=MODEL_ID,
            name="qwen-3-8b",
            team="default",
            created_at=NOW - timedelta(days=30),
            environments=self.live,
            deployments=(*attached, *free),
        )

    @property
    def snapshot(self) -> Live:
        model = self.live_model
        return Live(
            workspace=Workspace(
                name="acme", host="api.baseten.co", api_url="https://api.baseten.co"
            ),
            read_at=NOW,
            teams=(Team(id="t1", name="default", default=True),),
            models={} if model is None else {"qwen-3-8b": model},
            instance_types=PRICES,
            secrets={"default": self.secrets},
        )

    def situations(self) -> dict[str, Situation]:
        history = ModelHistory.of(self.entries) if self.entries is not None else None
        return {
            each.name: replace(
                Situation(
                    model=self.model,
                    environment=each,
                    applied_commit=APPLIED,
                    now=NOW,
                    live=self.live_model,
                    history=history,
                    audit=self.audit,
                    audit_unreadable=self.audit is None,
                    asked=self.asked,
                    secrets=self.secrets,
                    instance_types=PRICES,
                    options=self.options,
                ),
                **self.given,  # type: ignore[arg-type]
            )
            for each in in_order(self.environments)
        }
