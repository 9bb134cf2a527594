"""Baseten does not answer for a while: what is under way is not given up because of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from gitops.apply.pace import Pace
from gitops.apply.ports import Clock, LiveReader
from gitops.errors import Unavailable
from gitops.render.words import duration
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
from gitops.verify.observation import Window

T = TypeVar("T")


class Outage:
    """How one model's run meets an API that is gone: it looks again, for ``pace.outage`` seconds.

    ``tell`` hears of it, in sentences.
    """

    def __init__(self, clock: Clock, pace: Pace) -> None:
        self._clock = clock
        self._pace = pace
        self._patient = True
        self.tell: Callable[[str], None] = _unheard

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Within the block nothing is waited out."""
        self._patient = False
        try:
            yield
        finally:
            self._patient = True

    def waited_out(self, act: Callable[[], T]) -> T:
        """Do what only reads, or looks before it writes, until Baseten answers.

        Raises ``Unavailable`` where it does not in time.
        """
        begun: float | None = None
        for pause in self._pace.pauses():
            try:
                answer = act()
            except Unavailable as error:
                if not self._patient:
                    raise
                now = self._clock.monotonic()
                if begun is None:
                    begun = now
                    limit = duration(self._pace.outage)
                    self.tell(f"looking again for up to {limit}: {error.message}")
                elif now - begun >= self._pace.outage:
                    raise
            else:
                if begun is not None:
                    self.tell("Baseten answers again")
                return answer
            self._clock.sleep(pause)
        raise AssertionError("the pauses never end")


class PatientReader:
    """A reader that waits an outage out, where a decision needs the answer.

    Fulfils ``LiveReader``. Figures and logs are not waited for: without them, things go on.
    """

    def __init__(self, reader: LiveReader, outage: Outage) -> None:
        self._reader = reader
        self._outage = outage

    def workspace(self) -> Workspace:
        """As ``LiveReader`` says."""
        return self._reader.workspace()

    def live(
        self, keys: Sequence[ModelKey], *, prices: bool = False, secrets: bool = False
    ) -> Live:
        """As ``LiveReader`` says."""
        return self._reader.live(keys, prices=prices, secrets=secrets)

    def instance_types(self) -> Mapping[str, InstanceType] | None:
        """As ``LiveReader`` says."""
        return self._reader.instance_types()

    def model(self, key: ModelKey) -> LiveModel | None:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.model(key))

    def model_name(self, model_id: str) -> str | None:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.model_name(model_id))

    def environment(self, model_id: str, name: str) -> LiveEnvironment | None:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.environment(model_id, name))

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.deployments(model_id))

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.deployment(model_id, deployment_id))

    def audit(
        self, model_id: str, *, since: datetime | None = None
    ) -> tuple[AuditEntry, ...] | None:
        """As ``LiveReader`` says."""
        return self._outage.waited_out(lambda: self._reader.audit(model_id, since=since))

    def logs(
        self, model_id: str, deployment_id: str, *, since: datetime | None = None, limit: int = 20
    ) -> tuple[str, ...]:
        """As ``LiveReader`` says."""
        return self._reader.logs(model_id, deployment_id, since=since, limit=limit)

    def window(self, model_id: str, deployment_id: str, start: datetime, end: datetime) -> Window:
        """As ``LiveReader`` says."""
        return self._reader.window(model_id, deployment_id, start, end)


def _unheard(_: str) -> None:
    """Nobody listens."""
