"""What Baseten does besides what it is told: timeouts, queues, canaries, clobbering."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss, python_truss
from tests.emulator.test_inference import messages
from tests.emulator.test_metrics import metrics, series


def promotion(client: Client, model_id: str) -> tuple[str, int] | None:
    shown = client.environment(model_id)["in_progress_promotion"]
    return shown and (shown["status"], shown["percent_traffic_to_new_version"])


@pytest.mark.fact("B-258")
@pytest.mark.fact("B-138")
def test_what_is_not_up_within_its_deploy_timeout_fails(client: Client) -> None:
    model_id, first = client.live()
    slow = client.push(
        model_id,
        echo_truss(load_seconds=3600),
        deploy_timeout_minutes=10,
        environment_name="production",
    )["id"]
    client.emulator.advance(590)
    assert client.deployment(model_id, slow)["status"] == "LOADING_MODEL"
    client.emulator.advance(15)
    assert client.deployment(model_id, slow)["status"] == "DEPLOY_FAILED"
    assert client.environment(model_id)["current_deployment"]["id"] == first
    lines = messages(client, model_id, slow, min_level="ERROR")
    assert lines[0] == "Not ready after 10 minutes (deploy_timeout_minutes)"


def test_a_deploy_timeout_is_over_once_it_is_up(client: Client) -> None:
    model_id, deployment_id = client.live(
        deploy_timeout_minutes=10, autoscaling_settings={"min_replica": 1}
    )
    path = f"/v1/models/{model_id}/deployments/{deployment_id}"
    client.post(f"{path}/deactivate")
    client.emulator.advance(200)
    client.post(f"{path}/activate")
    client.emulator.advance(110)
    assert client.deployment(model_id)["status"] == "ACTIVE"
    client.emulator.advance(600)
    assert client.deployment(model_id)["status"] == "ACTIVE"


@pytest.mark.fact("B-033")
def test_queued_settings_wait_until_the_deployment_is_up(client: Client) -> None:
    model_id, deployment_id = client.live()
    path = f"/v1/models/{model_id}/deployments/{deployment_id}"
    client.post(f"{path}/deactivate")
    client.emulator.advance(20)
    client.post(f"{path}/activate")
    update = {"autoscaling_settings": {"max_replica": 3}}
    at = f"/v1/models/{model_id}/environments/production"
    assert client.ask("PATCH", at, update)["status"] == "QUEUED"
    client.emulator.advance(30)
    assert client.deployment(model_id)["status"] == "DEPLOYING"
    assert client.environment(model_id)["autoscaling_settings"]["max_replica"] == 1
    client.emulator.advance(60)
    assert client.environment(model_id)["autoscaling_settings"]["max_replica"] == 3
    assert client.deployment(model_id)["autoscaling_settings"]["max_replica"] == 3


@pytest.mark.fact("B-202")
def test_a_change_during_a_promotion_reaches_what_was_promoted_at_its_end(
    client: Client,
) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second)
    client.emulator.advance(10)
    changes: dict[str, Any] = {
        "autoscaling_settings": {"min_replica": 1, "max_replica": 5},
        "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 3600}},
    }
    client.ask("PATCH", f"/v1/models/{model_id}/environments/production", changes)
    client.emulator.advance(10)
    candidate = client.environment(model_id)["candidate_deployment"]
    assert candidate["autoscaling_settings"]["max_replica"] == 1
    client.emulator.advance(120)
    current = client.environment(model_id)["current_deployment"]
    assert current["id"] == second
    assert current["autoscaling_settings"]["max_replica"] == 5


@pytest.mark.fact("B-260")
@pytest.mark.parametrize("options", [{"mode": "july"}])
def test_julys_canary_moves_traffic_over_its_duration(client: Client) -> None:
    model_id, first = client.live()
    settings = {"ramp_up_while_promoting": True, "ramp_up_duration_seconds": 100}
    at = f"/v1/models/{model_id}/environments/production"
    client.ask("PATCH", at, {"promotion_settings": settings})
    second = client.ready(model_id)
    client.promote(model_id, second)
    client.emulator.advance(6)
    assert promotion(client, model_id) == ("RAMPING_UP", 10)
    client.emulator.advance(50)
    assert promotion(client, model_id) == ("RAMPING_UP", 60)
    assert client.environment(model_id)["in_progress_promotion"]["rolling_deploy"] is False
    assert client.send("POST", f"{at}/pause_promotion").status_code == 400
    assert client.post(f"{at}/cancel_promotion")["status"] == "CANCELED"
    assert client.environment(model_id)["current_deployment"]["id"] == first
    client.emulator.advance(10)
    client.promote(model_id, second)
    client.emulator.advance(110)
    assert client.environment(model_id)["current_deployment"]["id"] == second


@pytest.mark.fact("B-120")
def test_two_pushers_clobber_the_development_slot(client: Client) -> None:
    model_id, _ = client.live()
    mine = client.push(model_id, echo_truss(reply="mine"), is_development=True, labels={"by": "a"})
    client.emulator.advance(100)
    yours = client.push(model_id, echo_truss(reply="yours"), is_development=True)
    assert yours["id"] == mine["id"]
    assert yours["labels"] == {"by": "a"}
    client.emulator.advance(60)
    # The build of the first push would have been up by now.
    assert client.deployment(model_id, "development")["status"] == "BUILDING"
    client.emulator.advance(200)
    assert client.predict(model_id, {}, "development/predict").json() == "yours"
    deployments = client.get(f"/v1/models/{model_id}/deployments")["deployments"]
    assert [each["is_development"] for each in deployments] == [False, True]


@pytest.mark.fact("B-122")
def test_the_replicas_of_the_development_slot_are_fixed(client: Client) -> None:
    model_id, _ = client.live()
    client.push(model_id, echo_truss(), is_development=True)
    client.emulator.advance(300)
    path = f"/v1/models/{model_id}/deployments/development/autoscaling_settings"
    assert client.send("PATCH", path, {"max_replica": 2}).status_code == 400
    assert client.ask("PATCH", path, {"scale_down_delay": 60})["status"] == "ACCEPTED"
    truss = echo_truss()
    payload = {
        "config": truss["config"],
        "is_development": True,
        "autoscaling_settings": {"max_replica": 2},
    }
    body = {"deployment": payload, "model_id": model_id, "dry_run": True}
    assert client.send("POST", "/v1/prepare_model_upload", body).status_code == 400


@pytest.mark.fact("B-263")
def test_restarts_of_a_crashing_truss_are_counted(client: Client) -> None:
    code = "import os\nclass Model:\n    def predict(self, x):\n        os._exit(3)\n"
    model_id, deployment_id = client.live(python_truss(model_py=code))
    for _ in range(2):
        assert client.predict(model_id, 0).status_code == 502
    name = "baseten_container_restarts_total"
    start = int((client.emulator.world.now - 10) * 1000)
    window = {"mode": "SUMMARY", "start_epoch_millis": start, "metrics": name}
    assert series(metrics(client, model_id, deployment_id, **window), name) == [None]
    client.emulator.advance(190)
    assert series(metrics(client, model_id, deployment_id, **window), name) == [0.01]
    assert any(
        "The model process ended (exit code 3)" in line
        for line in messages(client, model_id, deployment_id, min_level="ERROR")
    )
