"""Deploy logs for tests: entries with as little said as a test needs, and logs of two clones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gitops.git.deploylog import DeployLog
from gitops.git.identity import Identity
from gitops.git.repository import Repository
from gitops.record.entry import Entry, Event, Side
from gitops.state.live import Workspace
from gitops.state.names import ModelKey
from tests.patience import HANGS

if TYPE_CHECKING:
    from pathlib import Path

WORKSPACE = Workspace(name="acme", host="api.baseten.co", api_url="https://api.baseten.co")
KEY = ModelKey(team=None, name="qwen-3-8b")
REF = "refs/gitops/log/acme%40api%2Ebaseten%2Eco/ml/qwen-3-8b"
START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
WRITER = Identity(name="Ann Writer", email="ann@example.invalid")


def team_of(key: ModelKey) -> str:
    return key.team or "ml"


def side(name: str) -> Side:
    return Side(deployment_id=name, deployment_name=f"git-{name}", digest=name * 8, commit=name * 5)


def entry(event: Event = Event.ADOPTED, minute: int = 0, **more: Any) -> Entry:
    known = {
        "environment": "production",
        "model": "qwen-3-8b",
        "model_id": "m1",
        "from_": side("11111111"),
        "to": side("22222222"),
        "by": "ann",
    }
    return Entry(event=event, at=START + timedelta(minutes=minute), **{**known, **more})


def log(path: Path, remote: str | None = "origin", **more: Any) -> DeployLog:
    settings: dict[str, Any] = {"team_of": team_of, "writer": WRITER, "timeout": HANGS}
    return DeployLog(
        Repository.discover(path),
        more.pop("workspace", WORKSPACE),
        remote,
        **{**settings, **more},
    )
