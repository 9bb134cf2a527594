"""Small fleets as plain values, for tests of plans and of how they read."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gitops.decide.decision import Decision, State
from gitops.decide.steps import Check, Promote, Push, Ready, Record, UpdateSettings, Watch
from gitops.record.entry import Event, Side
from gitops.state.artifact import Artifact
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel, Requirement
from gitops.state.live import (
    Deployment,
    InstanceType,
    Live,
    LiveEnvironment,
    LiveModel,
    Team,
    Workspace,
)
from gitops.state.names import ModelKey
from gitops.state.settings import Change, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COMMIT = "4be1c02f0c5d9a7e8b1f2a3c4d5e6f708192a3b4"
OLD_COMMIT = "9d1c7a0b5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f00"
WORKSPACE = Workspace(name="acme", host="api.baseten.co", api_url="https://api.baseten.co")
PRICES = {"h100": InstanceType(id="h100", name="H100", gpu_count=1, usd_per_minute=0.1)}


def artifact(commit: str = COMMIT, *, digest: str = "2e" * 32, **more: object) -> Artifact:
    made = Artifact(digest=digest, commit=commit, truss="trusses/qwen-3-8b")
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


OLD = Side(
    deployment_id="w5d8x2q",
    deployment_name="git-" + "1f" * 20,
    digest="1f" * 32,
    commit=OLD_COMMIT,
)


def deployment(side: Side = OLD, status: str = "ACTIVE") -> Deployment:
    return Deployment(
        id=side.deployment_id,
        name=side.deployment_name or "",
        model_id="abc123",
        status=status,
        created_at=NOW,
        instance_type_name="H100",
    )


def environment(name: str = "production", **more: object) -> DesiredEnvironment:
    made = DesiredEnvironment(
        name=name,
        artifact=artifact(),
        settings=Settings(autoscaling={"min_replica": 0, "max_replica": 20}),
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def model(
    *environments: DesiredEnvironment, name: str = "qwen-3-8b", team: str | None = None
) -> DesiredModel:
    return DesiredModel(
        key=ModelKey(team, name),
        release_file=f"releases/{name}.yaml",
        truss=f"trusses/{name}",
        environments=environments or (environment(),),
    )


def live_model(
    name: str = "qwen-3-8b", *, environments: tuple[LiveEnvironment, ...] | None = None
) -> LiveModel:
    if environments is None:
        environments = (live_environment(),)
    return LiveModel(
        id="abc123", name=name, team="default", created_at=NOW, environments=environments
    )


def live_environment(name: str = "production", **more: object) -> LiveEnvironment:
    made = LiveEnvironment(
        name=name,
        current=deployment(),
        settings=Settings(autoscaling={"min_replica": 0, "max_replica": 10}),
        instance_type_id="h100",
        instance_type_name="H100",
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def live(models: Mapping[str, LiveModel] | None = None, *, prices: bool = True) -> Live:
    return Live(
        workspace=WORKSPACE,
        read_at=NOW,
        teams=(Team(id="t1", name="default", default=True),),
        models={"qwen-3-8b": live_model()} if models is None else models,
        instance_types=PRICES if prices else None,
    )


MORE_REPLICAS = Change(path="autoscaling.max_replica", before=10, after=20)
DRIFT = Change(
    path="autoscaling.min_replica",
    before=2,
    after=0,
    origin="drift",
    by="alice@example.com",
    at="2026-11-19T08:30:00Z",
)


def pushed(name: str = "production", **more: object) -> Decision:
    """Row 21: nothing of the artifact is there."""
    made = Decision(
        row=21,
        state=State.PUSH,
        reason=f"pin moved from {OLD_COMMIT[:12]} to {COMMIT[:12]}",
        steps=(
            Push(artifact=artifact(), name=artifact().deployment_name),
            Ready(deployment_id=None),
            Check(environment=name, deployment_id=None, names=("smoke", "latency")),
            Promote(environment=name, deployment_id=None, from_=OLD, changes=(MORE_REPLICAS,)),
            Watch(environment=name, deployment_id=None),
            Record(environment=name, event=Event.RELEASED),
        ),
        changes=(MORE_REPLICAS,),
        serving=OLD,
        serving_status="ACTIVE",
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def at_rest(state: State = State.CONVERGED, row: int = 18, **more: object) -> Decision:
    made = Decision(
        row=row,
        state=state,
        reason="it serves what Git wants",
        serving=OLD,
        serving_status="ACTIVE",
    )
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def settings(name: str = "production", *changes: Change) -> Decision:
    """Row 17."""
    fields = changes or (MORE_REPLICAS,)
    return at_rest(
        State.SETTINGS,
        17,
        reason="settings differ",
        steps=(UpdateSettings(environment=name, changes=fields),),
        changes=fields,
    )


def requiring(name: str, needs: str) -> DesiredEnvironment:
    return environment(name, requires=(Requirement(environment=needs),))


def desired(*models: DesiredModel, **more: object) -> Desired:
    made = Desired(commit=COMMIT, models=models or (model(),))
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]
