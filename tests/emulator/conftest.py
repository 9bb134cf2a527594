"""An emulator on a clock that stands still, and what a client of it does.

Its state is kept in a file, which must hold at the end of each test what the emulator held.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import gitops.emulator
from gitops.emulator import ManualClock, Options, Running
from tests.emulator import kept
from tests.emulator.client import Client


@pytest.fixture
def options() -> dict[str, Any]:
    """Overridden by parametrization: single fields of `Options`."""
    return {}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder without a disk behind it, where there is one: flushing takes no time there."""
    shared = Path("/dev/shm")
    with TemporaryDirectory(dir=shared if shared.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def emulator(options: dict[str, Any], memory: Path) -> Iterator[Running]:
    state = memory / "emulator.state"
    switches = {"control": True, "rate_limits": False, "state": state, **options}
    with gitops.emulator.running(Options(**switches), clock=ManualClock()) as it:
        yield it
    if switches["state"] is not None:
        held = kept.of(it.emulator.world, it.emulator.uploads)
        assert kept.read(state, memory / "emulator.files") == held


@pytest.fixture
def client(emulator: Running) -> Iterator[Client]:
    with Client(emulator) as it:
        yield it
