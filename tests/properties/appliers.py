"""Appliers that are wrong on purpose: the real one with a single collaborator exchanged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from gitops.errors import GitopsError, ResponseLost
from gitops.record.entry import Event
from tests.controls.appliers import Exchanged
from tests.properties.hands import KEY

if TYPE_CHECKING:
    from gitops.apply.ports import Permit
    from gitops.apply.run import Ports
    from gitops.record.entry import Entry
    from gitops.state.artifact import Artifact
    from gitops.state.live import Deployment
    from gitops.state.names import ModelKey
    from tests.properties.stage import Wrap


class Writer(Exchanged):
    """Stays wrong under a lock."""

    def under(self, permit: Permit) -> Writer:
        return type(self)(self.inner.under(permit))


class PushesAgain(Writer):
    """Takes a lost answer for a push that failed."""

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
            return self.inner.push(key, model_id, artifact, name=name, archive=archive)  # type: ignore[no-any-return]
        except ResponseLost:
            again = f"{name}-again"
            return self.inner.push(key, model_id, artifact, name=again, archive=archive)  # type: ignore[no-any-return]


class StopsFirst(Writer):
    """Frees the replicas before it promotes."""

    def promote(self, model_id: str, environment: str, deployment_id: str, **more: Any) -> Any:
        path = f"/v1/models/{model_id}/environments/{environment}/deactivate"
        # In a first release nothing serves yet.
        with suppress(GitopsError):
            self.inner._transport.write("POST", path)
        return self.inner.promote(model_id, environment, deployment_id, **more)


class Log(Exchanged):
    """A log that changes every entry on its way, or what is done along with it."""

    def append(self, key: ModelKey, entry: Entry) -> Any:
        return self.after(self.inner.append(key, self.before(entry)))

    def keep(self, key: ModelKey, entry: Entry) -> Any:
        return self.after(self.inner.keep(key, self.before(entry)))

    def before(self, entry: Entry) -> Entry:
        return entry

    def after(self, entry: Entry) -> Entry:
        return entry


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
        lambda ports: replace(ports, writer=PushesAgain(ports.writer)),
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
