"""Archives of deployments: named file by file as Git would, never unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from gitops.baseten import archives
from gitops.baseten.archives import blob_id, read_tar
from gitops.errors import AccessDenied, RequestRefused
from gitops.state.archived import Archived, ArchivedFile
from tests.baseten.fakes import KEY, SECRET, FakeClock, baseten
from tests.repositories import Repository

EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
HELLO = "ce013625030ba8dba906f756967f9e9ca394464a"
URL = "https://bucket.example.invalid/model?X-Amz-Signature=sIgNeD"


def member(name: str, content: bytes = b"hello\n", **more: Any) -> tuple[tarfile.TarInfo, bytes]:
    made = tarfile.TarInfo(name)
    made.mode = 0o644
    for key, value in more.items():
        setattr(made, key, value)
    made.size = len(content) if made.isreg() else 0
    return made, content


def tar(*members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as out:  # type: ignore[call-overload]
        for info, content in members:
            out.addfile(info, io.BytesIO(content))
    return made.getvalue()


def files(data: bytes) -> dict[str, str]:
    return {path: it.oid for path, it in read_tar(io.BytesIO(data), "sha1").files.items()}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_files_are_named_as_git_names_them(mode: str) -> None:
    made = tar(
        member("./", type=tarfile.DIRTYPE),
        member("./config.yaml", b""),
        member("model/model.py"),
        member("model/" + "ä" * 90 + ".py"),
        mode=mode,
    )
    assert files(made) == {
        "config.yaml": EMPTY,
        "model/model.py": HELLO,
        "model/" + "ä" * 90 + ".py": HELLO,
    }


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_ids_are_git_s_in_both_object_formats(tmp_path: Any, object_format: Any) -> None:
    repository = Repository.create(tmp_path, {"a": "täxt\n"}, object_format=object_format)
    assert blob_id("täxt\n".encode(), object_format) == repository.id("HEAD:a")


def test_links_are_followed_inside_the_archive() -> None:
    made = tar(
        member("a/file"),
        member("a/link", type=tarfile.SYMTYPE, linkname="../b"),
        member("b", type=tarfile.SYMTYPE, linkname="a/file"),
        member("hard", type=tarfile.LNKTYPE, linkname="a/file"),
        member("round", type=tarfile.SYMTYPE, linkname="round"),
        member("out", type=tarfile.SYMTYPE, linkname="../../etc/passwd"),
        member("device", type=tarfile.CHRTYPE),
    )
    found = files(made)
    assert [found[each] for each in ("a/file", "a/link", "b", "hard")] == [HELLO] * 4
    assert [found[each] for each in ("round", "out", "device")] == [""] * 3


def test_bits_and_config_are_kept_and_the_last_of_a_name_counts() -> None:
    made = tar(
        member("config.yaml", b"one: 1\n"),
        member("run.sh", mode=0o775),
        member("config.yaml", b"two: 2\n"),
    )
    found = read_tar(io.BytesIO(made), "sha1")
    assert found.config == b"two: 2\n"
    assert found.files["run.sh"] == ArchivedFile(oid=HELLO, executable=True)
    assert not found.files["config.yaml"].executable


@pytest.mark.parametrize(
    "data",
    [b"<html>not a tar</html>" * 100, tar(member("a", b"x" * 5000))[:3000], b"\x1f\x8b\x08"],
    ids=["a page", "cut off", "half a gzip"],
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(RequestRefused, match="cannot be read"):
        read_tar(io.BytesIO(data), "sha1")


# The download


def serving(
    archive: Callable[[httpx.Request], Any], *, url: str = URL, raw: Any = "model_name: a\n"
) -> Callable[[httpx.Request], Any]:
    def answer(request: httpx.Request) -> Any:
        if request.url.host == "bucket.example.invalid":
            return archive(request)
        if request.url.path.endswith("/download"):
            return {"download_url": url}
        return {"config": None, "raw_config": raw}

    return answer


def read(answer: Callable[[httpx.Request], Any]) -> tuple[Archived, list[httpx.Request]]:
    client, server = baseten(answer)
    return client.archives.archived("m1", "d1", "sha1"), server.requests


def test_an_archive_is_downloaded_without_the_key() -> None:
    made = tar(member("config.yaml"))
    found, requests = read(serving(lambda _: httpx.Response(200, content=made)))
    assert found == Archived(files={"config.yaml": ArchivedFile(oid=HELLO)}, config=b"hello\n")
    [asked, downloaded] = requests
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert "Authorization" not in downloaded.headers
    assert SECRET not in str(downloaded.headers)


def test_a_store_that_stumbles_is_asked_again() -> None:
    answers = iter([httpx.ReadError("gone"), httpx.Response(503), httpx.Response(200, content=b"")])
    made = tar(member("a"))

    def answer(_: httpx.Request) -> Any:
        now = next(answers)
        whole = isinstance(now, httpx.Response) and now.status_code == 200
        return httpx.Response(200, content=made) if whole else now

    found, requests = read(serving(answer))
    assert (found.lacking, len(requests)) == (None, 4)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: httpx.Response(403, content=b"<Error/>"), "the store answered 403"),
        (lambda _: httpx.Response(500), "it answered 500"),
        (lambda _: httpx.ConnectError(f"no route to {URL}"), "no route to …"),
        (lambda _: httpx.Response(200, content=b"no tar" * 999), "cannot be read"),
    ],
)
def test_where_the_store_gives_nothing_config_yaml_alone_is_known(answer: Any, why: str) -> None:
    found, _ = read(serving(answer))
    assert found.lacking is not None
    assert why in found.lacking
    assert "sIgNeD" not in found.lacking
    assert found.files == {"config.yaml": ArchivedFile(oid=blob_id(b"model_name: a\n", "sha1"))}
    assert found.config == b"model_name: a\n"


@pytest.mark.parametrize(
    "url", ["http://bucket.example.invalid/x", "file:///etc/passwd", "", "http://127.0.0.1/x"]
)
def test_an_address_that_is_not_safe_is_not_asked(url: str) -> None:
    found, requests = read(serving(lambda _: pytest.fail("asked"), url=url, raw=None))
    assert found.files == {}
    assert found.lacking is not None
    assert [each.url.host for each in requests] == ["api.baseten.co"] * 2


def test_a_wrong_key_is_an_error_and_a_refusal_is_none() -> None:
    client, _ = baseten(lambda _: httpx.Response(401, json={"error": "bad key"}))
    with pytest.raises(AccessDenied):
        client.archives.archived("m1", "d1", "sha1")
    client, _ = baseten(lambda _: httpx.Response(400, json={"message": "not for this model"}))
    found = client.archives.archived("m1", "d1", "sha1")
    assert found.files == {}
    assert "not for this model" in str(found.lacking)


def head(kind: bytes, size: int, name: str = "x") -> bytes:
    made = tarfile.TarInfo(name)
    made.type, made.size = kind, size
    return made.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_headers_are_not_read_into_memory_however_long_they_say_they_are(
    kind: bytes, pack: Callable[[bytes], bytes]
) -> None:
    sent = io.BytesIO(pack(head(kind, 64 << 20) + bytes(16 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(RequestRefused, match="headers that are too large"):
            read_tar(sent, "sha1")
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["same", "folder/"])
def test_an_archive_of_nothing_has_an_end(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 100)
    kind = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE

    def endless() -> bytes:
        return head(kind, 0, name) * 200

    with pytest.raises(RequestRefused, match="too large to be compared"):
        read_tar(io.BytesIO(endless()), "sha1")
    monkeypatch.setattr(archives, "MAX_FILES", 200)
    assert len(read_tar(io.BytesIO(endless() + bytes(1024)), "sha1").files) == (name == "same")


def test_an_archive_that_trickles_in_is_given_up() -> None:
    clock = FakeClock()
    data = tar(member("config.yaml"))

    def trickle() -> Iterator[bytes]:
        for at in range(0, len(data), 64):
            clock.seconds += 60
            yield data[at : at + 64]

    def answer(request: httpx.Request) -> Any:
        if request.url.path.endswith("/download"):
            return {"download_url": URL}
        if request.url.path.endswith("/config"):
            return {"raw_config": "a: 1\n"}
        return httpx.Response(200, content=trickle())

    client, _ = baseten(answer, clock=clock)
    found = client.archives.archived("m", "d", "sha1")
    assert found.lacking == "its archive cannot be downloaded: its archive does not come to its end"
