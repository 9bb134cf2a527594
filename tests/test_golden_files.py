"""The golden fixture compares, updates, and says what differs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.golden_files import Golden

if TYPE_CHECKING:
    from pathlib import Path


def test_update_writes_what_a_later_run_accepts(tmp_path: Path) -> None:
    text = "Zürich\r\nno line break at the end"
    Golden(tmp_path / "golden", update=True)("deep/plan.md", text)
    Golden(tmp_path / "golden", update=False)("deep/plan.md", text)


def test_a_difference_fails_and_is_shown(tmp_path: Path) -> None:
    Golden(tmp_path, update=True)("plan.md", "one\ntwo\n")
    with pytest.raises(pytest.fail.Exception, match=r"-two\n\+three") as failure:
        Golden(tmp_path, update=False)("plan.md", "one\nthree\n")
    assert "--update-golden" in str(failure.value)


def test_a_missing_file_fails(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="there is no golden file"):
        Golden(tmp_path, update=False)("plan.md", "text")


def test_this_run_compares_with_the_folder_beside_the_test(golden: Golden) -> None:
    golden("example.txt", "A golden file holds what a person reads.\n")
