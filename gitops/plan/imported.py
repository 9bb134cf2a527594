"""What an import wrote, what it could not write, and what a plan says right after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from gitops.state.commit import CommitInfo
from gitops.state.names import ModelKey

REFUSED: Final = 4
"""The exit code of what was asked for and cannot be done as things are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """The commit whose truss comes nearest to what is deployed, and how it differs.

    ``more``: so many differences are not among those that are listed.
    """

    commit: CommitInfo
    truss: str
    differs: tuple[str, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What an environment's entry asks for: a proved commit, or the deployment that serves.

    ``by`` says what proved it: ``label`` (this tool pushed it), ``log`` or ``files`` (every file is
    the same); None: not proved, and ``why`` says so, with what comes nearest. ``notes`` are
    sentences about what the comparison showed besides.
    """

    deployment_id: str
    deployment_name: str
    commit: CommitInfo | None = None
    truss: str | None = None
    rebuild: str | None = None
    digest: str | None = None
    by: Literal["label", "log", "files"] | None = None
    why: str | None = None
    near: Near | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedEnvironment:
    """One environment of a new release file. ``notes`` are sentences about what needs a person.

    ``paused``: it does not run, so its file says ``mode: pause``.
    """

    name: str
    pin: Pin
    notes: tuple[str, ...] = ()
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFile:
    """One new release file; ``path`` from the repository's root."""

    key: ModelKey
    path: str
    data: bytes = field(repr=False)
    environments: tuple[ImportedEnvironment, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A model that got no release file, and why; ``remedy`` is what to do about it.

    ``exit_code`` is what the command ends with because of it: 0 where nothing is missing.
    """

    model: str
    why: str
    remedy: str | None = None
    exit_code: int = REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """All that an import did, or with ``dry_run`` would do.

    ``left`` are what a plan of these files would still do or say, as sentences; None: no plan was
    made, which without the deploy log would say nothing. ``warnings`` are sentences for stderr.
    ``exit_code`` tells scripts whether a model was left out that serves, or that was named.
    """

    files: tuple[ImportedFile, ...]
    left_out: tuple[LeftOut, ...]
    dry_run: bool = False
    left: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    exit_code: int = 0
