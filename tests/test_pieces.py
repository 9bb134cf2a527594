"""Bodies of answers: unpacked piece by piece, and only what was asked to be packed."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx
import pytest

from gitops.pieces import PIECE, pieces


def body(packed: str, *raw: bytes) -> Iterator[bytes]:
    headers = {"Content-Encoding": packed} if packed else {}
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, headers=headers, content=iter(raw))
    )
    with httpx.Client(transport=transport) as client, client.stream("GET", "http://host") as answer:
        yield from pieces(answer)


@pytest.mark.parametrize("size", [0, 1, PIECE, 3 * PIECE + 1])
def test_a_body_comes_as_it_was(size: int) -> None:
    sent = bytes(range(256)) * (size // 256 + 1)
    packed = gzip.compress(sent[:size])
    for found in (
        list(body("", sent[:size])),
        list(body("identity", sent[:size])),
        list(body("GZIP", packed)),
        list(body("gzip", *(packed[at : at + 7] for at in range(0, len(packed), 7)))),
    ):
        assert b"".join(found) == sent[:size]
        assert all(len(each) <= PIECE for each in found)


def test_what_unpacks_to_much_more_never_is_there_at_once() -> None:
    packed = gzip.compress(bytes(100 << 20))
    tracemalloc.start()
    try:
        assert sum(map(len, body("gzip", packed))) == 100 << 20
        assert tracemalloc.get_traced_memory()[1] < 8 * PIECE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", ["gzip, gzip", "br", "zstd", "deflate", "x" * 500])
def test_what_was_not_asked_for_is_refused(packed: str) -> None:
    with pytest.raises(httpx.DecodingError, match="it is packed as") as caught:
        list(body(packed, b"..."))
    assert len(str(caught.value)) < 80


def test_what_is_not_packed_as_it_says() -> None:
    with pytest.raises(httpx.DecodingError, match="cannot be unpacked"):
        list(body("gzip", b"plain text"))


def test_what_breaks_off_is_told_after_what_came() -> None:
    packed = gzip.compress(bytes(999))
    found = body("gzip", packed[:-1])
    assert next(found) == bytes(999)
    with pytest.raises(httpx.DecodingError, match="breaks off"):
        next(found)


def test_no_body_is_none_however_it_would_be_packed() -> None:
    assert list(body("gzip")) == list(body("gzip", b"")) == []


def test_what_unpacks_to_nothing_leaves_room_to_look_at_the_clock() -> None:
    pack = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    begin = pack.compress(b"x") + pack.flush(zlib.Z_SYNC_FLUSH)
    nothing = b"\0\0\0\xff\xff"
    end = pack.flush()
    assert list(body("gzip", begin, nothing, nothing, end)) == [b"x", b"", b"", b""]
