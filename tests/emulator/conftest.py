"""An emulator on a clock that stands still, and what a client of it does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import gitops.emulator
from gitops.emulator import ManualClock, Options, Running
from tests.emulator.client import Client


@pytest.fixture
def options() -> dict[str, Any]:
    """Overridden by parametrization: single fields of `Options`."""
    return {}


@pytest.fixture
def emulator(options: dict[str, Any]) -> Iterator[Running]:
    switches = {"control": True, "rate_limits": False, **options}
    with gitops.emulator.running(Options(**switches), clock=ManualClock()) as it:
        yield it


@pytest.fixture
def client(emulator: Running) -> Iterator[Client]:
    with Client(emulator) as it:
        yield it
