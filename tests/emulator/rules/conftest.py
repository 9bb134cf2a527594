"""One emulator for all rules that need no switch, and a model that serves for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

import gitops.emulator
from gitops.emulator import ManualClock, Options, Running
from tests.emulator.client import Client, echo_truss

if TYPE_CHECKING:
    import httpx

SWITCHES = {"control": True, "rate_limits": False}
NUMBERS = count(1)


@pytest.fixture(scope="session")
def shared() -> Iterator[Running]:
    with gitops.emulator.running(Options(**SWITCHES), clock=ManualClock()) as it:
        yield it


@pytest.fixture
def emulator(request: pytest.FixtureRequest, options: dict[str, Any]) -> Iterator[Running]:
    """An emulator of the test's own only where it asks for switches."""
    if not options:
        yield request.getfixturevalue("shared")
        return
    with gitops.emulator.running(Options(**{**SWITCHES, **options}), clock=ManualClock()) as it:
        yield it


@dataclass(frozen=True)
class Served:
    """A model with deployments of their own in production and staging."""

    client: Client
    id: str
    current: str

    @property
    def path(self) -> str:
        return f"/v1/models/{self.id}"

    def refused(self, method: str, path: str, body: Any = None) -> int:
        """The status of a request that must not succeed."""
        reply = self.client.send(method, f"{self.path}{path}", body)
        assert reply.status_code >= 400, reply.text
        assert reply.json()
        return reply.status_code

    def patch(self, path: str, body: Any) -> Any:
        return self.client.ask("PATCH", f"{self.path}{path}", body)

    def ready(self, **payload: Any) -> str:
        """A further deployment, active and in no environment."""
        return self.client.ready(self.id, echo_truss(), **payload)

    def predict(self, path: str = "production/predict") -> httpx.Response:
        return self.client.predict(self.id, {"messages": [{"role": "user", "content": "x"}]}, path)


@pytest.fixture
def model(client: Client) -> Served:
    [model_id] = client.emulator.seed(1, prefix=f"model-{next(NUMBERS)}")
    return Served(client, model_id, client.deployment(model_id)["id"])
