"""A plan names what left Git and still serves, and asks Baseten nothing more for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.apply.stage import Stage, stage
from tests.echo import PRODUCTION, STAGING, release, truss
from tests.patience import HANGS


def run(made: Stage, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gitops", *arguments],
        cwd=made.work.path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd()), **made.emulator.environ()},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())


def test_what_left_git_and_still_serves_is_named(tmp_path: Path) -> None:
    begin = release(STAGING, PRODUCTION)
    with stage(tmp_path, truss(), begin, traffic=30.0, speed=300.0) as made:
        run(made, "apply", "--yes")
        assert "no longer managed" not in run(made, "plan")
        asked = len(made.emulator.requests())
        made.work.commit(release(PRODUCTION))
        told = run(made, "plan")
        reads = len(made.emulator.requests()) - asked
        assert "triage: staging is no longer managed" in told
        assert "goes on to serve there and bills" in told
        text = begin["releases/triage.yaml"].replace("model: triage", "model: other")
        made.work.git("rm", "--quiet", "releases/triage.yaml")
        made.work.commit({"releases/other.yaml": text})
        asked = len(made.emulator.requests())
        told = run(made, "plan")
        assert len(made.emulator.requests()) - asked <= reads
        assert "Notice: triage is no longer managed, for releases/triage.yaml is gone" in told
        assert "in staging and commit" in told
        assert "no longer managed" not in run(made, "plan", "other")
