"""The digest: one hash over paths, modes and blob ids, in a form that cannot be read two ways."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

from gitops.state.artifact import ArchiveEntry

MARKER: Final = b"gitops artifact 1\n"
"""Names the canonical form; another form gets another number, so that digests never mix."""


def digest(entries: Iterable[ArchiveEntry], rebuild: str | None) -> str:
    """64 hex digits. The order of ``entries`` does not matter; paths are unique.

    Every text is preceded by its length in bytes. A rebuild of None and an empty one differ.
    """
    found = hashlib.sha256(MARKER)
    if rebuild is None:
        found.update(b"rebuild -\n")
    else:
        text = rebuild.encode("utf-8", "surrogateescape")
        found.update(b"rebuild %d %b\n" % (len(text), text))
    rows = sorted(
        (entry.path.encode("utf-8", "surrogateescape"), entry.mode, entry.oid) for entry in entries
    )
    for path, mode, oid in rows:
        found.update(b"%b %b %d %b\n" % (mode.encode(), oid.encode(), len(path), path))
    return found.hexdigest()
