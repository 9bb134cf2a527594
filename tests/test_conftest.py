"""What conftest.py promises every test, seen by running pytest on small files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BY_MARKER = """
import pytest
@pytest.mark.needs("no-such-program")
def test_it(): raise AssertionError
"""
BY_CALL = """
import pytest
def test_it(): pytest.skip("not today")
"""
AS_A_MODULE = """
import pytest
pytest.importorskip("no_such_module")
"""
ISOLATED = """
import os, time
def test_it():
    foreign = {"BASETEN_API_KEY", "AWS_PROFILE", "CI", "NO_COLOR", "GIT_DIR", "https_proxy"}
    assert not foreign & os.environ.keys()
    assert time.tzname == ("UTC", "UTC")
"""


def run_pytest(folder: Path, *sources: str, **environment: str) -> subprocess.CompletedProcess[str]:
    for number, source in enumerate(sources):
        (folder / f"test_{number}.py").write_text(source)
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), str(folder)),
            "--continue-on-collection-errors",
        ],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_skips_are_named_and_pass(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, BY_MARKER, BY_CALL, AS_A_MODULE)
    assert run.returncode == pytest.ExitCode.OK, run.stdout
    assert "3 skipped" in run.stdout
    for reason in ("needs no-such-program", "not today", "no_such_module"):
        assert reason in run.stdout


def test_skips_fail_where_none_is_allowed(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, BY_MARKER, BY_CALL, AS_A_MODULE, GITOPS_NO_SKIPS="1")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
    assert "1 failed, 2 errors" in run.stdout
    assert "skipped although GITOPS_NO_SKIPS is set: Skipped: not today" in run.stdout


def test_keys_and_terminals_of_the_machine_stay_outside(tmp_path: Path) -> None:
    run = run_pytest(
        tmp_path,
        ISOLATED,
        BASETEN_API_KEY="key",
        AWS_PROFILE="work",
        CI="1",
        NO_COLOR="1",
        GIT_DIR="/nowhere",
        https_proxy="http://127.0.0.1:9",
        TZ="Asia/Tokyo",
    )
    assert run.returncode == pytest.ExitCode.OK, run.stdout
