"""Whole applies: a real repository and remote, real HTTP to the emulator, real uploads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apply.stage import PRODUCTION, STAGING, Stage, release, stage, truss


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, truss(), release(STAGING, PRODUCTION), traffic=40.0) as made:
        yield made


def test_a_first_release_serves_everywhere_and_is_pushed_once(two: Stage) -> None:
    outcome = two.apply()
    assert outcome.exit_code == 0
    assert outcome.finished.converged == ("triage/staging", "triage/production")
    assert len(two.pushes()) == 1
    assert two.told() == [
        "staging intent",
        "staging released",
        # A new model's first deployment becomes production by itself.
        "production adopted",
        "production settings",
    ]
    before = two.writes(), two.told()
    again = two.apply()
    assert again.exit_code == 0
    assert (two.writes(), two.told()) == before
