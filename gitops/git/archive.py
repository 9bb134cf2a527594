"""An artifact as a tar stream: made from Git objects alone, and the same bytes in every clone."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import Final

from gitops.git.database import Database
from gitops.git.missing import explained
from gitops.git.objects import CHUNK, CatFile
from gitops.git.process import encoded
from gitops.git.repository import Repository
from gitops.state.artifact import ArchiveEntry, Artifact

_END: Final = bytes(2 * tarfile.BLOCKSIZE)


class Archives:
    """Archives of one repository's artifacts. Thread-safe: each archive reads by itself."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def archive(self, artifact: Artifact) -> Iterator[bytes]:
        """The tar of an artifact, in pieces of at most a quarter of a MiB.

        Plain ustar, with a PAX record where a path is long or not ASCII. Sorted by path, without
        owners, dates, directories or links; modes are 644 and 755. Raises ``RepositoryError``
        where a blob is not in this clone, before the first byte.
        """
        entries = sorted(artifact.entries, key=lambda entry: encoded(entry.path))
        place = artifact.commit, artifact.truss
        with explained(self._repository.database, *place):
            sizes = _sizes(self._repository.database, entries)
        return self._pieces(entries, sizes, place)

    def _pieces(
        self, entries: list[ArchiveEntry], sizes: dict[str, int], place: tuple[str, str]
    ) -> Iterator[bytes]:
        # A consumer uploads slowly and may stop anywhere: it gets a process of its own.
        blobs = CatFile(self._repository.git, "--batch")
        try:
            with explained(self._repository.database, *place):
                yield from _tar(entries, sizes, blobs)
        finally:
            blobs.close()


def _tar(entries: list[ArchiveEntry], sizes: dict[str, int], blobs: CatFile) -> Iterator[bytes]:
    # Many small files leave as few pieces: an upload pays for each.
    piece = bytearray()
    for entry in entries:
        size = sizes[entry.oid] if entry.content is None else len(entry.content)
        piece += _header(entry, size)
        content = blobs.stream(entry.oid) if entry.content is None else _cut(entry.content)
        for part in content:
            if piece and len(piece) + len(part) > CHUNK:
                yield bytes(piece)
                piece.clear()
            piece += part
        piece += bytes(-size % tarfile.BLOCKSIZE)
    piece += _END
    yield from _cut(bytes(piece))


def _header(entry: ArchiveEntry, size: int) -> bytes:
    header = tarfile.TarInfo(entry.path)
    header.size = size
    header.mode = 0o755 if entry.mode == "100755" else 0o644
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), CHUNK):
        yield content[start : start + CHUNK]


def _sizes(database: Database, entries: list[ArchiveEntry]) -> dict[str, int]:
    return database.sizes(entry.oid for entry in entries if entry.content is None)
