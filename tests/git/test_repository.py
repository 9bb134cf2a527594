from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitops.errors import RepositoryError
from gitops.git.objects import MANY, CatFile, MissingObject
from gitops.git.process import Git
from gitops.git.repository import Repository
from tests.repositories import Executable, Submodule, Symlink
from tests.repositories import Repository as Made

STRANGE = b"caf\xe9".decode("utf-8", "surrogateescape")
FILES = {
    "releases/a.yaml": "version: 1\n",
    "releases/deep/b.yaml": "b\n",
    "releases/link.yaml": Symlink("a.yaml"),
    "trusses/one/config.yaml": "model_name: one\n",
    "trusses/one/run.sh": Executable("#!/bin/sh\n"),
    "trusses/one/模型 x.txt": "täxt\n",
    "trusses/one/new\nline": "n\n",
    f"trusses/one/{STRANGE}": "bytes\n",
    "trusses/one.txt": "sorts between\n",
}


@pytest.fixture(params=["sha1", "sha256"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    return Made.create(tmp_path / "made", FILES, object_format=request.param)


def opened(path: Path) -> Repository:
    return Repository.discover(path)


def test_it_is_found_from_any_folder_in_it(made: Made) -> None:
    with opened(made.path / "trusses" / "one") as repository:
        assert repository.root == made.path
        assert repository.common_dir == made.path / ".git"
        assert not repository.is_bare
        assert not repository.is_shallow()
        assert repository.head() == made.head
        assert repository.id_digits == len(made.head)


def test_files_at_a_commit(made: Made) -> None:
    first = made.head
    made.commit({"releases/a.yaml": "changed\n", "releases/deep/b.yaml": None})
    with opened(made.path) as repository:
        old, new = repository.at(first), repository.at(made.head)
        assert old.read("releases/a.yaml") == b"version: 1\n"
        assert new.read("releases/a.yaml") == b"changed\n"
        assert new.read("releases/deep/b.yaml") is None
        for nothing in ("releases", "releases/link.yaml", "nope", "releases/a.yaml/x", "", "../a"):
            assert old.read(nothing) is None
        assert old.list("releases") == ("releases/a.yaml", "releases/deep/b.yaml")
        assert old.list("./releases//deep/") == ("releases/deep/b.yaml",)
        assert old.list("releases/a.yaml") == ()
        assert old.list("nope") == ()
        assert len(old.list("")) == len(FILES) - 1
        paths = (*old.list("trusses"), "nope", "releases/link.yaml")
        assert dict(old.read_many(paths)) == {
            path: made.read(path, first)
            for path in FILES
            if path.startswith("trusses") and path != "nope"
        }


def test_the_working_tree_is_never_read(made: Made) -> None:
    head = made.head
    made.write({"releases/a.yaml": "not committed\n"})
    made.git("rm", "-q", "--cached", "releases/deep/b.yaml")
    with opened(made.path) as repository:
        assert repository.at(head).read("releases/a.yaml") == b"version: 1\n"
        assert repository.at(head).read("releases/deep/b.yaml") == b"b\n"


def test_entries_are_what_ls_tree_lists(made: Made) -> None:
    inner = made.head
    made.commit({"trusses/one/sub": Submodule(inner), "trusses/one/l": Symlink("run.sh")})
    listed = made.run("ls-tree", "-r", "-z", "-l", "HEAD:trusses/one").split(b"\0")[:-1]
    with opened(made.path) as repository:
        entries = repository.entries(made.head, "trusses/one")
        assert entries is not None
        assert [
            f"{e.mode} {e.kind} {e.oid} {e.size if e.size is not None else '-'}\t{e.path}".encode(
                "utf-8", "surrogateescape"
            )
            for e in entries
        ] == [
            b" ".join(row.split(b"\t")[0].split()) + b"\t" + row.split(b"\t")[1] for row in listed
        ]
        assert repository.entries(made.head, "trusses/none") is None
        assert repository.entries(made.head, "trusses/one.txt") is None
        assert repository.entries(made.head, "trusses/one/sub") is None
        first = entries[0]
        assert repository.blob(first.oid) == made.read(f"trusses/one/{first.path}")


def test_reading_ahead_changes_no_answer(made: Made) -> None:
    first = made.commit({"a/x": "1\n", "a/deep/y": "22\n", "b/z": Symlink("../a/x")})
    second = made.commit({"a/x": "333\n", "sub/own/w": "4\n"})
    places = [(first, "a"), (second, "a"), (second, "b"), (second, "sub/own"), (first, "sub/own")]
    with opened(made.path) as one, opened(made.path) as other:
        one.read_ahead([*places, (first, "nowhere"), (first, "a/x")])
        for place in places:
            assert one.entries(*place) == other.entries(*place)
            assert one.tree_id(*place) == other.tree_id(*place)
        oids = [each.oid for each in one.entries(second, "a") or ()]
        assert one.blobs(oids) == {oid: other.blob(oid) for oid in oids}
        assert one.blobs([]) == {}


def test_reading_ahead_asks_git_as_often_for_many_folders_as_for_one(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = made.commit({f"many/{number}/file": f"{number}\n" for number in range(50)})
    passes = []
    read = CatFile.read
    monkeypatch.setattr(
        CatFile, "read", lambda cat, names: (passes.append(len(names)), read(cat, names))[1]
    )
    with opened(made.path) as repository:
        repository.read_ahead([(commit, f"many/{number}") for number in range(50)])
        after = [size for size in passes if size]
        for number in range(50):
            assert repository.entries(commit, f"many/{number}")
        # The commit and the trees above, what is in the folders, the sizes; then nothing more.
        assert after == [1, 1, 1, 50, 50]
        assert [size for size in passes if size] == after


def test_a_directory_with_a_line_break_in_its_name(tmp_path: Path) -> None:
    made = Made.create(tmp_path / "two\nlines", {"sub/x": "1"})
    for place, root in ((made.path, made.path), (made.path / "sub", made.path)):
        with opened(place) as repository:
            found = (repository.root, repository.git_dir, repository.common_dir)
            assert found == (root, made.path / ".git", made.path / ".git")
            assert not repository.is_bare
    with opened(made.path / ".git") as repository:
        assert repository.is_bare
        assert repository.git_dir == repository.common_dir == made.path / ".git"


def test_many_folders_of_a_commit_are_found_as_a_few_are(made: Made) -> None:
    commit = made.commit({f"many/{number}/file": f"{number}\n" for number in range(40)})
    places = [(commit, f"many/{number}") for number in range(45)]
    places += [(commit, "many/1/file"), (commit, "."), (commit, "many/1/../2")]
    with opened(made.path) as one, opened(made.path) as other:
        one.read_ahead(places)
        for place in places:
            assert one.tree_id(*place) == other.tree_id(*place)


def test_many_objects_are_read_as_a_few_are(made: Made) -> None:
    files = {f"many/{number}": f"{number}\n" * number for number in range(MANY)}
    commit = made.commit(files)
    with opened(made.path) as repository:
        assert repository.at(commit).read_many(files) == {
            path: text.encode() for path, text in files.items()
        }
        oids = [each.oid for each in repository.entries(commit, "many") or ()]
        assert repository.blobs(oids) == {oid: repository.blob(oid) for oid in oids}
        strange = [*oids[:-2], "0" * len(oids[0]), "no such name 1", oids[-1]]
        headers = repository.database.headers(strange)
        assert [each and each.oid for each in headers] == [*oids[:-2], None, None, oids[-1]]
        with pytest.raises(MissingObject) as caught:
            repository.blobs(strange)
        assert caught.value.oid == "0" * len(oids[0])


def test_a_commit_speaks_for_itself(made: Made) -> None:
    made.commit(
        message="Über line\n\nbody\n",
        at=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
        allow_empty=True,
    )
    with opened(made.path) as repository:
        info = repository.info(made.head)
        assert info is not None
        assert info.id == made.head
        assert info.at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        assert info.subject == "Über line"
        assert info.author == "Test Author"
        assert repository.info("0" * len(made.head)) is None


def test_a_commit_in_another_encoding_is_read(made: Made) -> None:
    made.git(
        "-c",
        "i18n.commitEncoding=latin1",
        "commit",
        "-q",
        "--allow-empty",
        "-F",
        "-",
        stdin=b"Gr\xfc\xdfe",
    )
    with opened(made.path) as repository:
        info = repository.info(made.head)
        assert info is not None
        assert info.subject == "Grüße"


@pytest.mark.parametrize(
    ("encoding", "seconds", "year"),
    [
        ("idna", "1700000000", 2023),
        ("undefined", "1700000000", 2023),
        ("zlib", "1700000000", 2023),
        ("unicode_escape", "999999999999999", 9987),
        ("utf-7", "-999999999999999", 5),
        ("x" * 5000, "253402300800", 9987),
    ],
)
def test_a_commit_that_says_strange_things_is_read(
    made: Made, encoding: str, seconds: str, year: int
) -> None:
    content = (
        f"tree {made.git('rev-parse', 'HEAD^{tree}')}\nauthor A <a@b> {seconds} +0000\n"
        f"committer A <a@b> {seconds} +0000\nencoding {encoding}\n\nsubject\n"
    )
    strange = made.git(
        *("hash-object", "-t", "commit", "-w", "--literally", "--stdin"), stdin=content.encode()
    )
    with opened(made.path) as repository:
        info = repository.info(strange)
        assert info is not None
        assert (info.subject, info.at.year) == ("subject", year)


def test_revisions(made: Made) -> None:
    first = made.head
    made.branch("feature")
    second = made.commit({"x": "1"})
    made.git("tag", "-a", "-m", "tag", "v1", first)
    with opened(made.path) as repository:
        assert repository.resolve("HEAD~1") == first
        assert repository.resolve("feature") == first
        assert repository.resolve("v1") == first
        assert repository.resolve(second) == second
        assert repository.resolve(second[:12]) == second
        assert repository.expand(second[:10].upper()) == (second,)
        assert repository.expand(made.id("HEAD^{tree}")[:10]) == ()
        assert repository.expand("abc") == ()
        assert repository.exists(first)
        assert not repository.exists(made.id("HEAD^{tree}"))
        assert not repository.exists(first[:10])


@pytest.mark.parametrize(
    "hostile",
    ["", "--help", "--all", "^HEAD", "HEAD..feature", "HEAD:x", "HEAD^{tree}", "-n1", "a b",
     "HEAD\nHEAD", "HEAD\0", "\x1b[31m", "--output=/tmp/owned", ":/Start\x07", "f" * 40, "\udce9"],
)  # fmt: skip
def test_what_names_no_commit_is_refused_and_never_an_option(made: Made, hostile: str) -> None:
    with opened(made.path) as repository, pytest.raises(RepositoryError) as caught:
        repository.resolve(hostile)
    assert "names no commit here" in str(caught.value)
    str(caught.value).encode()
    assert str(caught.value).isprintable()


def test_ancestry(made: Made) -> None:
    commits = [made.head, *(made.commit({"n": str(n)}) for n in range(6))]
    made.switch("side", create=True)
    side = made.commit({"s": "1"})
    made.switch("main")
    main = made.commit({"m": "1"})
    with opened(made.path) as repository:
        for commit in commits:  # past the third one all are listed at once
            assert repository.is_ancestor(commit, main)
        assert not repository.is_ancestor(side, main)
        assert not repository.is_ancestor(main, commits[0])
        assert repository.are_ancestors([*commits, main], main)
        assert not repository.are_ancestors([*commits, side], main)
        assert not repository.are_ancestors([*commits, "1" * len(main)], main)
        assert not repository.are_ancestors([main, commits[0]], commits[0])
        assert repository.is_ancestor(main, main)
        for descendant in (main, side):
            with pytest.raises(MissingObject, match="not in this clone"):
                repository.is_ancestor("1" * len(main), descendant)


def test_history_of_paths(made: Made) -> None:
    start = made.head
    one = made.commit({"releases/a.yaml": "1\n"})
    made.switch("side", create=True)
    side = made.commit({"releases/a.yaml": "side\n"})
    made.switch("main")
    other = made.commit({"unrelated": "x"})
    merge = made.merge("side")
    with opened(made.path / "releases") as repository:
        touching = repository.commits_touching(["releases/a.yaml"], merge)
        assert touching == (side, one, start), "the merge brings nothing of its own"
        assert repository.commits_touching(["releases"], merge, first_parent=True) == (
            merge,
            one,
            start,
        )
        assert repository.commits_touching(["releases"], merge, base=one) == (side,)
        assert repository.commits_touching(["."], other, base=one) == (other,)
        assert repository.commits_touching(["*"], merge) == ()


def test_dirty_means_these_paths_only(made: Made) -> None:
    made.commit({".gitignore": "*.log\n"})
    with opened(made.path / "trusses") as repository:
        watched = ["gitops.yaml", "releases", "checks/[a].json"]
        assert not repository.dirty(watched)
        made.write({"other.txt": "x", "releases/noise.log": "ignored", "checks/a.json": "x"})
        assert not repository.dirty(watched)
        made.write({"releases/new/n.yaml": "x"})
        assert repository.dirty(watched) == ("releases/new/n.yaml",)
        made.write({"releases/a.yaml": None, "gitops.yaml": "v", "checks/[a].json": "x"})
        made.git("add", "gitops.yaml")
        assert repository.dirty(watched) == (
            "checks/[a].json",
            "gitops.yaml",
            "releases/a.yaml",
            "releases/new/n.yaml",
        )
        assert "other.txt" in repository.dirty(["."])
        assert repository.dirty([]) == ()


def test_dirty_leaves_the_index_alone(made: Made) -> None:
    index = made.path / ".git" / "index"
    os.utime(made.path / "releases" / "a.yaml", (1, 1))
    before = index.read_bytes()
    with opened(made.path) as repository:
        assert not repository.dirty(["releases"])
    assert index.read_bytes() == before


def test_many_threads_may_read_at_once(made: Made) -> None:
    made.commit({f"many/{n}.txt": f"{n}\n" * (n % 50) for n in range(300)})
    wrong: list[str] = []
    with opened(made.path) as repository:
        files = repository.at(made.head)
        names = files.list("many")

        def read(offset: int) -> None:
            for name in names[offset::4]:
                number = int(Path(name).stem)
                if files.read(name) != (f"{number}\n" * (number % 50)).encode():
                    wrong.append(name)

        threads = [threading.Thread(target=read, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(names) == 300
    assert wrong == []


def test_more_requests_than_a_pipe_holds(made: Made) -> None:
    deep = f"{'d' * 250}/{'e' * 250}/{'f' * 250}"
    wanted = {f"{deep}/{n}.txt": f"{n}" + "x" * 500 for n in range(150)}
    made.commit(wanted)
    with opened(made.path) as repository:
        names = [f"{made.head}:{path}".encode() for path in wanted]
        helper = CatFile(repository.git, "--batch")
        found = helper.read(names)
        helper.close()
    assert [each and each.content.decode() for each in found] == list(wanted.values())


def test_reading_goes_on_after_the_helper_was_killed(made: Made) -> None:
    with opened(made.path) as repository:
        files = repository.at(made.head)
        assert files.read("releases/a.yaml") == b"version: 1\n"
        helper = repository.database._contents._process
        assert helper is not None
        helper.kill()
        helper.wait()
        with pytest.raises(RepositoryError, match="cat-file ended early"):
            files.read("trusses/one.txt")
        assert files.read("trusses/one.txt") == b"sorts between\n"


def test_objects_that_come_later_are_seen(made: Made) -> None:
    with opened(made.path) as repository:
        repository.at(repository.head()).read("releases/a.yaml")
        new = made.commit({"later.txt": "later"})
        made.git("gc", "-q")
        assert repository.head() == new
        assert repository.at(new).read("later.txt") == b"later"


# Kinds of repositories


def test_no_repository_at_all(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="There is no Git repository in") as caught:
        opened(tmp_path)
    assert caught.value.hint


def test_no_such_directory(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="There is no directory"):
        opened(tmp_path / "none")


def test_git_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match="Git is not installed"):
        Repository.discover(tmp_path)


def test_git_is_too_old(made: Made, tmp_path: Path) -> None:
    old = tmp_path / "bin" / "git"
    old.parent.mkdir()
    old.write_text(
        '#!/bin/sh\n[ "$1" = version ] && { echo "git version 2.17.1"; exit 0; }\n'
        f'exec {subprocess.check_output(["which", "git"], text=True).strip()} "$@"\n'
    )
    old.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
        with pytest.raises(RepositoryError, match=r"git version 2\.17\.1 is too old") as caught:
            Repository.discover(made.path)
    assert "2.30" in str(caught.value.hint)


@pytest.mark.parametrize(
    "said",
    [
        "error: insufficient permission for adding an object to repository database .git/objects",
        "fatal: cannot lock ref 'refs/x': Unable to create '.git/refs/x.lock': Permission denied",
        "error: unable to create temporary file: Read-only file system",
        "",
    ],
)
def test_whoever_may_not_write_is_told_what_to_do(made: Made, tmp_path: Path, said: str) -> None:
    # In Git's words: whoever runs the tests may be allowed to write everywhere.
    refusing = tmp_path / "bin" / "git"
    refusing.parent.mkdir()
    refusing.write_text(f'#!/bin/sh\necho "{said}" >&2\nexit 128\n')
    refusing.chmod(0o755)
    git = Git(directory=made.path, environ={"PATH": f"{refusing.parent}:{os.environ['PATH']}"})
    with pytest.raises(RepositoryError, match="git update-ref failed") as caught:
        git.run("update-ref", "refs/x", "HEAD")
    assert ("run as its owner" in str(caught.value.hint)) == bool(said)
    with pytest.raises(RepositoryError) as remote:
        git.run("push", "origin", "main", network=True)
    assert remote.value.hint is None


def test_a_repository_without_commits(tmp_path: Path) -> None:
    made = Made.create(tmp_path / "empty")
    with opened(made.path) as repository:
        with pytest.raises(RepositoryError, match="has no commits yet"):
            repository.head()
        assert repository.dirty(["."]) == ()


def test_somebody_elses_repository(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RepositoryError, match="belong to somebody else") as caught:
        opened(made.path)
    assert "safe.directory" in str(caught.value.hint)


def test_a_bare_repository_serves_commits(made: Made, tmp_path: Path) -> None:
    bare = made.clone(tmp_path / "bare.git", bare=True)
    with opened(bare.path) as repository:
        assert repository.is_bare
        assert repository.root == repository.common_dir == bare.path
        assert repository.at(repository.head()).read("releases/a.yaml") == b"version: 1\n"
        assert not repository.dirty(["releases"])
        assert repository.commits_touching(["releases/a.yaml"], made.head) == (made.head,)
        assert repository.resolve("main") == made.head


def test_a_head_without_commits_hides_no_other_branch(made: Made) -> None:
    made.git("symbolic-ref", "HEAD", "refs/heads/unborn")
    with opened(made.path) as repository:
        assert repository.resolve("main") == made.id("main")
        with pytest.raises(RepositoryError, match="HEAD names no commit here"):
            repository.head()


def test_a_worktree_shares_its_repository(made: Made, tmp_path: Path) -> None:
    made.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    with opened(tmp_path / "tree" / "releases") as repository:
        assert repository.root == tmp_path / "tree"
        assert repository.common_dir == made.path / ".git"
        assert repository.head() == made.head


def test_git_dir_is_respected(made: Made, tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "GIT_DIR": str(made.path / ".git"),
        "GIT_WORK_TREE": str(made.path),
    }
    with Repository.discover(tmp_path, environ) as repository:
        assert repository.head() == made.head


def test_a_shallow_clone_says_what_it_lacks(made: Made, tmp_path: Path) -> None:
    first = made.head
    second = made.commit({"x": "1"})
    shallow = made.clone(tmp_path / "shallow", depth=1)
    with opened(shallow.path) as repository:
        assert repository.is_shallow()
        assert not repository.exists(first)
        with pytest.raises(RepositoryError, match="not in this clone") as caught:
            repository.is_ancestor(first, second)
        assert "--unshallow" in str(caught.value.hint)
        with pytest.raises(RepositoryError) as caught:
            repository.resolve("HEAD~1")
        assert "--unshallow" in str(caught.value.hint)
        with pytest.raises(MissingObject, match="not in this clone"):
            repository.at(first).read("releases/a.yaml")


@pytest.mark.parametrize("kind", ["blob:none", "tree:0"])
def test_a_partial_clone_fetches_nothing_unasked(made: Made, tmp_path: Path, kind: str) -> None:
    made.git("config", "uploadpack.allowFilter", "true")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    made.git(
        "clone", "-q", "--no-checkout", f"--filter={kind}", made.url, str(tmp_path / "partial")
    )
    partial = Made(tmp_path / "partial")

    def objects() -> str:
        return partial.git("count-objects", "-v")

    before = objects()
    with opened(partial.path) as repository:
        head = repository.head()
        with pytest.raises(MissingObject, match="partial clone") as caught:
            repository.at(head).read("releases/a.yaml")
        with pytest.raises(MissingObject, match=r"trusses/one needs; nothing is fetched unasked"):
            repository.entries(head, "trusses/one")
        assert objects() == before
        command = str(caught.value.hint).split("`")[1].split()
        assert command[0] == "git"
        partial.git(*command[1:])
        assert repository.at(head).read("releases/a.yaml") == b"version: 1\n"
        assert repository.entries(head, "trusses/one")


def test_a_sparse_checkout_hides_nothing(made: Made) -> None:
    made.git("sparse-checkout", "set", "releases")
    assert not (made.path / "trusses").exists()
    with opened(made.path) as repository:
        assert repository.entries(made.head, "trusses/one")
        assert not repository.dirty(["trusses", "releases"])


def test_replacements_do_not_change_what_a_commit_means(made: Made) -> None:
    first = made.head
    second = made.commit({"releases/a.yaml": "second\n"})
    made.git("replace", first, second)
    with opened(made.path) as repository:
        assert repository.at(first).read("releases/a.yaml") == b"version: 1\n"


def test_a_tree_that_grows_without_end_is_refused(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gitops.git.database.MAX_ENTRIES", 20_000)
    blob = made.git("hash-object", "-w", "--stdin", stdin=b"x")
    tree = made.git("mktree", stdin=f"100644 blob {blob}\tf\n".encode())
    for _ in range(8):
        rows = "".join(f"040000 tree {tree}\td{n}\n" for n in range(10))
        tree = made.git("mktree", stdin=rows.encode())
    commit = made.git("commit-tree", "-m", "bomb", tree)
    with opened(made.path) as repository, pytest.raises(RepositoryError, match="more than"):
        repository.at(commit).list("")
