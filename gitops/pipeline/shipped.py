"""Which source commits a plan ships: those on the way from what serves to what Git asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gitops.pipeline.project import Repository
from gitops.plan.actions import short
from gitops.plan.model import EnvironmentPlan, ModelPlan, Plan, Ships
from gitops.state.artifact import Artifact
from gitops.state.commit import CommitInfo
from gitops.state.desired import Desired

if TYPE_CHECKING:
    from gitops.pipeline.diff import Ways

MOST: Final = 10
"""So many commits of one environment are in a plan; `gitops diff` has them all."""

_LONGEST: Final = 200
"""Characters of a subject, or of a name, that a plan holds."""

_OF_OTHERS: Final = "what serves does not say from which commit it was built"
_CUT_OFF: Final = "this clone is shallow, and lacks the way from one to the other"

_MOVES: Final = frozenset({"push", "promote", "follow"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """An environment that gets another artifact, and the same truss at the commit that serves."""

    model: str
    environment: str
    before: Artifact
    after: Artifact


def with_sources(plan: Plan, desired: Desired, repository: Repository) -> Plan:
    """The plan with what ships, or why that is not known: this clone may lack one end of the way.

    Raises ``RepositoryError`` where the history cannot be read.
    """
    moving = list(_moving(plan))
    if not moving:
        return plan
    from gitops.pipeline.diff import Ways

    artifacts = {
        (str(model.key), environment.name): environment.artifact
        for model in desired.models
        for environment in model.environments
        if environment.artifact is not None
    }
    found: dict[tuple[str, str], Ships] = {}
    ways: list[_Way] = []
    for model, environment in moving:
        place = (model.name, environment.environment)
        artifact = artifacts.get(place)
        if artifact is None:
            continue
        serving = environment.serving
        if serving is None:
            info = repository.info(artifact.commit)
            if info is not None:
                found[place] = Ships(direction="forward", commits=(_cut(info),))
        elif not serving.commit:
            found[place] = Ships(unknown=_OF_OTHERS)
        elif not repository.exists(serving.commit):
            found[place] = Ships(unknown=f"commit {short(serving.commit)} is not in this clone")
        else:
            before = replace(artifact, commit=serving.commit)
            ways.append(_Way(model=place[0], environment=place[1], before=before, after=artifact))
    between = Ways(repository)
    between.expect([(each.before, each.after) for each in ways])
    for way in ways:
        ships = _ships(way, between)
        if ships.direction == "elsewhere" and repository.is_shallow():
            ships = Ships(unknown=_CUT_OFF)
        found[way.model, way.environment] = ships
    return replace(plan, models=tuple(_with(model, found) for model in plan.models))


def _moving(plan: Plan) -> Iterator[tuple[ModelPlan, EnvironmentPlan]]:
    for model in plan.models:
        for environment in model.environments:
            if environment.state in _MOVES:
                yield model, environment


def _ships(way: _Way, between: Ways) -> Ships:
    direction = between.direction(way.before.commit, way.after.commit)
    found = between.between(way.before, way.after, direction)
    commits = found.commits
    return Ships(
        direction=direction,
        commits=tuple(map(_cut, commits[:MOST])),
        more=max(0, len(commits) - MOST),
        cancelled=len(found.cancelled),
    )


def _cut(info: CommitInfo) -> CommitInfo:
    return replace(info, subject=info.subject[:_LONGEST], author=info.author[:_LONGEST])


def _with(model: ModelPlan, found: dict[tuple[str, str], Ships]) -> ModelPlan:
    environments = tuple(
        replace(each, ships=found.get((model.name, each.environment)))
        for each in model.environments
    )
    return replace(model, environments=environments)
