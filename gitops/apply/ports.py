"""What the drivers need from the outside, as small protocols; ``gitops.wiring`` joins them up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeAlias

from gitops.record.entry import Entry
from gitops.record.lock import LockSwap, SeenLock, Swapped
from gitops.state.artifact import Artifact
from gitops.state.json import Json, JsonObject
from gitops.state.kept import KeptFailure
from gitops.state.live import (
    AuditEntry,
    Deployment,
    InstanceType,
    Live,
    LiveEnvironment,
    LiveModel,
    Workspace,
)
from gitops.state.names import ModelKey
from gitops.verify.observation import Answer, Window

Permit: TypeAlias = Callable[[float], None]
"""Asked for leave to do what takes so many seconds at most; raises where there is none."""


class Clock(Protocol):
    """The one clock. ``sleep`` ends early by raising ``Interrupted`` when we are asked to stop."""

    def now(self) -> datetime:
        """Wall-clock time in UTC, for what is written down."""

    def monotonic(self) -> float:
        """Seconds that never jump, for durations and limits."""

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds of this clock."""


class LiveReader(Protocol):
    """Reads of the management API. Every method may raise ``BasetenError``."""

    def workspace(self) -> Workspace:
        """Which workspace the key belongs to; asked once, then remembered."""

    def live(
        self, keys: Sequence[ModelKey], *, prices: bool = False, secrets: bool = False
    ) -> Live:
        """All managed models in the fewest requests: teams, models, then environments per model."""

    def instance_types(self) -> Mapping[str, InstanceType] | None:
        """Every instance type by its id, also those without a price; None: it may not be read."""

    def model(self, key: ModelKey) -> LiveModel | None:
        """One model with its environments, read anew."""

    def model_name(self, model_id: str) -> str | None:
        """The name a model id has now; None where there is no such model."""

    def environment(self, model_id: str, name: str) -> LiveEnvironment | None:
        """One environment, read anew; None where it is not there."""

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        """All deployments of a model, oldest first."""

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        """One deployment; None where it is not there (or not yet)."""

    def audit(
        self, model_id: str, *, since: datetime | None = None
    ) -> tuple[AuditEntry, ...] | None:
        """A model's audit entries, oldest first; None where this key may not read them."""

    def logs(
        self, model_id: str, deployment_id: str, *, since: datetime | None = None, limit: int = 20
    ) -> tuple[str, ...]:
        """The last log lines of a deployment, oldest first."""

    def window(self, model_id: str, deployment_id: str, start: datetime, end: datetime) -> Window:
        """Requests, errors, latency and replicas of a deployment between two moments."""


class LiveWriter(Protocol):
    """Writes of the management API. A write whose answer never came raises ``ResponseLost``."""

    def under(self, permit: Permit) -> LiveWriter:
        """The same, asking right before each write is sent."""

    def push(
        self,
        key: ModelKey,
        model_id: str | None,
        artifact: Artifact,
        *,
        name: str,
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        """Prepare, upload and create a deployment (and the model where ``model_id`` is None)."""

    def create_environment(self, model_id: str, name: str, settings: JsonObject) -> None:
        """Create an environment; ``settings`` is the request's settings blocks."""

    def update_environment(self, model_id: str, name: str, settings: JsonObject) -> None:
        """Change settings; accepted is not applied: read back."""

    def promote(
        self,
        model_id: str,
        environment: str,
        deployment_id: str,
        *,
        settings: JsonObject | None = None,
        override: JsonObject | None = None,
        preserve_instance_type: bool = True,
    ) -> Deployment:
        """Start a promotion; the reply is the deployment that will serve.

        ``settings`` is ``environment_settings_update``, ``override`` is
        ``promotion_settings_override``.
        """

    def cancel_promotion(self, model_id: str, environment: str, *, force: bool = False) -> None:
        """Cancel gracefully, or at once."""

    def resume_promotion(self, model_id: str, environment: str) -> None:
        """Resume a paused promotion."""

    def force_roll_forward(self, model_id: str, environment: str) -> None:
        """Move all traffic to the candidate now."""

    def activate(self, model_id: str, deployment_id: str) -> None:
        """Start an inactive deployment."""

    def deactivate(self, model_id: str, deployment_id: str) -> None:
        """Stop a deployment; its replicas go."""

    def scale(self, model_id: str, deployment_id: str, autoscaling: JsonObject) -> None:
        """Change the autoscaling settings of a deployment that no environment has."""

    def retry(self, model_id: str, deployment_id: str) -> str | None:
        """Retry a failed deployment; None when it was taken, else the reason for the refusal."""


class Prober(Protocol):
    """Sends requests to a deployment through the inference API; never raises for an answer."""

    def send(
        self,
        model_id: str,
        deployment_id: str,
        path: str,
        body: Json,
        *,
        headers: Mapping[str, str],
        timeout: float,
        stream: bool = False,
    ) -> Answer:
        """One request; a refused, broken or timed-out one is an ``Answer`` without a status."""

    def wake(self, model_id: str, deployment_id: str) -> None:
        """Start a deployment that scaled to zero; harmless when repeated."""


class DeployLog(Protocol):
    """The deploy log of every model.

    Raises ``LogMoved`` (a rival wrote first) or ``RemoteUnreachable``.
    """

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences to show, in the order of events: what was kept, what was dropped."""

    def fetch(self) -> None:
        """Bring every model's log from the remote; push results that an earlier run kept."""

    def entries(self, key: ModelKey) -> tuple[Entry, ...]:
        """A model's entries as last fetched or appended, oldest first."""

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        """Append by fast-forward push; returns the entry with its id."""

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        """Append; where the remote cannot be reached keep it locally for the next run to push."""

    def is_kept(self, key: ModelKey, entry_id: str) -> bool:
        """Whether an entry is only in this clone, to be pushed by a later run."""


class ReleaseTags(Protocol):
    """Tags of successful releases, for people. None of it is an error."""

    def set(
        self, key: ModelKey, environment: str, releases: Mapping[int, str], *, made: bool
    ) -> str | None:
        """Tag the last of these releases (number to applied commit), and what was missed before.

        ``made``: by this run. Returns what could not be done, as a sentence.
        """


class LockStore(Protocol):
    """The locks of all models, changed by compare-and-swap.

    Raises ``RemoteUnreachable``, and ``RepositoryError`` for a lock that cannot be read.
    """

    @property
    def shared(self) -> bool:
        """Whether runs on other machines see them."""

    def fetch(self) -> None:
        """See what the locks are now."""

    def seen(self, keys: Iterable[ModelKey]) -> dict[ModelKey, SeenLock]:
        """What the locks were last seen to be, or made by us."""

    def swap(self, moves: Mapping[ModelKey, LockSwap]) -> Swapped:
        """Change all of these locks, or none."""

    def begin(self, run: str) -> None:
        """This process is that run: others in this clone can see whether it is alive."""

    def end(self, run: str) -> None:
        """That run is over."""


class Archives(Protocol):
    """Archives made from Git objects."""

    def archive(self, artifact: Artifact) -> Iterator[bytes]:
        """The tar of an artifact, in pieces, the same bytes every time."""


class FailureStore(Protocol):
    """Keeps what is known of failures, for people."""

    def keep(
        self, model: str, environment: str, what: str, files: Mapping[str, str]
    ) -> KeptFailure:
        """Keep texts by their file names in a folder of their own.

        Raises ``RepositoryError`` where that cannot be done.
        """
