"""Baseten's own library accepts every truss that this project comes with."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gitops.demo import by_hand

ROOT = Path(__file__).parent.parent.parent

LOAD = """
import json, sys
from pathlib import Path
from truss.base.truss_config import TrussConfig

configs = [TrussConfig.from_yaml(Path(path)) for path in sys.argv[1:]]
print(json.dumps([[config.model_name, sorted(config.model_extra or {})] for config in configs]))
"""


@pytest.mark.needs("truss")
def test_the_trusses_of_the_fleet_and_of_the_demo_load(tmp_path: Path) -> None:
    by_hand_config = tmp_path / "config.yaml"
    by_hand_config.write_text(by_hand.CONFIG)
    fleet = sorted(ROOT.glob("trusses/*/config.yaml"))
    assert fleet
    # The library lives in an environment of its own; the Python beside the command has it.
    command = shutil.which("truss")
    assert command is not None
    done = subprocess.run(
        [Path(command).with_name("python"), "-c", LOAD, *fleet, by_hand_config],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names_and_unknown_keys = json.loads(done.stdout.splitlines()[-1])
    expected = [[path.parent.name, []] for path in fleet]
    assert names_and_unknown_keys == [*expected, ["call-transcriber", []]]
