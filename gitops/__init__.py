"""Keep the models a team serves on Baseten equal to what its Git repository says.

::

    project  = open_project(Path("."), os.environ)      # a Git repository
    problems = validate(project)                         # every problem of every release file
    desired  = desired_state(project)                    # what this commit says
    planned  = plan(project, PlanRequest())              # what would change, and why
    outcome  = apply(project, ApplyRequest(), emit=print)  # push, verify, promote, watch, undo

Everything is loaded when it is first used, so importing this costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from gitops._version import __version__

if TYPE_CHECKING:
    from gitops.errors import GitopsError
    from gitops.pipeline.apply import ApplyRequest, apply
    from gitops.pipeline.plan import Planned, PlanRequest, plan
    from gitops.pipeline.project import Project, desired_state
    from gitops.pipeline.selection import Selection
    from gitops.pipeline.validate import validate
    from gitops.wiring import open_project

_HOMES: Final = {
    "ApplyRequest": "gitops.pipeline.apply",
    "GitopsError": "gitops.errors",
    "PlanRequest": "gitops.pipeline.plan",
    "Planned": "gitops.pipeline.plan",
    "Project": "gitops.pipeline.project",
    "Selection": "gitops.pipeline.selection",
    "apply": "gitops.pipeline.apply",
    "desired_state": "gitops.pipeline.project",
    "open_project": "gitops.wiring",
    "plan": "gitops.pipeline.plan",
    "validate": "gitops.pipeline.validate",
}

__all__ = [
    "ApplyRequest",
    "GitopsError",
    "PlanRequest",
    "Planned",
    "Project",
    "Selection",
    "__version__",
    "apply",
    "desired_state",
    "open_project",
    "plan",
    "validate",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
