"""The one place that names the concrete edges and joins them to what the drivers need."""

from __future__ import annotations

from gitops.wiring.opening import (
    current_branch,
    open_lock_book,
    open_log_book,
    open_project,
    tree_search,
)
from gitops.wiring.outside import Outside, connect, deploy_branch
from gitops.wiring.surroundings import (
    api_host,
    look_at_baseten,
    open_diagnosis,
    open_forge,
    step_files,
)
from gitops.wiring.writing import (
    commit_files,
    create_file,
    git_changes,
    snapshot,
    start,
    write_file,
)

__all__ = [
    "Outside",
    "api_host",
    "commit_files",
    "connect",
    "create_file",
    "current_branch",
    "deploy_branch",
    "git_changes",
    "look_at_baseten",
    "open_diagnosis",
    "open_forge",
    "open_lock_book",
    "open_log_book",
    "open_project",
    "snapshot",
    "start",
    "step_files",
    "tree_search",
    "write_file",
]
