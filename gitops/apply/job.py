"""One environment of one model under way: what its steps share, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from gitops.apply.clock import Jumps
from gitops.apply.learning import Learning
from gitops.apply.observe import ModelView
from gitops.apply.run import Ports, Run
from gitops.decide.decision import Decision
from gitops.decide.situation import Evidence, Options
from gitops.decide.steps import Push, Step
from gitops.plan.actions import ActionKind, action_id, kind_of
from gitops.plan.events import (
    ActionFinished,
    ActionProgress,
    ActionStarted,
    Failure,
    Result,
)
from gitops.record.entry import Side
from gitops.record.history import EnvironmentHistory
from gitops.render.failures import Facts, FailureKind, describe
from gitops.state.desired import DesiredEnvironment
from gitops.state.json import Json, JsonObject
from gitops.state.live import Deployment, LiveEnvironment
from gitops.state.settings import Change

Listed: TypeAlias = Literal[
    "converged", "failed", "rolled_back", "rejected", "blocked", "held", "running", "superseded"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """This environment goes no further in this run. ``failure`` None: nothing to complain about."""

    exit_code: int
    listed: Listed
    failure: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    id: str
    kind: ActionKind
    environment: str | None
    since: float


@dataclass(slots=True, kw_only=True)
class Job:
    """What the steps of one environment share. Used by one thread.

    ``ended`` collects what went wrong without ending the environment (a rollback that worked);
    ``promoted`` is when the promotion that is watched ended, where this run saw it end, and
    ``moved`` when it was first seen with traffic;
    ``going_back`` while a release is rolled back;
    ``jumps`` watches the clock that gave these times;
    ``waiting_since`` (monotonic) when the waiting that goes on began; ``no_figures`` is why figures
    could not be read, as it was told last.
    """

    run: Run
    view: ModelView
    desired: DesiredEnvironment
    learn: Learning = field(default_factory=Learning)
    decision: Decision | None = None
    ended: list[Ended] = field(default_factory=list)
    promoted: datetime | None = None
    moved: datetime | None = None
    figures: dict[str, Json] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    open: _Open | None = None
    going_back: bool = False
    jumps: Jumps | None = None
    waiting_since: float | None = None
    no_figures: str = ""

    def __post_init__(self) -> None:
        """Whatever the reader has to say of an outage is said here."""
        if self.run.outage is not None:
            self.run.outage.tell = self.say

    @property
    def evidence(self) -> Evidence:
        """What this run has learned about the environment."""
        return self.learn.evidence

    @property
    def ports(self) -> Ports:
        """The outside."""
        return self.run.ports

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.desired.name

    @property
    def model(self) -> str:
        """The model as events and options name it."""
        return str(self.view.desired.key)

    @property
    def tag(self) -> str:
        """``MODEL/ENV``."""
        return f"{self.model}/{self.name}"

    @property
    def options(self) -> Options:
        """What was allowed here."""
        return self.run.options_for(self.tag)

    @property
    def live(self) -> LiveEnvironment | None:
        """The environment as last read."""
        return self.view.environment(self.name)

    @property
    def history(self) -> EnvironmentHistory:
        """The environment's part of the log."""
        return self.view.history.environment(self.name)

    def now(self) -> datetime:
        """The time in UTC."""
        return self.ports.clock.now()

    @property
    def left_alone(self) -> tuple[Change, ...]:
        """Settings that the decision leaves as Baseten has them until somebody consents."""
        kept = self.decision.kept if self.decision is not None else None
        return kept.changes if kept is not None else ()

    def even_without_lease(self) -> AbstractContextManager[None]:
        """Within the block, writes go out also where the lock could not be renewed in time."""
        lease = self.run.lease
        return lease.even_if_it_ends() if lease is not None else nullcontext()

    # Events

    def started(self, step: Step) -> None:
        """Tell that a step begins; the steps of one action are told once."""
        action, kind = action_id(self.view.desired.key, self.name, step), kind_of(step)
        if action is None or kind is None:
            return
        if self.open is not None:
            if self.open.id == action:
                return
            self.finished("ok")
        environment = None if isinstance(step, Push) else self.name
        self.open = _Open(
            id=action, kind=kind, environment=environment, since=self.ports.clock.monotonic()
        )
        self.run.emit(
            ActionStarted(
                time=self.now(),
                model=self.model,
                environment=environment,
                action=action,
                kind=kind,
                reason=self.decision.reason if self.decision else "",
            )
        )

    def progress(
        self,
        message: str,
        *,
        status: str | None = None,
        percent: int | None = None,
        old: Deployment | None = None,
        new: Deployment | None = None,
    ) -> None:
        """Tell that something moved in the step that is under way.

        ``old`` is what served before the release and ``new`` what it brings, as just read.
        """
        if self.open is None:
            return
        self.run.emit(
            ActionProgress(
                time=self.now(),
                model=self.model,
                environment=self.open.environment,
                action=self.open.id,
                kind=self.open.kind,
                message=message,
                status=status,
                percent=percent,
                replicas_old=old.active_replicas if old is not None else None,
                replicas_new=new.active_replicas if new is not None else None,
            )
        )

    def say(self, message: str) -> None:
        """Tell of something that belongs to no action, as if it were part of the watch."""
        self.run.emit(
            ActionProgress(
                time=self.now(),
                model=self.model,
                environment=self.name,
                action=f"{self.tag}/watch",
                kind="watch",
                message=message,
            )
        )

    def finished(
        self,
        result: Result,
        *,
        message: str = "",
        deployment_id: str | None = None,
        figures: JsonObject | None = None,
        failure: Failure | None = None,
    ) -> None:
        """Tell that the step under way ended."""
        if self.open is None:
            return
        done, self.open = self.open, None
        self.run.emit(
            ActionFinished(
                time=self.now(),
                model=self.model,
                environment=done.environment,
                action=done.id,
                kind=done.kind,
                result=result,
                message=message,
                seconds=round(self.ports.clock.monotonic() - done.since, 3),
                deployment_id=deployment_id,
                figures=figures or {},
                failure=failure,
            )
        )

    def passed_over(self, kind: ActionKind, message: str) -> None:
        """Tell that an action was not begun, and why."""
        self.run.emit(
            ActionFinished(
                time=self.now(),
                model=self.model,
                environment=self.name,
                action=f"{self.tag}/{kind}",
                kind=kind,
                result="skipped",
                message=message,
            )
        )

    # Sentences

    def side(self, deployment: Deployment | None) -> Side | None:
        """A deployment as one side of a release: what labels, log and desired state say of it."""
        if deployment is None:
            return None
        from gitops.state.recognise import recognise

        known = self.view.history.known
        siblings = [*(self.view.live.deployments or ())] if self.view.live else []
        siblings += [
            each
            for other in (self.view.live.environments if self.view.live else ())
            for each in (other.current, other.candidate)
            if each is not None
        ]
        found = recognise(deployment, logged=known, siblings=siblings)
        return Side(
            deployment_id=deployment.id,
            deployment_name=deployment.name,
            digest=found.digest,
            commit=found.commit,
        )

    def failure(
        self,
        kind: FailureKind,
        *,
        candidate: Side | Deployment | None = None,
        of_push: bool = False,
        **facts: object,
    ) -> Failure:
        """The three sentences of a failure, with what serves as last read, or read anew."""
        self.view.look_again(self.name)
        looks = self.view.looks
        current = self.live.current if self.live is not None else None
        late = kind is FailureKind.API_UNAVAILABLE or looks.is_unanswered
        values: dict[str, object] = {
            "model": self.model,
            "environment": None if of_push else self.name,
            "candidate": self.side(candidate) if isinstance(candidate, Deployment) else candidate,
            "serving": self.side(current),
            "serving_status": current.status if current is not None else None,
            "serving_known": self.view.looked,
            "answered": looks.at if late or looks.is_old else None,
            "unanswered": late,
            "remote": self.run.remote,
            **facts,
        }
        return describe(kind, Facts(**values))  # type: ignore[arg-type]  # checked by the constructor


StepFunction: TypeAlias = Callable[[Job, Step], "Ended | None"]
