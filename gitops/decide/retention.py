"""Retention: what becomes of every deployment of one model.

A deployment goes only where the release file's ``retention`` asks for it, this repository pushed
it, and nothing needs it. Each rule that keeps one is a function of its own; the first that does
gives the reason. Who serves is never taken from a deployment's own words alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, Literal, TypeAlias

from gitops.decide.situation import Situation
from gitops.decide.target import existing
from gitops.decide.view import View, is_side
from gitops.record.entry import Side
from gitops.record.history import EnvironmentHistory, ModelHistory, same_artifact
from gitops.state.desired import DesiredEnvironment, DesiredModel, Retention
from gitops.state.health import Health
from gitops.state.live import Deployment, LiveEnvironment, LiveModel
from gitops.state.recognise import Identity, Recognised, choose, recognise

Action: TypeAlias = Literal["deactivate", "delete"]

AT_REST: Final = frozenset({Health.INACTIVE, Health.FAILED, Health.STOPPED})
"""Nothing of such a deployment runs, so there is nothing to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What becomes of a deployment, and why; ``action`` None: it stays.

    ``digest`` and ``commit`` are those of its artifact, None where it is not known.
    """

    deployment: Deployment
    action: Action | None
    reason: str
    digest: str | None = None
    commit: str | None = None


def fates(
    model: DesiredModel,
    live: LiveModel,
    history: ModelHistory,
    *,
    now: datetime,
    commits: Collection[str],
) -> tuple[Fate, ...]:
    """The fate of every deployment of a model, oldest first.

    ``live`` holds the list of its deployments, ``commits`` those that their labels name and this
    repository has. Without ``retention`` everything stays.
    """
    scene = _Scene(model=model, live=live, history=history, now=now, commits=frozenset(commits))
    return tuple(_fate(scene, each) for each in scene.recognised)


@dataclass(frozen=True)
class _Scene:
    model: DesiredModel
    live: LiveModel
    history: ModelHistory
    now: datetime
    commits: frozenset[str]

    @cached_property
    def known(self) -> Mapping[str, Identity]:
        return self.history.known

    @cached_property
    def recognised(self) -> tuple[Recognised, ...]:
        found = sorted(self.live.deployments or (), key=lambda it: (it.created_at, it.id))
        return tuple(recognise(each, logged=self.known, siblings=found) for each in found)

    @property
    def retention(self) -> Retention:
        return self.model.retention or Retention()

    @cached_property
    def current(self) -> dict[str, str]:
        """The environments that serve, by the id of what serves there."""
        return {
            each.current.id: each.name
            for each in self.live.environments
            if each.current is not None
        }

    @cached_property
    def logs(self) -> tuple[EnvironmentHistory, ...]:
        """The logs of the environments that Baseten has or Git names."""
        names = [each.name for each in self.live.environments]
        names += [each.name for each in self.model.environments]
        return tuple(map(self.history.environment, dict.fromkeys(name.lower() for name in names)))

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

    @cached_property
    def needed(self) -> dict[str, str]:
        """What an open promotion or a rollback would take: why, by deployment id."""
        found: dict[str, str] = {}
        for log in self.logs:
            serving = self._serving(self.live.environment(log.name))
            for side, why in self._needs(log, serving):
                for each in self._holding(side, log.name, serving):
                    found.setdefault(each.deployment.id, why)
        return found

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
    def _digests(self) -> frozenset[str]:
        return frozenset(each.digest for each in self.known.values())

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


def _fate(scene: _Scene, found: Recognised) -> Fate:
    reason = next((why for rule in KEEPS if (why := rule(scene, found)) is not None), None)
    return Fate(
        deployment=found.deployment,
        action=scene.retention.action if reason is None else None,
        reason=reason if reason is not None else _goes(scene, found.deployment),
        digest=found.digest,
        commit=found.commit,
    )


def _goes(scene: _Scene, deployment: Deployment) -> str:
    unused = f"not used for {words(scene.now - scene.last_use(deployment))}"
    keep = scene.retention.keep
    if not keep:
        return unused
    return f"{unused}, and not {'the newest' if keep == 1 else f'among the newest {keep}'}"


def _unasked(scene: _Scene, _: Recognised) -> str | None:
    asked = scene.model.retention
    nothing = asked is None or (asked.keep is None and asked.older_than is None)
    return "no retention asks for it to go" if nothing else None


def _serves(scene: _Scene, found: Recognised) -> str | None:
    where = scene.current.get(found.deployment.id)
    if where is None and found.deployment.is_production:
        where = "production"
    return f"serves {where}" if where is not None else None


def _candidate(scene: _Scene, found: Recognised) -> str | None:
    for each in scene.live.environments:
        if each.candidate is None:
            continue
        if each.candidate.id == found.deployment.id:
            return f"is the candidate of {each.name}"
        theirs = next(
            (it for it in scene.recognised if it.deployment.id == each.candidate.id), None
        )
        if theirs is not None and theirs.digest is not None and theirs.digest == found.digest:
            return f"the same files are on their way to {each.name}"
    return None


def _shadow(scene: _Scene, found: Recognised) -> str | None:
    return next(
        (
            f"a shadow rule of {each.name} sends requests there"
            for each in scene.live.environments
            if found.deployment.id in each.shadows
        ),
        None,
    )


def _attached(scene: _Scene, found: Recognised) -> str | None:
    name = found.deployment.environment
    there = scene.live.environment(name) if name is not None else None
    return f"attached to {there.name}" if there is not None else None


def _development(_: _Scene, found: Recognised) -> str | None:
    return "the development deployment" if found.deployment.is_development else None


def _foreign(scene: _Scene, found: Recognised) -> str | None:
    if found.conflict is not None:
        return found.conflict
    if scene.is_ours(found):
        return None
    if found.commit is not None:
        return f"built from commit {found.commit[:12]}, which is not in this clone"
    return "not pushed from this repository"


def _in_transition(_: _Scene, found: Recognised) -> str | None:
    if found.health is not Health.TRANSITION:
        return None
    return f"{found.deployment.status}: what is on its way somewhere is left alone"


def _asked_for(scene: _Scene, found: Recognised) -> str | None:
    return scene.asked_for.get(found.deployment.id)


def _needed(scene: _Scene, found: Recognised) -> str | None:
    return scene.needed.get(found.deployment.id)


def _among_newest(scene: _Scene, found: Recognised) -> str | None:
    if found.deployment.id not in scene.newest:
        return None
    keep = scene.retention.keep
    return "the newest" if keep == 1 else f"among the newest {keep}"


def _too_young(scene: _Scene, found: Recognised) -> str | None:
    if found.deployment.created_at.timestamp() <= 0:
        return "of an age that Baseten does not say"
    older_than = scene.retention.older_than
    age = scene.now - scene.last_use(found.deployment)
    if older_than is None or age > timedelta(seconds=older_than):
        return None
    return f"used {words(age)} ago" if age > timedelta(0) else "used just now"


def _stopped(scene: _Scene, found: Recognised) -> str | None:
    if scene.retention.action == "delete" or found.health not in AT_REST:
        return None
    return f"{found.deployment.status}, so nothing runs"


KEEPS: Final = (
    _development,
    _serves,
    _candidate,
    _shadow,
    _attached,
    _foreign,
    _in_transition,
    _asked_for,
    _needed,
    _unasked,
    _among_newest,
    _too_young,
    _stopped,
)
"""The rules that keep a deployment, in the order in which their reasons count."""


def words(span: timedelta) -> str:
    """A span in its largest whole unit: ``45d``, ``3h``."""
    seconds = max(int(span.total_seconds()), 0)
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
