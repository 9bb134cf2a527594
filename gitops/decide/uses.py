"""What each deployment of one model is used for: who serves it, asks for it, or may go back to it.

Who serves is never taken from a deployment's own words alone: the environments, the deploy log and
Git are asked, each for itself. ``gitops.decide.retention`` makes its rules of the answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from gitops.decide.sides import is_side
from gitops.decide.situation import Situation
from gitops.decide.target import existing
from gitops.decide.view import View
from gitops.record.entry import Side
from gitops.record.history import EnvironmentHistory, ModelHistory, same_artifact
from gitops.state.desired import DesiredEnvironment, DesiredModel, Retention
from gitops.state.live import Deployment, LiveEnvironment, LiveModel
from gitops.state.recognise import Identity, Recognised, choose, recognise


@dataclass(frozen=True)
class Uses:
    """One model's deployments, its release file, and what the deploy log says of them.

    ``live`` holds the list of the deployments. ``commits`` are those that their labels name and
    this repository has.
    """

    model: DesiredModel
    live: LiveModel
    history: ModelHistory
    now: datetime
    commits: frozenset[str]

    @cached_property
    def recognised(self) -> tuple[Recognised, ...]:
        """All of them, each with its artifact, oldest first."""
        found = sorted(self.live.deployments or (), key=lambda it: (it.created_at, it.id))
        return tuple(recognise(each, logged=self._known, siblings=found) for each in found)

    @property
    def retention(self) -> Retention:
        """What the release file asks for; nothing, where it says nothing."""
        return self.model.retention or Retention()

    @cached_property
    def current(self) -> dict[str, str]:
        """The environments that serve, by the id of what serves there."""
        return {
            each.current.id: each.name
            for each in self.live.environments
            if each.current is not None
        }

    # What Git asks for

    @cached_property
    def asked_for(self) -> dict[str, str]:
        """What Git asks for and no environment serves yet: why, by deployment id."""
        return {
            found.deployment.id: why
            for each in self.model.environments
            for found, why in self._asked_for(each)
        }

    def _asked_for(self, environment: DesiredEnvironment) -> Iterator[tuple[Recognised, str]]:
        view = View.of(
            Situation(
                model=self.model,
                environment=environment,
                applied_commit="",
                now=self.now,
                live=self.live,
                history=self.history,
            )
        )
        if view.serves:
            return
        held = {it.side.deployment_id for it in view.log.holds if view.wanted.is_side(it.side)}
        why = "held in" if held else "asked for by Git in"
        target = existing(view)
        taken = held | ({target.deployment.id} if target is not None else set())
        for each in view.recognised:
            named = view.wanted.reference is not None and view.wanted.is_served_by(each)
            if named or each.deployment.id in taken:
                yield each, f"{why} {environment.name}"

    # What a release that is under way, or a rollback, would take

    @cached_property
    def needed(self) -> dict[str, str]:
        """What the deploy log says may be needed again: why, by deployment id."""
        found: dict[str, str] = {}
        for log in self._logs:
            serving = self._serving(self.live.environment(log.name))
            for side, why in self._needs(log, serving):
                for each in self._holding(side, log.name, serving):
                    found.setdefault(each.deployment.id, why)
        return found

    @cached_property
    def _logs(self) -> tuple[EnvironmentHistory, ...]:
        """The logs of the environments that Baseten has or Git names."""
        names = [each.name for each in self.live.environments]
        names += [each.name for each in self.model.environments]
        return tuple(map(self.history.environment, dict.fromkeys(name.lower() for name in names)))

    def _needs(
        self, log: EnvironmentHistory, serving: Recognised | None
    ) -> Iterator[tuple[Side, str]]:
        intent = log.open_intent
        if intent is not None:
            yield intent.artifact, f"the deploy log has a release to {log.name} that has not ended"
            if intent.origin is not None:
                yield intent.origin, f"a release to {log.name} that has not ended goes back to it"
        if log.last_served is not None:
            yield log.last_served, f"the deploy log says that it serves {log.name}"
        for side in self._ways_back(log, serving):
            yield side, f"a rollback of {log.name} may go there"

    def _ways_back(self, log: EnvironmentHistory, serving: Recognised | None) -> Sequence[Side]:
        """What served an environment last with success, newest first; never none at all.

        What was rolled back there and is held counts as no way back, for a rollback passes it over.
        It stays with those that are newer than the last one that counts: somebody may name it.
        """
        most = max(self.retention.keep or 1, 1)
        distinct: list[Side] = []
        good = 0
        for span in reversed(log.served):
            if is_side(serving, span.side) or any(same_artifact(span.side, it) for it in distinct):
                continue
            distinct.append(span.side)
            good += not any(same_artifact(span.side, it.side) for it in log.holds)
            if good == most:
                break
        return distinct

    def _serving(self, here: LiveEnvironment | None) -> Recognised | None:
        if here is None or here.current is None:
            return None
        return next(
            (it for it in self.recognised if it.deployment.id == here.current.id),
            Recognised(deployment=here.current),
        )

    def _holding(
        self, side: Side, environment: str, serving: Recognised | None
    ) -> tuple[Recognised, ...]:
        """The deployment that a side names, or where that is gone the one that would replace it."""
        named = [it for it in self.recognised if it.deployment.id == side.deployment_id]
        if named or side.digest is None or is_side(serving, side):
            return tuple(named)
        alike = [it for it in self.recognised if it.digest == side.digest]
        instead = choose(alike, environment=environment)
        return (instead,) if instead is not None else ()

    # Whose it is, and since when nobody needs it

    @cached_property
    def newest(self) -> frozenset[str]:
        """Of this repository's deployments that serve nowhere, the newest that are to stay."""
        spare = [
            it.deployment.id
            for it in self.recognised
            if it.deployment.id not in self.current
            and not it.deployment.is_development
            and self.is_ours(it)
        ]
        keep = self.retention.keep or 0
        return frozenset(spare[-keep:] if keep else ())

    def is_ours(self, found: Recognised) -> bool:
        """Whether this repository's log knows the artifact, or it has the commit it was built from.

        A label alone says that this tool pushed it, perhaps from another repository.
        """
        if found.digest is None:
            return False
        return found.digest in self._digests or found.commit in self.commits

    @cached_property
    def _known(self) -> Mapping[str, Identity]:
        return self.history.known

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(each.digest for each in self._known.values())

    def last_use(self, deployment: Deployment) -> datetime:
        """When it was made, or when the deploy log last names it: what served is not old."""
        named = self._named.get(deployment.id, deployment.created_at)
        return max(deployment.created_at, named)

    @cached_property
    def _named(self) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        for entry in self.history.entries:
            for side in (entry.from_, entry.to):
                if side is not None:
                    before = found.get(side.deployment_id, entry.at)
                    found[side.deployment_id] = max(before, entry.at)
        return found
