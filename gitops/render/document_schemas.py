"""The JSON Schemas of what commands print with ``--format json``, one function a document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def status() -> dict[str, Any]:
    """The schema of ``gitops status --format json``."""
    from gitops.render.documents import StatusReport

    return _whole(StatusReport, "How every environment is, as gitops tells it")


def diff() -> dict[str, Any]:
    """The schema of ``gitops diff --format json``."""
    from gitops.plan.release_diff import ReleaseDiff

    return _whole(ReleaseDiff, "What changes between two commits, in terms of releases")


def desired() -> dict[str, Any]:
    """The schema of ``gitops compile``."""
    from gitops.render.desired_document import OPTIONAL, DesiredReport

    return _whole(DesiredReport, "Desired state, as gitops compiles it", OPTIONAL)


def validation() -> dict[str, Any]:
    """The schema of ``gitops validate --format json``."""
    from gitops.render.documents import Validation

    return _whole(Validation, "What gitops has against release files")


def check() -> dict[str, Any]:
    """The schema of ``gitops check --format json``."""
    from gitops.render.documents import CheckReport

    return _whole(CheckReport, "How the checks of an environment went")


def imported() -> dict[str, Any]:
    """The schema of ``gitops import --format json``."""
    from gitops.render.documents import ImportReport

    return _whole(ImportReport, "What gitops imported")


def prune() -> dict[str, Any]:
    """The schema of ``gitops prune --format json``."""
    from gitops.render.documents import PruneReport

    return _whole(PruneReport, "What retention removes")


def logs() -> dict[str, Any]:
    """The schema of ``gitops log --format json``."""
    from gitops.render.documents import EntriesReport

    return _whole(EntriesReport, "The deploy log, as gitops prints it")


def standing() -> dict[str, Any]:
    """The schema of ``gitops log --at TIME --format json``."""
    from gitops.render.documents import StandingReport

    return _whole(StandingReport, "What served at a moment, as the deploy log says")


def _whole(
    kind: type, title: str, left_out: Mapping[str, frozenset[str]] | None = None
) -> dict[str, Any]:
    """``left_out``: the fields that a document may lack, by their shape."""
    from gitops.render.schemas import DIALECT, of

    _, definitions = of(kind)
    for name, optional in (left_out or {}).items():
        needed = definitions[name]["required"]
        definitions[name]["required"] = [each for each in needed if each not in optional]
    document = definitions.pop(kind.__name__)
    return {
        "$schema": DIALECT,
        "title": title,
        **document,
        "$defs": dict(sorted(definitions.items())),
    }
