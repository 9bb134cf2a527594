"""The working tree as files: what Git would take, and nothing that could hang or lead out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from gitops.files.worktree import READ_LIMIT, WorkTree


def test_regular_files_are_read_and_listed(tmp_path: Path) -> None:
    (tmp_path / "releases/deep").mkdir(parents=True)
    (tmp_path / "releases/b.yaml").write_bytes(b"b")
    (tmp_path / "releases/deep/a.yaml").write_bytes(b"a")
    tree = WorkTree(tmp_path)
    assert tree.list("releases") == ("releases/b.yaml", "releases/deep/a.yaml")
    assert tree.list(".") == tree.list("releases")
    assert tree.list("gone") == ()
    assert tree.read("releases/b.yaml") == b"b"
    assert tree.read("releases") is None
    assert tree.read("gone") is None
    assert tree.read_many(["gone", "releases/b.yaml"]) == {"releases/b.yaml": b"b"}


def test_links_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.yaml").write_bytes(b"s")
    root = tmp_path / "root"
    (root / "releases").mkdir(parents=True)
    (root / "releases/link.yaml").symlink_to(tmp_path / "outside/secret.yaml")
    (root / "releases/folder").symlink_to(tmp_path / "outside")
    tree = WorkTree(root)
    assert tree.list("releases") == ()
    assert tree.read("releases/link.yaml") is None
    assert tree.read("releases/folder/secret.yaml") is None
    assert tree.read("../outside/secret.yaml") is None


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    tree = WorkTree(tmp_path)
    assert tree.read("pipe.yaml") is None
    assert tree.list(".") == ()


def test_a_huge_file_is_read_just_far_enough_to_see_that_it_is(tmp_path: Path) -> None:
    with (tmp_path / "huge.yaml").open("wb") as file:
        file.truncate(1 << 34)
    data = WorkTree(tmp_path).read("huge.yaml")
    assert data is not None
    assert len(data) == READ_LIMIT


def test_names_that_are_not_utf_8_are_listed(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"a\xff.yaml")).write_bytes(b"x")
    assert WorkTree(tmp_path).list(".") == ("a\udcff.yaml",)


IN_ANOTHER_LOCALE = """
import sys
from pathlib import Path
from gitops.files.worktree import WorkTree
assert sys.platform != "linux" or sys.getfilesystemencoding() != "utf-8"
tree = WorkTree(Path("{0}"))
tree.write("r/gr\\u00fc\\u00df.yaml", b"new")
tree.create("r/\\u2603/a.yaml", b"made")
print(ascii([*tree.read_many(tree.list("r")).items()]))
"""


def test_names_are_git_s_in_any_locale(tmp_path: Path) -> None:
    root = tmp_path / "\u2603"
    (root / "r").mkdir(parents=True)
    (root / "r/gr\u00fc\u00df.yaml").write_bytes(b"old")
    folder = f"{tmp_path}/\\u2603"
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_LOCALE.format(folder)],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = [("r/gr\u00fc\u00df.yaml", b"new"), ("r/\u2603/a.yaml", b"made")]
    assert done.stdout.strip() == ascii(expected)
    assert WorkTree(root).list("r") == tuple(name for name, _ in expected)


def test_git_itself_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_bytes(b"")
    assert WorkTree(tmp_path).list(".") == ()
