"""What one apply is given: its ports, its pace, who runs it, and what was allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from gitops.apply.clock import StopFlag
from gitops.apply.leases import Lease, LeasedClock, Leases
from gitops.apply.outage import Outage, PatientReader
from gitops.apply.pace import Pace
from gitops.apply.ports import (
    Archives,
    Clock,
    DeployLog,
    FailureStore,
    LiveReader,
    LiveWriter,
    Prober,
    ReleaseTags,
)
from gitops.decide.situation import Asked, Options
from gitops.plan.events import ApplyEvent
from gitops.plan.model import Plan
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.live import InstanceType
from gitops.verify.shot import Judge, judge_all

Emit = Callable[[ApplyEvent], None]


class FactSource(Protocol):
    """Facts that Git's history holds; the pipeline walks it."""

    def asked(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> tuple[Asked, ...]:
        """What Git asked for in this environment since its oldest hold, oldest first."""

    def superseded(
        self, model: DesiredModel, environment: DesiredEnvironment, history: ModelHistory
    ) -> bool:
        """Whether the applied commit is older than the last one applied here."""

    def formerly(self, model: DesiredModel) -> str | None:
        """Another model, managed no more, that this model's release file named before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The outside. ``clock`` must raise ``Interrupted`` in ``sleep`` once the stop flag is set.

    ``failures`` None: nothing is kept of failures. ``tags`` None: releases are not tagged.
    ``judge`` judges answers of checks.
    """

    reader: LiveReader
    writer: LiveWriter
    prober: Prober
    log: DeployLog
    archives: Archives
    clock: Clock
    failures: FailureStore | None = None
    tags: ReleaseTags | None = None
    judge: Judge = judge_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One apply.

    ``commit`` is the applied commit, ``branch`` the deploy branch where the commit is on it.
    ``by`` and ``where`` say who runs it and on which machine, ``id`` names the run. ``options``
    maps ``MODEL/ENV`` to what was allowed there, ``default_options`` is for all others.
    ``environments`` limits the run to those names, None: all; ``only_back`` ends it where a release
    was taken back, whatever Git asks for next. ``planned`` is how many actions the
    plan lists, ``plan`` the plan itself where there is one. ``leases`` are the locks of all its
    models, None: nothing is locked; ``lease`` is the one of the model that is worked on, ``outage``
    how that model's run meets an API that is gone. ``secrets`` are names by team, where they are
    known; ``default_team`` is the one of a model that is not there yet and names none.
    """

    ports: Ports
    facts: FactSource
    emit: Emit
    commit: str
    api_url: str
    workspace: str | None = None
    dirty: bool = False
    branch: str | None = None
    by: str = ""
    where: str = ""
    id: str = ""
    remote: str = "origin"
    pace: Pace = field(default_factory=Pace)
    stop: StopFlag = field(default_factory=StopFlag)
    options: Mapping[str, Options] = field(default_factory=dict)
    default_options: Options = field(default_factory=Options)
    environments: frozenset[str] | None = None
    parallel: int = 4
    max_rollbacks: int = 3
    only_back: bool = False
    strict: bool = False
    planned: int = 0
    plan: Plan | None = None
    leases: Leases | None = None
    lease: Lease | None = None
    outage: Outage | None = None
    secrets: Mapping[str, frozenset[str]] | None = None
    default_team: str | None = None
    instance_types: Mapping[str, InstanceType] | None = None

    def under_lease(self, model: DesiredModel) -> Run:
        """The run as one model sees it: what writes asks its lock, who waits watches over it."""
        if self.leases is None or model.paused:
            return self
        lease, ports = Lease(self.leases, model.key), self.ports
        leased = replace(
            ports,
            clock=LeasedClock(ports.clock, lease),
            writer=ports.writer.under(lease.permit),
        )
        return replace(self, ports=leased, lease=lease)

    def patient(self) -> Run:
        """The run as one model sees it that is under way: it waits until Baseten answers again."""
        outage = Outage(self.ports.clock, self.pace)
        reader = PatientReader(self.ports.reader, outage)
        return replace(self, ports=replace(self.ports, reader=reader), outage=outage)

    def options_for(self, tag: str) -> Options:
        """What was allowed for one ``MODEL/ENV``."""
        return self.options.get(tag, self.default_options)
