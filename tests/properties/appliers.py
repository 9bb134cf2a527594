"""Appliers that are wrong on purpose: the real one with a single collaborator exchanged."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gitops.errors import GitopsError
from gitops.record.entry import Event
from tests.controls.appliers import Log, RepeatsLostPushes, Writer
from tests.properties.hands import KEY

if TYPE_CHECKING:
    from gitops.apply.run import Ports
    from gitops.record.entry import Entry
    from tests.properties.stage import Wrap


class StopsFirst(Writer):
    """Frees the replicas before it promotes."""

    def promote(self, model_id: str, environment: str, deployment_id: str, **more: Any) -> Any:
        path = f"/v1/models/{model_id}/environments/{environment}/deactivate"
        # In a first release nothing serves yet.
        with suppress(GitopsError):
            self.inner._transport.write("POST", path)
        return self.inner.promote(model_id, environment, deployment_id, **more)


class SignsWithTheKey(Log):
    """Says with which key an artifact was found to be bad."""

    def before(self, entry: Entry) -> Entry:
        if entry.event in {Event.REJECTED, Event.ROLLED_BACK}:
            return replace(entry, reason=f"{entry.reason} (as {KEY})")
        return entry


class ClosesNothing(Log):
    """Forgets which intent a result belongs to."""

    def before(self, entry: Entry) -> Entry:
        return replace(entry, intent=None) if entry.event is Event.RELEASED else entry


class TidiesUp(Log):
    """Deletes what was found to be bad."""

    def __init__(self, inner: Any, ports: Ports) -> None:
        super().__init__(inner)
        self.ports = ports

    def after(self, entry: Entry) -> Entry:
        if entry.event in {Event.REJECTED, Event.ROLLED_BACK} and entry.to is not None:
            path = f"/v1/models/{entry.model_id}/deployments/{entry.to.deployment_id}"
            self.ports.writer._transport.write("DELETE", path)  # type: ignore[attr-defined]
        return entry


WRONG: Final[dict[str, tuple[Wrap, str]]] = {
    "pushes again after a lost answer": (
        lambda ports: replace(ports, writer=RepeatsLostPushes(ports.writer)),
        "twice",
    ),
    "stops what serves before it promotes": (
        lambda ports: replace(ports, writer=StopsFirst(ports.writer)),
        "serves",
    ),
    "deletes what is bad": (
        lambda ports: replace(ports, log=TidiesUp(ports.log, ports)),
        "deletes",
    ),
    "signs with the key": (lambda ports: replace(ports, log=SignsWithTheKey(ports.log)), "key"),
    "leaves its intents open": (
        lambda ports: replace(ports, log=ClosesNothing(ports.log)),
        "converges",
    ),
}
"""Each with the property that it breaks."""
