"""There and back gives the same bytes, and so does the same commit in any clone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops.git.changes import GitChanges
from gitops.git.repository import Repository as Objects
from gitops.pipeline.compile import compile_commit
from gitops.pipeline.rollback import RollbackRequest, way_back
from gitops.render.desired import as_json
from gitops.wiring import open_project
from gitops.yaml.document import read
from gitops.yaml.edit import NotEditable, pin_comment, with_scalar
from tests.pipeline.release_texts import ReleaseText, release_texts
from tests.repositories import Repository

FILE = "releases/scörer.yaml"
PIN = ("environments", "production", "commit")
ONE, TWO = "1" * 40, "2" * 40


@settings(max_examples=20)
@given(release_texts(pin=ONE))
def test_a_pin_that_moves_changes_its_line_alone(text: ReleaseText) -> None:
    before = text.data()
    document = read(FILE, before)
    assert not document.faults
    there = with_scalar(document, PIN, TWO, comment=pin_comment("2026-11-20", "Größer"))
    assert not isinstance(there, NotEditable)
    old, new = before.split(b"\n"), there.split(b"\n")
    [(was, now)] = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    head, tail = was.split(ONE.encode())
    assert now.startswith(head + TWO.encode())
    assert tail.split(b"#")[0].strip() == now.split(TWO.encode())[1].split(b"#")[0].strip()
    bare = with_scalar(document, PIN, TWO)
    assert not isinstance(bare, NotEditable)
    assert with_scalar(read(FILE, bare), PIN, ONE) == before


@dataclass(frozen=True)
class Fleet:
    """A repository with two versions of a truss; ``base`` has no release file yet."""

    work: Repository
    one: str
    two: str
    base: str
    numbers: Iterator[int]

    def commit(self, base: str, data: bytes, message: str, **more: bytes) -> str:
        """A commit with that release file; HEAD is there then, and no file was written."""
        with Objects.discover(self.work.path) as objects:
            files: Mapping[str, bytes] = {FILE: data, **more}
            made = GitChanges(objects).commit(base, dict(files), message)
        self.work.git("update-ref", "refs/heads/main", made)
        return made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    config = "trusses/m/config.yaml"
    work = Repository.create(tmp_path_factory.mktemp("bytes") / "work", {config: "a: 1\n"})
    one = work.head
    two = work.commit({config: "a: 2\n"}, "Second")
    return Fleet(work=work, one=one, two=two, base=work.head, numbers=count())


@settings(max_examples=10)
@given(data=st.data(), later=st.sampled_from(["nothing", "elsewhere", "below"]))
def test_a_promotion_and_its_rollback_give_back_the_file(
    fleet: Fleet, data: st.DataObject, later: str
) -> None:
    """By way of Git, whatever was committed in between."""
    text = data.draw(release_texts(pin=fleet.one))
    start = fleet.commit(fleet.base, text.data(), "Release the first")
    promoted = with_scalar(
        read(FILE, text.data()), PIN, fleet.two, comment=pin_comment("2026-01-01", "Second")
    )
    assert not isinstance(promoted, NotEditable)
    head = fleet.commit(start, promoted, "Ship the second")
    wanted, more = text.data(), ["# one", "# two", "# three", "# four", "# five"]
    if later == "elsewhere":
        fleet.commit(head, promoted, "Words", **{"README.md": b"words\n"})
    elif later == "below" and text.last_end:
        added = (text.end.join(more) + text.end).encode()
        fleet.commit(head, promoted + added, "Say more")
        wanted += added
    project = open_project(fleet.work.path, dict(os.environ))
    with Objects.discover(fleet.work.path) as objects:
        request = RollbackRequest(
            model="scorer", environment="production", branch=f"back-{next(fleet.numbers)}"
        )
        way = way_back(project, GitChanges(objects), request)
        if way.how == "revert":
            assert objects.at(way.commit).read(FILE) == wanted
        else:
            # What was added stands right below the pin: then Git cannot tell the two apart.
            assert later == "below"
            assert (objects.at(way.commit).read(FILE) or b"").endswith(added)


def compiled(path: Path, commit: str) -> str:
    with Objects.discover(path) as objects:
        return as_json(compile_commit(objects, commit), explain=True)


@settings(max_examples=2)
@given(data=st.data())
def test_a_commit_compiles_to_the_same_bytes_however_it_was_cloned(
    fleet: Fleet, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = data.draw(release_texts(pin=fleet.two))
    head = fleet.commit(fleet.base, text.data(), "Release the second")
    expected = compiled(fleet.work.path, head)
    folder = tmp_path_factory.mktemp("clones")
    work, url = fleet.work, fleet.work.url
    work.git("config", "uploadpack.allowFilter", "true")
    bare = work.clone(folder / "bare.git", bare=True)
    assert compiled(bare.path, head) == expected
    shallow = work.clone(folder / "shallow", depth=2)
    assert compiled(shallow.path, head) == expected, "the pin is in what was cloned"

    work.git("clone", "-q", "--no-checkout", "--sparse", url, str(folder / "sparse"))
    sparse = Repository(folder / "sparse")
    sparse.git("config", "core.autocrlf", "true")
    sparse.git("config", "core.quotePath", "true")
    sparse.git("checkout", "-q", "main")
    sparse.write({FILE: "not: [committed"})
    assert compiled(sparse.path, head) == expected
    sparse.git("worktree", "add", "-q", "--detach", str(folder / "beside"), fleet.one)
    assert compiled(folder / "beside", head) == expected

    work.git("clone", "-q", "--shared", "--bare", str(work.path), str(folder / "shared.git"))
    shared = Repository(folder / "shared.git")
    # What stands for another object in one clone alone is none of a commit's.
    other = shared.git("hash-object", "-w", "--stdin", stdin=b"a: 3\n").strip()
    shared.git("replace", shared.id(f"{fleet.two}:trusses/m/config.yaml"), other)
    assert compiled(shared.path, head) == expected
    bare.git("gc", "-q")
    assert compiled(bare.path, head) == expected


def test_sha256_compiles_to_the_same_bytes_too(tmp_path: Path) -> None:
    files = {"trusses/m/config.yaml": "a: 1\n"}
    work = Repository.create(tmp_path / "work", files, object_format="sha256")
    rows = ["version: 1", "model: scorer", "truss: trusses/m", "environments:"]
    rows += ["  production:", f"    commit: {work.head}   # the first"]
    head = work.commit({FILE: "\r\n".join(rows)})
    texts = {
        compiled(each.path, head)
        for each in (
            work,
            work.clone(tmp_path / "bare.git", bare=True),
            work.clone(tmp_path / "shallow", depth=2),
        )
    }
    assert len(texts) == 1
