"""What Git asked for in an environment at one commit of its history: cheap, and never an error."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any, cast

from gitops.decide.situation import Asked
from gitops.errors import RepositoryError
from gitops.pipeline.models import settings_of
from gitops.pipeline.pins import Pins
from gitops.pipeline.release_files import Configured, Settled, configuration, paths, settle
from gitops.pipeline.sources import Objects
from gitops.pipeline.trusses import Trusses
from gitops.release.finding import Finding
from gitops.state.differences import flatten
from gitops.state.identity.refusal import NoArtifact
from gitops.state.names import ModelKey
from gitops.yaml.document import read


def asked_at(
    objects: Objects,
    commit: str,
    key: ModelKey,
    environment: str,
    names: Collection[str] = (),
) -> Asked | None:
    """The artifact and the flat settings that a commit asked for in one environment.

    The model's file is found whatever it was called then, and the model itself by one of ``names``,
    which it had before. Without the model or the environment the
    digest is None: Git asked for nothing there. None where that commit's files are not valid or not
    in this clone, so that nothing can be said.
    """
    try:
        files = objects.at(commit)
        configured = configuration(files)
        if configured.problems:
            return None
        found = _find(objects, commit, key, configured, names)
    except RepositoryError:
        return None
    if isinstance(found, Unclear):
        return None
    if found is None or environment not in found.release.environments:
        return Asked(commit=commit, digest=None)
    entry = found.release.environments[environment]
    settings = flatten(settings_of(found.raw["environments"][environment]))
    allow: frozenset[str] = frozenset(entry.allow)
    if entry.commit is None or found.release.truss is None:
        return Asked(commit=commit, digest=None, settings=settings, allow=allow)
    pins = Pins(objects, commit, any_commit=configured.config.pins == "any")
    try:
        pinned = pins.resolve(entry.commit, ())
        if isinstance(pinned, Finding):
            return None
        artifact = _trusses(cast("Any", objects)).artifact(
            pinned, found.release.truss, found.release.rebuild
        )
    except (NoArtifact, RepositoryError):
        return None
    return Asked(commit=commit, digest=artifact.digest, settings=settings, allow=allow)


class Unclear:
    """The file that names the model cannot be read."""


def _find(
    objects: Objects,
    commit: str,
    key: ModelKey,
    configured: Configured,
    names: Collection[str],
) -> Settled | Unclear | None:
    files = objects.at(commit)
    wanted, _ = paths(files, configured.folder)
    # Only a file that holds the name can be the model's; escapes in YAML can spell it otherwise.
    spelt = {key.name.encode(), *(each.rpartition("/")[2].encode() for each in names)}
    before: Settled | Unclear | None = None
    for path, data in files.read_many(wanted).items():
        if b"\\" not in data and not any(name in data for name in spelt):
            continue
        settled, problems = settle(read(path, data), configured)
        broken = settled is None or any(each.severity == "error" for each in problems)
        if settled is None:
            return Unclear()
        named = ModelKey(settled.release.team, settled.release.model)
        if named == key:
            return Unclear() if broken else settled
        if str(named) in names:
            before = Unclear() if broken else settled
    return before


@lru_cache(maxsize=2)
def _trusses(objects: Any) -> Trusses:
    """Shared by the commits of one walk, which mostly hold the same trusses."""
    return Trusses(objects)
