"""Trusses with changes that are not committed, which no plan sees."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

from gitops.errors import RepositoryError
from gitops.pipeline.opened import Repository
from gitops.render.text import printable
from gitops.state.desired import DesiredModel
from gitops.wording import listed

_NAMED: Final = 3
"""So many trusses are named, and the others counted."""

_ASKED: Final = 100
"""Of more trusses Git is asked by the folders that they are in: it tries every file with each."""

_LEFT_BY_PYTHON: Final = "__pycache__"


def uncommitted(repository: Repository, models: Iterable[DesiredModel]) -> str | None:
    """One sentence about the trusses of these models that the working tree changes; else None.

    Git is asked once, and not at all without trusses or without a working tree. Where it cannot
    say, nothing is said: whatever is done goes by commits.
    """
    named = [(posixpath.normpath(model.truss), model) for model in models if model.truss]
    # The release file's own changes are read, and say nothing of a truss around it.
    trusses = {truss for truss, model in named if not _is_below(model.release_file, truss)}
    asked = trusses
    if len(trusses) > _ASKED:
        asked = {posixpath.dirname(truss) or truss for truss in trusses}
    try:
        changed = repository.dirty(sorted(asked))
    except RepositoryError:
        return None
    files = [path for path in changed if _LEFT_BY_PYTHON not in path.split("/")]
    found = sorted(truss for truss in trusses if any(_is_below(path, truss) for path in files))
    if not found:
        return None
    told = [printable(each) for each in found[:_NAMED]]
    if len(found) > _NAMED:
        told.append(f"{len(found) - _NAMED} more")
    verb = "has" if len(found) == 1 else "have"
    return f"{listed(told)} {verb} changes that are not committed: plans go by commits"


def _is_below(path: str, folder: str) -> bool:
    return folder in {".", path} or path.startswith(f"{folder}/")
