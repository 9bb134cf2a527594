"""What changes between two commits, in terms of releases: pins, settings, checks. Pure values.

Fields are those of the release file (``gitops.plan.release_fields``); durations are in seconds. A
commit id that changed while the files did not is no change of a release, except where somebody
moved a pin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, Literal, Protocol, TypeAlias

from gitops.plan.canonical import plain
from gitops.plan.release_fields import FieldDiff, by_path, field_diffs, flattened
from gitops.state.artifact import Artifact
from gitops.state.commit import Between, CommitInfo, Direction
from gitops.state.desired import Desired, DesiredEnvironment, DesiredModel, Limits
from gitops.state.json import Json
from gitops.state.names import ModelKey

FORMAT_VERSION: Final = "1"

Kind: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """A file of the artifact that differs; ``path`` as it lies in the archive."""

    path: str
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What an environment asks for. ``head``: it follows the applied commit."""

    commit: str
    digest: str
    head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What an environment asks for moves. A side is None where it asked for no artifact.

    ``commits`` are the source commits between the two that touch the truss, newest first: those
    that ship, or on the way back those that are taken out; ``cancelled`` are those that take each
    other back on the way. ``config`` are fields of config.yaml.
    """

    before: Pin | None
    after: Pin | None
    direction: Direction
    commits: tuple[CommitInfo, ...] = ()
    cancelled: tuple[CommitInfo, ...] = ()
    files: tuple[FileDiff, ...] = ()
    config: tuple[FieldDiff, ...] = ()

    @property
    def builds(self) -> bool:
        """Whether the files differ too, so that another artifact is asked for."""
        return self.after is not None and (
            self.before is None or self.before.digest != self.after.digest
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentDiff:
    """One environment that differs."""

    environment: str
    kind: Kind
    move: Move | None = None
    fields: tuple[FieldDiff, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiff:
    """One model that differs; ``release_file`` is the newer one."""

    model: str
    release_file: str
    kind: Kind
    fields: tuple[FieldDiff, ...] = ()
    environments: tuple[EnvironmentDiff, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """Everything that differs between two commits; ``models`` in the order of the release files.

    ``repository`` are fields of gitops.yaml that hold for all models at once.
    """

    format_version: str = FORMAT_VERSION
    base: str
    head: str
    managed: int
    models: tuple[ModelDiff, ...] = ()
    repository: tuple[FieldDiff, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything differs."""
        return bool(self.models or self.repository)


class Sources(Protocol):
    """What Git knows of the way from one commit to another."""

    def expect(self, pairs: Sequence[tuple[Artifact, Artifact]]) -> None:
        """All pairs, before and after, that will be asked about."""

    def direction(self, before: str, after: str) -> Direction:
        """Where ``after`` lies, seen from ``before``."""

    def between(self, before: Artifact, after: Artifact, direction: Direction) -> Between:
        """The commits between the two that touch the truss."""


# Fields that are told in another way than as a field that differs.
_ENVIRONMENT: Final = frozenset({"name", "artifact", "follows_head", "unsupported", "provenance"})
_MODEL: Final = frozenset({"key", "environments"})
# As tuples values are equal where they are the same, which those of two commits mostly are.
_of_environment: Final = attrgetter(
    *(each.name for each in fields(DesiredEnvironment) if each.name not in _ENVIRONMENT)
)
_of_model: Final = attrgetter(
    *(each.name for each in fields(DesiredModel) if each.name not in _MODEL)
)


def release_diff(before: Desired, after: Desired, sources: Sources) -> ReleaseDiff:
    """Compare two desired states."""
    old = {model.key: model for model in before.models}
    new = {model.key: model for model in after.models}
    sources.expect(list(_moved(old, new)))
    found = [_model(key, old.get(key), new.get(key), sources) for key in {**new, **old}]
    return ReleaseDiff(
        base=before.commit,
        head=after.commit,
        managed=len(new),
        models=tuple(sorted((each for each in found if each), key=lambda one: one.release_file)),
        repository=tuple(field_diffs(_of_repository(before), _of_repository(after))),
    )


def to_json(diff: ReleaseDiff) -> dict[str, Json]:
    """The document of ``gitops diff --format json``."""
    return {each.name: plain(getattr(diff, each.name)) for each in fields(diff)}


def _of_repository(desired: Desired) -> dict[str, Any]:
    """What gitops.yaml says of no model in particular, and what weakens a rule if it changes."""
    limits = {f"limits.{each.name}": getattr(desired.limits, each.name) for each in fields(Limits)}
    return {
        "branch": desired.branch,
        "remote": desired.remote,
        "pins": desired.pins,
        "deploy_log.tags": desired.log_tags,
        **limits,
    }


def _moved(
    old: Mapping[ModelKey, DesiredModel], new: Mapping[ModelKey, DesiredModel]
) -> Iterator[tuple[Artifact, Artifact]]:
    for key, model in new.items():
        mine = {each.name: each for each in old[key].environments} if key in old else {}
        for each in model.environments:
            before = mine.get(each.name)
            if before and before.artifact and each.artifact and _moves(before, each):
                yield before.artifact, each.artifact


def _model(
    key: ModelKey, old: DesiredModel | None, new: DesiredModel | None, sources: Sources
) -> ModelDiff | None:
    kind = _kind(old, new)
    before = {each.name: each for each in old.environments} if old else {}
    after = {each.name: each for each in new.environments} if new else {}
    environments = tuple(
        found
        for name in {**after, **before}
        if (found := _environment(name, before.get(name), after.get(name), sources)) is not None
    )
    differing: tuple[FieldDiff, ...] = ()
    if kind == "changed" and _of_model(old) != _of_model(new):
        differing = tuple(field_diffs(by_path(old, _MODEL), by_path(new, _MODEL)))
    if kind == "changed" and not environments and not differing:
        return None
    shown = new or old
    assert shown is not None
    return ModelDiff(
        model=str(key),
        release_file=shown.release_file,
        kind=kind,
        fields=differing,
        environments=environments,
    )


def _environment(
    name: str, old: DesiredEnvironment | None, new: DesiredEnvironment | None, sources: Sources
) -> EnvironmentDiff | None:
    kind = _kind(old, new)
    move = _move(old, new, sources)
    if kind == "changed" and _of_environment(old) == _of_environment(new):
        if move is None:
            return None
        return EnvironmentDiff(environment=name, kind=kind, move=move)
    apart = _check_names(old) ^ _check_names(new)
    before, after = by_path(old, _ENVIRONMENT, apart), by_path(new, _ENVIRONMENT, apart)
    if kind == "added":
        # Defaults are no news.
        after = {path: each for path, each in after.items() if new and _written(path, new)}
    differing = () if kind == "removed" else tuple(field_diffs(before, after))
    if kind == "changed" and move is None and not differing:
        return None
    return EnvironmentDiff(environment=name, kind=kind, move=move, fields=differing)


def _kind(old: object, new: object) -> Kind:
    return "changed" if old and new else "added" if new else "removed"


def _check_names(environment: DesiredEnvironment | None) -> frozenset[str]:
    return frozenset(each.name for each in environment.checks) if environment else frozenset()


def _written(path: str, new: DesiredEnvironment) -> bool:
    return any(path == key or path.startswith(f"{key}.") for key in new.provenance)


def _move(
    old: DesiredEnvironment | None, new: DesiredEnvironment | None, sources: Sources
) -> Move | None:
    before, after = old.artifact if old else None, new.artifact if new else None
    one, other = _pin(old), _pin(new)
    if not (old and new and before and after):
        if one is other:
            return None
        return Move(before=one, after=other, direction="forward")
    if not _moves(old, new):
        return None
    direction = sources.direction(before.commit, after.commit)
    between = sources.between(before, after, direction)
    return Move(
        before=one,
        after=other,
        direction=direction,
        commits=between.commits,
        cancelled=between.cancelled,
        files=tuple(_files(before, after)),
        config=tuple(field_diffs(flattened(before.config), flattened(after.config))),
    )


def _moves(old: DesiredEnvironment, new: DesiredEnvironment) -> bool:
    """Whether two artifacts differ, or are asked for in another way."""
    assert old.artifact is not None
    assert new.artifact is not None
    followed = old.follows_head and new.follows_head
    return (
        old.artifact.digest != new.artifact.digest
        or old.follows_head != new.follows_head
        or (old.artifact.commit != new.artifact.commit and not followed)
    )


def _pin(environment: DesiredEnvironment | None) -> Pin | None:
    artifact = environment.artifact if environment else None
    if environment is None or artifact is None:
        return None
    return Pin(commit=artifact.commit, digest=artifact.digest, head=environment.follows_head)


def _files(before: Artifact, after: Artifact) -> Iterator[FileDiff]:
    old = {each.path: (each.mode, each.content or each.oid) for each in before.entries}
    new = {each.path: (each.mode, each.content or each.oid) for each in after.entries}
    for path in sorted({*old, *new}):
        if path not in old:
            yield FileDiff(path=path, kind="added")
        elif path not in new:
            yield FileDiff(path=path, kind="removed")
        elif old[path] != new[path]:
            yield FileDiff(path=path, kind="changed")
