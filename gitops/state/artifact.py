"""What would be uploaded for a truss at a commit, identified by Git's own object ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gitops.state.json import JsonObject

DEPLOYMENT_NAME_PREFIX: Final = "git-"
DEPLOYMENT_NAME_DIGITS: Final = 40
LABEL_DIGEST: Final = "gitops.digest"
LABEL_COMMIT: Final = "gitops.commit"
LABEL_TRUSS: Final = "gitops.truss"


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEntry:
    """One entry of a Git tree: ``mode`` as Git writes it (``100644``), ``path`` from its root.

    ``path`` is the raw path decoded as UTF-8 with ``surrogateescape``. ``kind`` is ``blob``,
    ``tree`` or ``commit`` (a submodule). ``size`` in bytes, blobs only, None where not asked for.
    """

    mode: str
    kind: str
    oid: str
    path: str
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEntry:
    """One file of the archive: where it lands, its mode, and the blob that holds its content.

    ``content`` replaces the blob where the archived bytes differ from it (config.yaml after
    ``external_package_dirs`` was taken out of it); then ``oid`` is still the blob it came from.
    """

    path: str
    mode: str
    oid: str
    content: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """The content of one truss at one commit.

    ``digest`` is 64 hex digits over the sorted paths, modes and blob ids, with ``rebuild``.
    ``config`` is config.yaml parsed, after inlining; ``raw_config`` its text as committed.
    ``secrets`` are the secret names the truss asks for. ``mutable_inputs`` are sentences about
    what the files cannot pin (a base image behind a moving tag).
    """

    digest: str
    commit: str
    truss: str
    rebuild: str | None = None
    config: JsonObject = field(default_factory=dict)
    raw_config: str = ""
    secrets: tuple[str, ...] = ()
    mutable_inputs: tuple[str, ...] = ()
    entries: tuple[ArchiveEntry, ...] = field(default=(), repr=False)

    @property
    def deployment_name(self) -> str:
        """The name a first push of this artifact gives its deployment."""
        return DEPLOYMENT_NAME_PREFIX + self.digest[:DEPLOYMENT_NAME_DIGITS]

    @property
    def labels(self) -> dict[str, str]:
        """Labels that a pushed deployment carries: printable ASCII without spaces."""
        return {LABEL_DIGEST: self.digest, LABEL_COMMIT: self.commit, LABEL_TRUSS: self.truss}
