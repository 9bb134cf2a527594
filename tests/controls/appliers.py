"""Appliers that are wrong on purpose: the real one with a single collaborator exchanged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import httpx

from gitops.apply.ports import LiveReader, Permit
from gitops.apply.run import Ports
from gitops.baseten.endpoint import Endpoint
from gitops.errors import ResponseLost
from gitops.record.entry import Entry, Event
from gitops.record.lock import LockSwap, SeenLock, Swapped
from gitops.state.artifact import Artifact
from gitops.state.json import Json
from gitops.state.live import Deployment
from gitops.state.names import ModelKey
from gitops.verify.observation import Answer, Window
from tests.patience import HANGS

COMING_UP = frozenset({"BUILDING", "DEPLOYING", "LOADING_MODEL"})


class Exchanged:
    """Everything as the real collaborator does it, but for what a subclass defines."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class TakesBuildingForReady(Exchanged):
    """A reader that does not wait: what comes up counts as up."""

    def deployment(self, model_id: str, deployment_id: str) -> Deployment | None:
        found = self.inner.deployment(model_id, deployment_id)
        return None if found is None else _hurried(found)

    def deployments(self, model_id: str) -> tuple[Deployment, ...]:
        return tuple(_hurried(each) for each in self.inner.deployments(model_id))


def _hurried(found: Deployment) -> Deployment:
    return replace(found, status="ACTIVE") if found.status in COMING_UP else found


class Writer(Exchanged):
    """A writer that stays wrong under a lock."""

    def under(self, permit: Permit) -> Writer:
        return type(self)(self.inner.under(permit))


class RepeatsLostPushes(Writer):
    """A writer that takes a lost answer for a failed push, and pushes again."""

    def push(
        self,
        key: ModelKey,
        model_id: str | None,
        artifact: Artifact,
        *,
        name: str,
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        try:
            pushed = self.inner.push(key, model_id, artifact, name=name, archive=archive)
        except ResponseLost:
            again = f"{name}-again"
            pushed = self.inner.push(key, model_id, artifact, name=again, archive=archive)
        assert isinstance(pushed, Deployment)
        return pushed


class Log(Exchanged):
    """A log that changes entries on their way, or does something along with them."""

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        return self.after(self.inner.append(key, self.before(entry)))

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        return self.after(self.inner.keep(key, self.before(entry)))

    def before(self, entry: Entry) -> Entry:
        return entry

    def after(self, entry: Entry) -> Entry:
        return entry


class DeletesWhatIsBad(Log):
    """A log that cleans up: what is recorded as bad is deleted."""

    def __init__(self, inner: Any, endpoint: Endpoint) -> None:
        super().__init__(inner)
        self.endpoint = endpoint

    def after(self, entry: Entry) -> Entry:
        if entry.event in {Event.REJECTED, Event.ROLLED_BACK} and entry.to is not None:
            httpx.delete(
                f"{self.endpoint.api_url}/v1/models/{entry.model_id}"
                f"/deployments/{entry.to.deployment_id}",
                headers={"Authorization": self.endpoint.api_key.header()},
                timeout=HANGS,
            ).raise_for_status()
        return entry


class StopsWhatServed(Exchanged):
    """A writer that tidies up too early: what served is stopped when its successor is promoted."""

    def __init__(self, inner: Any, reader: LiveReader) -> None:
        super().__init__(inner)
        self.reader = reader

    def under(self, permit: Permit) -> StopsWhatServed:
        return StopsWhatServed(self.inner.under(permit), self.reader)

    def promote(
        self, model_id: str, environment: str, deployment_id: str, **named: Any
    ) -> Deployment:
        live = self.reader.environment(model_id, environment)
        promoted = self.inner.promote(model_id, environment, deployment_id, **named)
        if live is not None and live.current is not None:
            self.inner.deactivate(model_id, live.current.id)
        assert isinstance(promoted, Deployment)
        return promoted


class ChecksNothing(Exchanged):
    """A prober that knows what the answer will be, and does not ask."""

    def send(self, model_id: str, deployment_id: str, path: str, body: Json, **_: Any) -> Answer:
        return Answer(status=200, seconds=0.01, body=json.dumps(body).encode())


class SeesNoErrors(Exchanged):
    """A reader of metrics that takes every answer for a good one."""

    def window(self, model_id: str, deployment_id: str, start: datetime, end: datetime) -> Window:
        found = self.inner.window(model_id, deployment_id, start, end)
        assert isinstance(found, Window)
        return replace(found, errors=None if found.errors is None else 0.0)


class LocksNothing(Exchanged):
    """Locks that nobody sees and everybody gets."""

    def seen(self, keys: Iterable[ModelKey]) -> dict[ModelKey, SeenLock]:
        return {key: SeenLock(id=None, lock=None) for key in keys}

    def swap(self, moves: Mapping[ModelKey, LockSwap]) -> Swapped:
        return Swapped(ids=dict.fromkeys(moves, "0" * 40))


Wrong = Callable[[Ports, Endpoint], Ports]


def promotes_before_ready(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, reader=TakesBuildingForReady(ports.reader))


def pushes_again(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, writer=RepeatsLostPushes(ports.writer))


def deletes_the_bad(ports: Ports, endpoint: Endpoint) -> Ports:
    return replace(ports, log=DeletesWhatIsBad(ports.log, endpoint))


def stops_what_served(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, writer=StopsWhatServed(ports.writer, ports.reader))


def checks_nothing(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, prober=ChecksNothing(ports.prober))


def sees_no_errors(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, reader=SeesNoErrors(ports.reader))
