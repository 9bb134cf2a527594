"""What Git wants an environment to serve, as something that deployments and log sides can match."""

from __future__ import annotations

from dataclasses import dataclass

from gitops.decide.facts import Fact, Unread
from gitops.record.entry import Side
from gitops.record.history import ModelHistory
from gitops.state.desired import DesiredEnvironment
from gitops.state.live import LiveModel
from gitops.state.recognise import Recognised, is_copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An artifact by its ``digest``, or a deployment that somebody else pushes by ``reference``.

    ``source`` is the name of the deployment that ``reference`` gives the id of, where known: the
    copies that promotions make of it carry that name.
    """

    digest: str | None = None
    reference: str | None = None
    source: str | None = None

    @classmethod
    def of(
        cls, environment: DesiredEnvironment, live: LiveModel | None, history: ModelHistory
    ) -> Wanted:
        """What Git asks for in an environment.

        Raises ``Unread`` where only the list of deployments can tell what a reference stands for.
        """
        if environment.artifact is not None:
            return cls(digest=environment.artifact.digest)
        reference = environment.deployment or ""
        source = _source(reference, environment.name, live, history) if live is not None else None
        return cls(reference=reference, source=source)

    def is_served_by(self, found: Recognised | None) -> bool:
        """Whether a live deployment is what is wanted."""
        return found is not None and self._matches(
            found.deployment.id, found.deployment.name, found.digest
        )

    def is_side(self, side: Side | None) -> bool:
        """Whether one side of a log entry is what is wanted."""
        return side is not None and self._matches(
            side.deployment_id, side.deployment_name, side.digest
        )

    def _matches(self, deployment_id: str, name: str | None, digest: str | None) -> bool:
        if self.reference is None:
            return digest is not None and digest == self.digest
        if deployment_id == self.reference:
            return True
        names = (self.reference, self.source)
        return name is not None and any(
            each is not None and (name == each or is_copy(name, each)) for each in names
        )


def _source(reference: str, environment: str, live: LiveModel, history: ModelHistory) -> str | None:
    """The name of the deployment that a reference gives: as Baseten has it, else as it was seen."""
    attached = (
        found
        for each in live.environments
        for found in (each.current, each.candidate)
        if found is not None
    )
    for each in (*attached, *(live.deployments or ())):
        if reference in {each.id, each.name}:
            return each.name
    if reference in history.names:
        return history.names[reference]
    here = live.environment(environment)
    if live.deployments is None and here is not None and (here.current or here.candidate):
        # What serves may be a copy of it, which only the source's name can tell.
        raise Unread(Fact.DEPLOYMENTS)
    return None
