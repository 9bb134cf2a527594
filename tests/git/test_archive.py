from __future__ import annotations

import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from gitops.errors import RepositoryError
from gitops.git.archive import Archives
from gitops.git.repository import Repository
from gitops.state.artifact import ArchiveEntry, Artifact
from tests.repositories import Executable
from tests.repositories import Repository as Made

LONG = "packages/" + "/".join(["a-long-folder-name-" + "x" * 40] * 5) + "/deep.py"
STRANGE = b"data/caf\xe9".decode("utf-8", "surrogateescape")
FILES = {
    "config.yaml": "model_name: one\n",
    "model/model.py": "class Model: ...\n",
    "run.sh": Executable("#!/bin/sh\n"),
    "data/模型.txt": "täxt\n",
    "data/empty": "",
    "data/block": "x" * 512,
    LONG: "deep\n",
    STRANGE: "bytes\n",
}


def commit(made: Made) -> str:
    return made.commit({f"trusses/one/{path}": content for path, content in FILES.items()})


def artifact(repository: Repository, commit: str, folder: str = "trusses/one") -> Artifact:
    listed = repository.entries(commit, folder)
    assert listed is not None
    entries = tuple(
        ArchiveEntry(path=entry.path, mode=entry.mode, oid=entry.oid) for entry in listed
    )
    # In any order: the archive sorts.
    return Artifact(digest="d" * 64, commit=commit, truss=folder, entries=entries[::-1])


def whole(repository: Repository, what: Artifact) -> bytes:
    return b"".join(Archives(repository).archive(what))


def members(archive: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:", errorlevel=2) as opened:
        return {member.name: member for member in opened.getmembers()}


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_it_extracts_to_the_files_of_the_commit(tmp_path: Path, object_format: str) -> None:
    made = Made.create(tmp_path / "made", {"README": "x"}, object_format=object_format)
    head = commit(made)
    made.write({"trusses/one/config.yaml": "changed, not committed\n"})
    with Repository.discover(made.path) as repository:
        archive = whole(repository, artifact(repository, head))
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as opened:
        opened.extractall(tmp_path / "out", filter="data")
    out = tmp_path / "out"
    for path in FILES:
        assert (out / path).read_bytes() == made.read(f"trusses/one/{path}", head)
    assert sorted(p for p in out.rglob("*") if p.is_file()) == sorted(out / p for p in FILES)
    assert (out / "run.sh").stat().st_mode & 0o777 == 0o755
    assert len(archive) % 512 == 0


def test_nothing_of_this_machine_is_in_it(repository: Made) -> None:
    head = commit(repository)
    with Repository.discover(repository.path) as opened:
        found = members(whole(opened, artifact(opened, head)))
    assert list(found) == sorted(found, key=lambda name: name.encode("utf-8", "surrogateescape"))
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in found.values()} == {
        (0, 0, 0, "", "")
    }
    assert {path: oct(member.mode) for path, member in found.items()} == {
        path: "0o755" if path == "run.sh" else "0o644" for path in FILES
    }
    assert all(member.isreg() for member in found.values())


def test_two_clones_make_the_same_bytes(repository: Made, tmp_path: Path) -> None:
    head = commit(repository)
    clone = repository.clone(tmp_path / "clone", bare=True)
    clone.git("gc", "-q")
    with Repository.discover(repository.path) as one, Repository.discover(clone.path) as other:
        assert whole(one, artifact(one, head)) == whole(other, artifact(other, head))


def test_content_replaces_the_blob(repository: Made) -> None:
    head = commit(repository)
    with Repository.discover(repository.path) as opened:
        blob = repository.id("HEAD:trusses/one/config.yaml")
        entry = ArchiveEntry(path="config.yaml", mode="100644", oid=blob, content=b"inlined: 1\n")
        what = Artifact(digest="d", commit=head, truss="trusses/one", entries=(entry,))
        archive = whole(opened, what)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        member = tar.extractfile("config.yaml")
        assert member is not None
        assert member.read() == b"inlined: 1\n"


def test_a_big_blob_is_streamed(repository: Made) -> None:
    size = 64 << 20
    with (repository.path / "weights.bin").open("wb") as file:
        for number in range(64):
            file.write(bytes([number]) * (1 << 20))
    (repository.path / "config.yaml").write_text("a: 1\n")
    repository.git("add", ".")
    repository.git("commit", "-q", "-m", "weights")
    with Repository.discover(repository.path) as opened:
        what = artifact(opened, repository.head, "")
        tracemalloc.start()
        try:
            total = largest = 0
            for piece in Archives(opened).archive(what):
                total += len(piece)
                largest = max(largest, len(piece))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert total == size + 512 + 1024 + 1024
    assert largest <= 1 << 18
    assert peak < 4 << 20


def test_many_small_files_make_few_pieces(repository: Made) -> None:
    head = repository.commit({f"t/{n}": "x" for n in range(300)})
    with Repository.discover(repository.path) as opened:
        pieces = list(Archives(opened).archive(artifact(opened, head, "t")))
    assert len(pieces) <= 3


def test_a_missing_blob_is_said_before_the_first_byte(repository: Made) -> None:
    head = commit(repository)
    with Repository.discover(repository.path) as opened:
        entry = ArchiveEntry(path="config.yaml", mode="100644", oid="1" * 40)
        what = Artifact(digest="d", commit=head, truss="trusses/one", entries=(entry,))
        with pytest.raises(RepositoryError, match=f"1{{40}}, which {head[:12]}:trusses/one needs"):
            Archives(opened).archive(what)


def test_stopping_halfway_leaves_no_process(repository: Made) -> None:
    head = repository.commit({"big": "x" * (4 << 20)})
    with Repository.discover(repository.path) as opened:
        pieces = Archives(opened).archive(artifact(opened, head, ""))
        assert next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert whole(opened, artifact(opened, head, ""))
