"""What was uploaded for a deployment, file by file, named by the ids that Git would give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """One file; ``oid`` is empty for what is no file (a device, a link that leads nowhere).

    ``unix`` is what the id would be with Unix line ends, where it has others: it was uploaded from
    a Windows checkout then. None for files that have none, or are large.
    """

    oid: str
    executable: bool = False
    unix: str | None = None

    @property
    def likely(self) -> str:
        """The id that Git has, if it has the file at all."""
        return self.unix or self.oid


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """The files of a deployment by path, and the bytes of its config.yaml.

    ``lacking`` is None where these are all files; else a sentence that says why only config.yaml,
    or nothing, could be read.
    """

    files: Mapping[str, ArchivedFile]
    config: bytes | None = None
    lacking: str | None = None
