"""What Git wants an environment to serve, as something that deployments and log sides can match."""

from __future__ import annotations

from dataclasses import dataclass

from gitops.record.entry import Side
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
