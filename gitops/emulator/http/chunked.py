"""The `aws-chunked` body encoding: chunks with signatures, and checksums behind them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from gitops.emulator.uploads import UploadProblem

_BLOCK = 1024 * 1024


def decode(source: Path, target: Path) -> dict[str, str]:
    """Write the payload of an encoded body to `target` and give its trailing headers.

    Raises:
        UploadProblem: the encoding is broken.
    """
    trailers: dict[str, str] = {}
    with source.open("rb") as encoded, target.open("wb") as plain:
        while size := _chunk_size(encoded):
            _copy(encoded, plain, size)
            if encoded.readline() != b"\r\n":
                raise _broken()
        for line in encoded:
            name, colon, value = line.decode("latin-1").strip().partition(":")
            if colon:
                trailers[name.lower()] = value.strip()
    return trailers


def _chunk_size(encoded: BinaryIO) -> int:
    line = encoded.readline()
    try:
        return int(line.split(b";")[0].strip(), 16)
    except ValueError:
        raise _broken() from None


def _copy(encoded: BinaryIO, plain: BinaryIO, size: int) -> None:
    left = size
    while left:
        block = encoded.read(min(left, _BLOCK))
        if not block:
            raise _broken()
        plain.write(block)
        left -= len(block)


def _broken() -> UploadProblem:
    return UploadProblem(400, "IncompleteBody", "The aws-chunked body is broken.")


def digests(file: Path) -> tuple[str, dict[str, str]]:
    """MD5 as hex, and the checksums by their header names."""
    md5, sha1, sha256 = hashlib.md5(), hashlib.sha1(), hashlib.sha256()  # noqa: S324
    crc = 0
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            md5.update(block)
            sha1.update(block)
            sha256.update(block)
            crc = zlib.crc32(block, crc)
    return md5.hexdigest(), {
        "content-md5": _base64(md5.digest()),
        "x-amz-checksum-sha1": _base64(sha1.digest()),
        "x-amz-checksum-sha256": _base64(sha256.digest()),
        "x-amz-checksum-crc32": _base64(crc.to_bytes(4, "big")),
        "x-amz-content-sha256": sha256.hexdigest(),
    }


def check(claimed: Mapping[str, str], computed: Mapping[str, str]) -> None:
    """Compare every claimed checksum that can be computed. Raises: UploadProblem 400."""
    for name, value in computed.items():
        said = claimed.get(name)
        if name == "x-amz-content-sha256" and (said is None or len(said) != 64):
            continue
        if said is not None and said != value:
            raise UploadProblem(400, "BadDigest", f"{name} did not match what was received.")


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
