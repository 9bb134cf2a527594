"""Replicas that follow the traffic that is really there, and what happens when they are full."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gitops.emulator.world.load import Load
from tests.emulator.client import Client, echo_truss, python_truss
from tests.emulator.test_metrics import metrics, series

if TYPE_CHECKING:
    import httpx


class Held:
    """Requests that stay in a truss until they are let go."""

    def __init__(self, client: Client, folder: Path) -> None:
        self._client, self.model_id = client, ""
        # Open at both ends here, so that neither end of a truss ever waits for the other.
        self._started = os.open(folder / "started", os.O_RDWR)
        self._release = os.open(folder / "release", os.O_RDWR)
        self._threads = concurrent.futures.ThreadPoolExecutor(8)
        self.answers: list[concurrent.futures.Future[httpx.Response]] = []

    def ask(self) -> concurrent.futures.Future[httpx.Response]:
        answer = self._threads.submit(self._client.predict, self.model_id, 0)
        self.answers.append(answer)
        return answer

    def begin(self, requests: int) -> None:
        """Requests that have reached the truss when this returns."""
        for _ in range(requests):
            self.ask()
            self.reached()

    def reached(self) -> None:
        """Return when one more request is in the truss."""
        os.read(self._started, 1)

    def end(self, requests: int = 1) -> None:
        os.write(self._release, b"x" * requests)

    def close(self) -> None:
        """Let go of everything."""
        self.end(len(self.answers))
        self._threads.shutdown()
        os.close(self._started)
        os.close(self._release)

    def waiting(self, requests: int) -> None:
        """Return when so many requests are at the deployment, running or not."""
        world = self._client.emulator.world
        while sum(each.now for each in list(world.loads.values())) < requests:
            continue


def truss(folder: Path) -> dict[str, Any]:
    code = (
        "import os\n"
        "class Model:\n"
        "    def __init__(self):\n"
        f"        self.started = os.open({str(folder / 'started')!r}, os.O_WRONLY)\n"
        f"        self.release = os.open({str(folder / 'release')!r}, os.O_RDONLY)\n"
        "    def predict(self, x):\n"
        "        os.write(self.started, b'x')\n"
        "        os.read(self.release, 1)\n"
        "        return 1\n"
    )
    made = python_truss(model_py=code)
    made["config"]["runtime"] = {"predict_concurrency": 8}
    return made


@contextmanager
def held(client: Client, folder: Path, **scaling: Any) -> Iterator[tuple[str, Held]]:
    for name in ("started", "release"):
        os.mkfifo(folder / name)
    settings = {"min_replica": 1, "max_replica": 4, **scaling}
    at = Held(client, folder)
    try:
        at.model_id, _ = client.live(truss(folder), autoscaling_settings=settings)
        yield at.model_id, at
    finally:
        at.close()


def replicas(client: Client, model_id: str) -> int:
    return int(client.deployment(model_id)["active_replica_count"])


def test_replicas_follow_the_mean_load_of_the_window(client: Client, tmp_path: Path) -> None:
    with held(client, tmp_path, scale_down_delay=300, max_scale_down_rate=50) as (model_id, at):
        at.begin(4)
        # Four requests at once, 0.7 a replica: for the first quarter minute their mean is below.
        client.emulator.advance(5)
        assert replicas(client, model_id) == 1
        client.emulator.advance(100)
        assert replicas(client, model_id) == 4
        at.end(4)
        assert all(each.result().status_code == 200 for each in at.answers)
        client.emulator.advance(300)
        assert replicas(client, model_id) == 4
        seen = []
        for _ in range(60):
            client.emulator.advance(5)
            if (now := replicas(client, model_id)) not in seen:
                seen.append(now)
        assert seen == [4, 2, 1]


def test_target_utilization_and_concurrency_decide_how_many(client: Client, tmp_path: Path) -> None:
    scaling = {"concurrency_target": 2, "target_utilization_percentage": 100}
    with held(client, tmp_path, **scaling) as (model_id, at):
        at.begin(4)
        client.emulator.advance(100)
        assert replicas(client, model_id) == 2
        client.emulator.advance(60)
        shown = metrics(
            client,
            model_id,
            client.deployment(model_id)["id"],
            mode="SUMMARY",
            start_epoch_millis=int((client.emulator.world.now - 160) * 1000),
            end_epoch_millis=int((client.emulator.world.now - 60) * 1000),
            metrics=["baseten_replicas_starting", "baseten_replicas_active"],
        )
        assert series(shown, "baseten_replicas_starting") == [0.15]
        at.end(4)


def test_a_short_burst_starts_nothing(client: Client, tmp_path: Path) -> None:
    with held(client, tmp_path) as (model_id, at):
        at.begin(4)
        client.emulator.advance(1)
        at.end(4)
        assert all(each.result().status_code == 200 for each in at.answers)
        client.emulator.advance(300)
        assert replicas(client, model_id) == 1


def test_the_last_replica_stays_while_a_request_runs(client: Client, tmp_path: Path) -> None:
    with held(client, tmp_path, min_replica=0, max_replica=1, scale_down_delay=10) as (
        model_id,
        at,
    ):
        client.emulator.advance(100)
        assert client.deployment(model_id)["status"] == "SCALED_TO_ZERO"
        at.ask()
        at.waiting(1)
        client.emulator.advance(15)
        at.reached()
        client.emulator.advance(300)
        assert client.deployment(model_id)["status"] == "ACTIVE"
        at.end()
        assert at.answers[0].result().status_code == 200
        client.emulator.advance(15)
        assert client.deployment(model_id)["status"] == "SCALED_TO_ZERO"


def policy(client: Client, model_id: str, name: str | None) -> None:
    body = {"request_backpressure_settings": {"policy": name}}
    client.ask("PATCH", f"/v1/models/{model_id}/environments/production", body)


@pytest.mark.fact("B-255")
def test_reject_on_full_answers_429_and_counts_it(client: Client, tmp_path: Path) -> None:
    with held(client, tmp_path, max_replica=1, concurrency_target=2) as (model_id, at):
        policy(client, model_id, "REJECT_ON_FULL")
        at.begin(2)
        refused = client.predict(model_id, 0)
        assert refused.status_code == 429
        assert refused.json()["error_code"] == "rate_limited"
        at.end(2)
        assert [each.result().status_code for each in at.answers] == [200, 200]
        at.begin(1)
        at.end()
        assert at.answers[-1].result().status_code == 200
        client.emulator.advance(61)
        shown = metrics(client, model_id, client.deployment(model_id)["id"], mode="SUMMARY")
        assert series(shown, "baseten_inference_requests_total", status="4xx") == [1 / 3600]


@pytest.mark.fact("B-255")
def test_queue_on_full_lets_no_more_in_than_the_target(client: Client, tmp_path: Path) -> None:
    with held(client, tmp_path, max_replica=1) as (model_id, at):
        policy(client, model_id, "QUEUE_ON_FULL")
        at.begin(1)
        second = at.ask()
        at.waiting(2)
        deployment = client.emulator.world.deployments[client.deployment(model_id)["id"]]
        assert deployment.in_flight == 1
        assert not second.done()
        at.end()
        at.reached()
        at.end()
        assert [each.result().status_code for each in at.answers] == [200, 200]


@pytest.mark.fact("B-257")
@pytest.mark.parametrize("name", ["production", None])
def test_long_idle_deployments_are_deactivated_by_the_platform(
    client: Client, name: str | None
) -> None:
    model_id, _ = client.live()
    idle = client.deployment(model_id)["id"] if name else client.ready(model_id)
    client.emulator.advance(1000)
    assert client.deployment(model_id, idle)["status"] == "SCALED_TO_ZERO"
    client.emulator.advance(14 * 24 * 3600)
    assert client.deployment(model_id, idle)["status"] == "INACTIVE"
    assert client.deployment(model_id, idle)["environment"] == name
    assert client.predict(model_id, {}, f"deployment/{idle}/predict").status_code == 404
    entries = client.get(
        "/v1/audit_logs", event_type_groups="ACTIVATED_DEACTIVATED", deployment_ids=idle
    )["items"]
    assert [each["event_type"] for each in entries] == ["MODEL_DEPLOYMENT_DEACTIVATED"]
    assert entries[0]["source"] == "SYSTEM"
    assert entries[0]["actor"] == {
        "type": "BASETEN_SYSTEM",
        "email": None,
        "api_key_prefix": None,
        "api_key_name": None,
    }


@pytest.mark.fact("B-259")
@pytest.mark.parametrize(
    ("rolling", "expected"),
    [
        ({"max_surge_percent": 25}, [(4, 1), (3, 2), (2, 3), (1, 4)]),
        (
            {"max_surge_percent": 0, "max_unavailable_percent": 25},
            [(4, 1), (3, 1), (2, 2), (1, 3), (1, 4)],
        ),
        (
            {"max_surge_percent": 50, "replica_overhead_percent": 50},
            [(4, 1), (4, 3), (2, 6)],
        ),
    ],
)
def test_a_rollout_moves_replicas_with_the_traffic(
    client: Client, rolling: dict[str, int], expected: list[tuple[int, int]]
) -> None:
    model_id, first = client.live(autoscaling_settings={"min_replica": 4, "max_replica": 8})
    second = client.ready(model_id, echo_truss())
    assert replicas(client, model_id) == 4
    override = {"rolling_deploy_config": rolling}
    client.promote(model_id, second, promotion_settings_override=override)
    seen = []
    while client.environment(model_id)["current_deployment"]["id"] == first:
        both = tuple(
            client.deployment(model_id, each)["active_replica_count"] for each in (first, second)
        )
        if both not in seen:
            seen.append(both)
        client.emulator.advance(5)
    # The first pair is before any traffic; a surge adds before it takes away.
    assert seen == expected
    client.emulator.advance(60)
    assert replicas(client, model_id) >= 4


def test_a_cancelled_rollout_gives_the_replicas_back(client: Client) -> None:
    model_id, first = client.live(autoscaling_settings={"min_replica": 4, "max_replica": 8})
    second = client.ready(model_id, echo_truss())
    client.promote(model_id, second)
    client.emulator.advance(52)
    assert client.deployment(model_id, first)["active_replica_count"] == 1
    client.post(f"/v1/models/{model_id}/environments/production/force_cancel_promotion")
    assert client.deployment(model_id, first)["active_replica_count"] == 1
    client.emulator.advance(30)
    assert client.deployment(model_id, first)["active_replica_count"] == 4


def test_a_mean_forgets_what_is_older_than_its_window() -> None:
    load = Load(0.0)
    for at, by in ((10.0, 5), (10.0, -3), (20.0, 2), (30.0, -4)):
        load.change(at, by, 60.0)
    assert load.mean(30.0, 30.0) == pytest.approx(2.0)
    assert load.mean(40.0, 20.0) == pytest.approx(2.0)
    assert load.mean(60.0, 30.0) == 0.0
    assert load.now == 0
