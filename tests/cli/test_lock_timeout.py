from __future__ import annotations

from pathlib import Path

import pytest

from gitops.cli.context import Context
from gitops.cli.locking import IN_CI, waits
from gitops.cli.main import run


@pytest.mark.parametrize("text", ["soon", "10", "-1s", ""])
def test_a_timeout_is_a_duration(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--lock-timeout", text]) == 1
    assert "is no duration such as 30s, 10m or 1h" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "environ", "expected"),
    [
        (None, {}, 0.0),
        (None, {"CI": ""}, 0.0),
        (None, {"CI": "true"}, IN_CI),
        (0.0, {"CI": "true"}, 0.0),
        (90.0, {}, 90.0),
    ],
)
def test_a_person_is_told_at_once_and_ci_waits(
    tmp_path: Path, asked: float | None, environ: dict[str, str], expected: float
) -> None:
    assert waits(Context(directory=tmp_path, environ=environ), asked) == expected
