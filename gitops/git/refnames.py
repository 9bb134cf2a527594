"""How a model's deploy log is called: ``refs/gitops/log/WORKSPACE/TEAM/MODEL``; and its lock.

Each segment is a name with every byte outside of ``[A-Za-z0-9_-]`` written ``%XX``, so that any
name Baseten allows can stand in a ref and be read back from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gitops.git.process import decoded, encoded
from gitops.state.live import Workspace

LOG: Final = "refs/gitops/log/"
"""The deploy log: on the remote, and what this clone knows of it."""
LOCK: Final = "refs/gitops/lock/"
"""The locks: on the remote, or in a clone that has none."""
ASIDE: Final = "refs/gitops/aside/log/"
"""Chains of entries that the remote's log has no place for; kept, never read."""

_OUTSIDE: Final = re.compile(rb"[^A-Za-z0-9_-]")


def segment(name: str) -> str:
    """A name as one segment of a ref."""
    return _OUTSIDE.sub(lambda byte: b"%%%02X" % byte[0][0], encoded(name)).decode("ascii")


def name_of(written: str) -> str:
    """The name that ``segment`` wrote."""
    return decoded(unquote_to_bytes(written))


def workspace_name(workspace: Workspace) -> str:
    """``NAME@HOST``, for the first segment; the host alone where the workspace has no name."""
    return f"{workspace.name}@{workspace.host}" if workspace.name else workspace.host


def mirror(remote: str) -> str:
    """Where this clone keeps what it last saw below ``refs/`` of a remote: exactly that, pruned."""
    return f"refs/gitops/remotes/{segment(remote)}/"


def lock_refspec(remote: str, workspace: str | None = None) -> str:
    """The one pattern that fetches all locks of a workspace (a segment), or of every one."""
    scope = f"{workspace}/" if workspace else ""
    return f"+{LOCK}{scope}*:{mirror(remote)}lock/{scope}*"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogName:
    """Whose log, or lock, a ref holds. ``workspace`` is ``NAME@HOST``, or the host alone."""

    workspace: str
    team: str
    model: str

    @property
    def path(self) -> str:
        """The part of the ref below ``refs/gitops/log/``, or ``refs/gitops/lock/``."""
        return "/".join(segment(name) for name in (self.workspace, self.team, self.model))

    @classmethod
    def read(cls, path: str) -> LogName | None:
        """The names in a ref's path below ``refs/gitops/log/``; None for any other shape."""
        parts = path.split("/")
        if len(parts) != 3:
            return None
        workspace, team, model = (name_of(part) for part in parts)
        return cls(workspace=workspace, team=team, model=model)
