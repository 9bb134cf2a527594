"""Keep the models a team serves on Baseten equal to what its Git repository says.

::

    project  = open_project(Path("."), os.environ)           # a Git repository
    checked  = validate_releases(project)                     # every problem of every release file
    desired  = desired_state(project)                         # what this commit says
    planned  = plan_changes(project, PlanRequest())           # what would change, and why
    outcome  = apply_changes(project, ApplyRequest(), ...)    # push, verify, promote, watch, undo

Everything is loaded when it is first used, so importing this costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gitops._version import __version__

if TYPE_CHECKING:
    from gitops.errors import GitopsError
    from gitops.pipeline.apply import ApplyRequest
    from gitops.pipeline.apply import apply as apply_changes
    from gitops.pipeline.plan import Planned, PlanRequest
    from gitops.pipeline.plan import plan as plan_changes
    from gitops.pipeline.project import Project, desired_state, validate_releases
    from gitops.pipeline.selection import Selection
    from gitops.wiring import open_project

_HOMES: Final = {
    "ApplyRequest": ("gitops.pipeline.apply", "ApplyRequest"),
    "GitopsError": ("gitops.errors", "GitopsError"),
    "PlanRequest": ("gitops.pipeline.plan", "PlanRequest"),
    "Planned": ("gitops.pipeline.plan", "Planned"),
    "Project": ("gitops.pipeline.project", "Project"),
    "Selection": ("gitops.pipeline.selection", "Selection"),
    "apply_changes": ("gitops.pipeline.apply", "apply"),
    "desired_state": ("gitops.pipeline.project", "desired_state"),
    "open_project": ("gitops.wiring", "open_project"),
    "plan_changes": ("gitops.pipeline.plan", "plan"),
    "validate_releases": ("gitops.pipeline.project", "validate_releases"),
}
"""Where each public name is made; ``gitops.plan`` and ``gitops.apply`` are rooms, not verbs."""

__all__ = [
    "ApplyRequest",
    "GitopsError",
    "PlanRequest",
    "Planned",
    "Project",
    "Selection",
    "__version__",
    "apply_changes",
    "desired_state",
    "open_project",
    "plan_changes",
    "validate_releases",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
