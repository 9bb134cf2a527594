"""The body of an answer in pieces that are small, whatever it was packed into."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx

PACKED: Final = "gzip"
"""What to send as ``Accept-Encoding``: all that is unpacked here."""

PIECE: Final = 1 << 18
"""Bytes of a piece, at the most."""

_PLAIN: Final = frozenset({"", "identity"})
_WITH_HEADER: Final = 16 + zlib.MAX_WBITS


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """The body, unpacked, as it arrives.

    A few kilobytes may unpack to gigabytes: whoever stops to read has never held more than a piece
    too much. A piece may be empty: what arrives without end and unpacks to nothing must leave room
    to look at the clock. Raises ``httpx.DecodingError`` for what is packed in any other way than
    was asked for, twice over for instance, or breaks off, and ``httpx.HTTPError`` where the
    connection does.
    """
    packed = response.headers.get("Content-Encoding", "").strip().lower()
    if response.is_stream_consumed:
        raw = iter([response.content])
    elif packed in _PLAIN:
        raw = response.iter_raw()
    elif packed == PACKED:
        raw = _unpacked(response)
    else:
        from httpx import DecodingError

        raise DecodingError(f"it is packed as {packed[:40]!r}", request=response.request)
    for each in raw:
        for at in range(0, len(each) or 1, PIECE):
            yield each[at : at + PIECE]


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    from httpx import DecodingError

    unpack = zlib.decompressobj(_WITH_HEADER)
    begun = False
    try:
        for raw in response.iter_raw():
            left = raw
            begun = begun or bool(raw)
            while left and not unpack.eof:
                yield unpack.decompress(left, PIECE)
                left = unpack.unconsumed_tail
    except zlib.error as error:
        raise DecodingError(f"it cannot be unpacked: {error}", request=response.request) from error
    # An answer without a body may say all the same how that would be packed.
    if begun and not unpack.eof:
        raise DecodingError("what it is packed in breaks off", request=response.request)
