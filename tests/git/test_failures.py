"""What a clone keeps of failures: where, how much, and for how long."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitops.errors import RepositoryError
from gitops.git.failures import LARGEST_FILE, LARGEST_FOLDER, NEWEST, Failures


def test_each_failure_has_a_folder_of_its_own(tmp_path: Path) -> None:
    store = Failures(tmp_path / ".git", tmp_path)
    first = store.keep("ml/qwen", "production", "checks", {"a.txt": "one", "b.txt": "two\n"})
    second = store.keep("ml/qwen", "production", "release", {"a.txt": "three"})
    assert first.name == "gitops/failures/ml%2Fqwen/production/0001-checks"
    assert first.shown == f".git/{first.name}"
    assert second.name.endswith("/0002-release")
    folder = tmp_path / ".git" / first.name
    assert {each.name: each.read_text() for each in folder.iterdir()} == {
        "a.txt": "one",
        "b.txt": "two\n",
    }
    assert not [each for each in folder.parent.iterdir() if each.name.startswith(".")]
    assert folder.stat().st_mode & 0o077 == 0


def test_hostile_names_stay_below_the_folder(tmp_path: Path) -> None:
    store = Failures(tmp_path / ".git", tmp_path)
    kept = store.keep("../../etc", "..", "a/b\n", {"x": ""})
    assert kept.name == "gitops/failures/%2E%2E%2F%2E%2E%2Fetc/%2E%2E/0001-a%2Fb%0A"
    assert (tmp_path / ".git" / kept.name / "x").is_file()


def test_a_place_outside_of_the_working_tree_can_be_pasted(tmp_path: Path) -> None:
    kept = Failures(tmp_path / "main" / ".git", tmp_path / "other").keep("m", "e", "w", {"x": ""})
    assert kept.shown == f"$(git rev-parse --git-common-dir)/{kept.name}"


def test_files_and_folders_have_a_limit(tmp_path: Path) -> None:
    store = Failures(tmp_path / ".git", tmp_path)
    files = {f"{number}.txt": "x" * (LARGEST_FILE + 9) for number in range(6)}
    folder = tmp_path / ".git" / store.keep("m", "e", "w", files).name
    sizes = [each.stat().st_size for each in folder.iterdir()]
    assert max(sizes) < LARGEST_FILE + 100
    assert sum(sizes) < LARGEST_FOLDER + 1000
    assert (folder / "0.txt").read_text().endswith("(cut off here)\n")


def test_only_the_newest_stay(tmp_path: Path) -> None:
    store = Failures(tmp_path / ".git", tmp_path)
    kept = [store.keep("m", "e", "w", {"x": ""}).name for _ in range(NEWEST + 2)]
    there = sorted(each.name for each in (tmp_path / ".git" / kept[0]).parent.iterdir())
    assert there == [Path(each).name for each in kept[2:]]


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("a file")
    with pytest.raises(RepositoryError, match="cannot be written"):
        Failures(tmp_path / ".git", tmp_path).keep("m", "e", "w", {"x": ""})
