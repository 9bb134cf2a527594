"""What an emulator leaves on the disk: nothing, even when it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gitops.emulator.folders import own_folder

if TYPE_CHECKING:
    import pytest


def test_a_folder_goes_and_takes_those_of_the_dead_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    dead = tmp_path / f"gitops-emulator-{gone}-x"
    alive = tmp_path / f"gitops-emulator-{os.getppid()}-x"
    other = tmp_path / "gitops-emulator-notes"
    for folder in (dead, alive, other):
        folder.mkdir()
        (folder / "file").touch()
    with own_folder() as folder:
        assert folder.parent == tmp_path
        assert sorted(tmp_path.iterdir()) == sorted([alive, other, folder])
    assert not folder.exists()
