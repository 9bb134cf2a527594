"""Appliers that are wrong on purpose: the real one with a single collaborator exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx

from gitops.apply.run import Ports
from gitops.baseten.endpoint import Endpoint
from gitops.errors import ResponseLost
from gitops.record.entry import Entry, Event
from gitops.state.artifact import Artifact
from gitops.state.live import Deployment
from gitops.state.names import ModelKey

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


class RepeatsLostPushes(Exchanged):
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


class DeletesWhatIsBad(Exchanged):
    """A log that cleans up: what is recorded as bad is deleted."""

    def __init__(self, inner: Any, endpoint: Endpoint) -> None:
        super().__init__(inner)
        self.endpoint = endpoint

    def append(self, key: ModelKey, entry: Entry) -> Entry:
        return self._cleaned(self.inner.append(key, entry))

    def keep(self, key: ModelKey, entry: Entry) -> Entry:
        return self._cleaned(self.inner.keep(key, entry))

    def _cleaned(self, entry: Entry) -> Entry:
        if entry.event in {Event.REJECTED, Event.ROLLED_BACK} and entry.to is not None:
            httpx.delete(
                f"{self.endpoint.api_url}/v1/models/{entry.model_id}"
                f"/deployments/{entry.to.deployment_id}",
                headers={"Authorization": self.endpoint.api_key.header()},
            ).raise_for_status()
        return entry


Wrong = Callable[[Ports, Endpoint], Ports]


def promotes_before_ready(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, reader=TakesBuildingForReady(ports.reader))


def pushes_again(ports: Ports, _: Endpoint) -> Ports:
    return replace(ports, writer=RepeatsLostPushes(ports.writer))


def deletes_the_bad(ports: Ports, endpoint: Endpoint) -> Ports:
    return replace(ports, log=DeletesWhatIsBad(ports.log, endpoint))
