"""The archive of a deployment, downloaded and named file by file while it streams by.

Nothing is unpacked and nothing is kept but ids: an archive may hold gigabytes, or be made to harm
whoever unpacks it.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx

from gitops.address import is_loopback
from gitops.baseten.transport import Transport
from gitops.errors import AccessDenied, BasetenError, NotFound, RequestRefused
from gitops.pieces import pieces
from gitops.state.archived import CONFIG_FILE, Archived, ArchivedFile

MAX_BYTES: Final = 8 << 30
"""Of all files together; what Git keeps is far smaller."""
MAX_FILES: Final = 200_000
ATTEMPTS: Final = 3
_SMALL: Final = 1 << 20
"""Bytes of a file whose content is looked at: config.yaml, and whose line ends may differ."""
_CHUNK: Final = 1 << 18
_MAX_LINKS: Final = 16
_XZ_MEMORY: Final = 256 << 20
_HEADERS: Final = 4 << 20
"""Bytes that may stand between two files: long names, and what is read away with them."""
_LONGEST_DOWNLOAD: Final = 3600.0
"""Seconds, of one attempt."""
_BROKEN: Final = (
    *(tarfile.TarError, EOFError, zlib.error, OSError),
    # What is read of a header that is cut off is not always told apart from a mistake.
    *(ValueError, OverflowError, TypeError, IndexError),
)

Algorithm: TypeAlias = Literal["sha1", "sha256"]


class Archives:
    """Archives of one workspace's deployments; safe to share between threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def archived(self, model_id: str, deployment_id: str, algorithm: Algorithm) -> Archived:
        """The files of a deployment, named as a Git of this object format would.

        Where Baseten does not hand the archive out, what it says of config.yaml alone. Raises
        ``BasetenError`` where it cannot be reached.
        """
        place = (model_id, deployment_id)
        try:
            answer = self._transport.get("/v1/models/{}/deployments/{}/download", *place)
            url = answer.get("download_url")
            if not isinstance(url, str) or not self._is_safe(url):
                raise RequestRefused("Baseten gave no address that can be downloaded from")
            return self._download(url, algorithm)
        except (RequestRefused, NotFound, AccessDenied) as error:
            if error.status == 401:
                raise
            return self._config_alone(*place, algorithm, error)

    def _is_safe(self, url: str) -> bool:
        """Encrypted, or on this machine where Baseten is too."""
        scheme = urlsplit(url).scheme
        local = is_loopback(url) and is_loopback(self._transport.endpoint.api_url)
        return scheme == "https" or (scheme == "http" and local)

    def _config_alone(
        self, model_id: str, deployment_id: str, algorithm: Algorithm, error: BasetenError
    ) -> Archived:
        # What Baseten said stands behind the request that it refused, which tells nobody anything.
        said = error.message.rpartition("): ")[2].rstrip(".")
        lacking = f"its archive cannot be downloaded: {said}"
        try:
            answer = self._transport.get(
                "/v1/models/{}/deployments/{}/config",
                model_id,
                deployment_id,
                params={"output_format": "raw"},
            )
        except (RequestRefused, NotFound, AccessDenied):
            return Archived(files={}, lacking=lacking)
        raw = answer.get("raw_config")
        if not isinstance(raw, str):
            return Archived(files={}, lacking=lacking)
        config = raw.encode("utf-8", "surrogatepass")
        file = ArchivedFile(oid=blob_id(config, algorithm))
        return Archived(files={CONFIG_FILE: file}, config=config, lacking=lacking)

    def _download(self, url: str, algorithm: Algorithm) -> Archived:
        """Read the stream to its end; a connection that breaks off is tried again.

        The address is a key of its own, so no message names it.
        """
        why = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._transport.clock.sleep(float(attempt))
            try:
                with self._transport.http.stream("GET", url) as response:
                    if response.status_code >= 500:
                        why = f"it answered {response.status_code}"
                        continue
                    if response.status_code != 200:
                        raise RequestRefused(
                            f"the store answered {response.status_code}",
                            status=response.status_code,
                        )
                    arriving = _Stream(self._arriving(response))
                    return read_tar(io.BufferedReader(arriving, _CHUNK), algorithm)
            except httpx.HTTPError as error:
                why = self._transport.explain(error).replace(url, "…")
        raise RequestRefused(why)

    def _arriving(self, response: httpx.Response) -> Iterator[bytes]:
        clock = self._transport.clock
        deadline = clock.monotonic() + _LONGEST_DOWNLOAD
        for piece in pieces(response):
            if clock.monotonic() > deadline:
                raise RequestRefused("its archive does not come to its end")
            yield piece


class _Stream(io.RawIOBase):
    """A file to read from, made of pieces.

    ``allowed`` bytes may be read, None: all; ``RequestRefused`` for more.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces = pieces
        self._left = memoryview(b"")
        self.allowed: int | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        room = memoryview(buffer)
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(room), len(self._left))
        if self.allowed is not None:
            self.allowed -= size
            if self.allowed < 0:
                raise RequestRefused("its archive holds headers that are too large to be compared")
        room[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def read_tar(stream: IO[bytes], algorithm: Algorithm) -> Archived:
    """Name the files of a tar, plain or compressed, without unpacking it.

    Links are followed to files of the same archive. Raises ``RequestRefused`` for what is no tar,
    breaks off, or holds more than anybody would keep in Git.
    """
    found = _Found(algorithm)
    unpacked = _Stream(_unpacked(stream))
    unpacked.allowed = _HEADERS
    try:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for member in tar:
                # The library keeps all of a header, and every header, in memory.
                unpacked.allowed = member.size + _HEADERS
                found.add(tar, member)
                tar.members.clear()  # type: ignore[attr-defined]
    except _BROKEN as error:
        # httpx's own errors are none of these.
        raise RequestRefused(f"its archive cannot be read: {error}") from error
    return Archived(files=dict(sorted(found.resolved().items())), config=found.config)


def _unpacked(stream: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a stream that may be packed in one of the usual ways, in small pieces."""
    begin = stream.read(6)
    unpack: Any = None
    broken: type[Exception] = OSError
    if begin.startswith(b"\x1f\x8b"):
        unpack = zlib.decompressobj(16 + zlib.MAX_WBITS)
    elif begin.startswith(b"BZh"):
        from bz2 import BZ2Decompressor

        unpack = BZ2Decompressor()
    elif begin.startswith(b"\xfd7zXZ\0"):
        from lzma import LZMADecompressor, LZMAError

        unpack, broken = LZMADecompressor(memlimit=_XZ_MEMORY), LZMAError
    if unpack is None:
        yield begin
        while piece := stream.read(_CHUNK):
            yield piece
        return
    left = begin
    while not unpack.eof:
        try:
            piece = unpack.decompress(left, _CHUNK)
        except broken as error:
            raise tarfile.ReadError(str(error)) from error
        yield piece
        left = getattr(unpack, "unconsumed_tail", b"")
        if not left and getattr(unpack, "needs_input", True) and not unpack.eof:
            left = stream.read(_CHUNK)
            if not left:
                raise EOFError("it breaks off")


class _Found:
    """What a tar has shown so far; a later entry of a name replaces an earlier one."""

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self._files: dict[str, ArchivedFile] = {}
        self._links: dict[str, str] = {}
        self._total = self._members = 0
        self.config: bytes | None = None

    def add(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        self._total += member.size
        self._members += 1
        if self._total > MAX_BYTES or self._members > MAX_FILES:
            raise RequestRefused("its archive is too large to be compared")
        path = posixpath.normpath(member.name)
        self._files.pop(path, None)
        self._links.pop(path, None)
        if member.isdir():
            return
        if member.islnk():
            self._links[path] = posixpath.normpath(member.linkname)
        elif member.issym():
            folder = posixpath.dirname(path)
            self._links[path] = posixpath.normpath(posixpath.join(folder, member.linkname))
        elif (content := tar.extractfile(member)) is not None:
            oid, kept = _named(content, member.size, self._algorithm)
            unix = None
            if kept is not None and b"\r\n" in kept:
                unix = blob_id(kept.replace(b"\r\n", b"\n"), self._algorithm)
            self._files[path] = ArchivedFile(
                oid=oid, executable=bool(member.mode & 0o100), unix=unix
            )
            self.config = kept if path == CONFIG_FILE else self.config
        else:
            self._files[path] = ArchivedFile(oid="")

    def resolved(self) -> dict[str, ArchivedFile]:
        """The files, and what links lead to; a link that leads nowhere is no file."""
        return {**self._files, **{path: self._behind(path) for path in self._links}}

    def _behind(self, path: str) -> ArchivedFile:
        for _ in range(_MAX_LINKS):
            if path not in self._links:
                break
            path = self._links[path]
        return self._files.get(path, ArchivedFile(oid=""))


def blob_id(content: bytes, algorithm: Algorithm) -> str:
    """The id that Git gives to a file of this content."""
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content).hexdigest()


def _named(content: IO[bytes], size: int, algorithm: Algorithm) -> tuple[str, bytes | None]:
    """A file's id, and its content where it is small."""
    digest = hashlib.new(algorithm, b"blob %d\0" % size)
    kept = bytearray()
    while piece := content.read(_CHUNK):
        digest.update(piece)
        if size <= _SMALL:
            kept += piece
    return digest.hexdigest(), bytes(kept) if size <= _SMALL else None
