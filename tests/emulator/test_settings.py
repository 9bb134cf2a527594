"""Settings: when they hold, what is refused and what is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client

PATH = "/v1/models/{}/environments/production"


@pytest.mark.fact("B-022", "B-032", "B-034", "B-036")
def test_a_patch_is_accepted_and_holds_a_little_later(client: Client) -> None:
    model_id, _ = client.live()
    body = {
        "autoscaling_settings": {"min_replica": 2, "max_replica": 3, "concurrency_target": None}
    }
    reply = client.ask("PATCH", PATH.format(model_id), body)
    assert reply["status"] == "ACCEPTED"
    assert reply["environment"]["autoscaling_settings"]["max_replica"] == 1
    client.emulator.advance(3)
    environment = client.environment(model_id)
    assert environment["autoscaling_settings"]["max_replica"] == 3
    assert environment["autoscaling_settings"]["concurrency_target"] == 1
    current = environment["current_deployment"]
    assert current["autoscaling_settings"]["min_replica"] == 2
    client.emulator.advance(20)
    assert client.deployment(model_id)["active_replica_count"] == 2
    assert client.ask("PATCH", PATH.format(model_id), body)["status"] == "UNCHANGED"


@pytest.mark.fact("B-033")
def test_a_patch_is_queued_while_the_deployment_comes_up(client: Client) -> None:
    made = client.create({"config": {"docker_server": {}}, "files": {"config.yaml": "{}"}})
    model_id = made["model"]["id"]
    client.emulator.advance(5)
    path = f"/v1/models/{model_id}/deployments/{made['deployment']['id']}/autoscaling_settings"
    assert client.ask("PATCH", path, {"max_replica": 3})["status"] == "QUEUED"
    client.emulator.advance(300)
    assert client.deployment(model_id)["autoscaling_settings"]["max_replica"] == 3


@pytest.mark.fact("B-009", "B-148", "B-149", "B-152", "B-153", "B-156", "B-157")
@pytest.mark.parametrize(
    "body",
    [
        {"autoscaling_settings": {"min_replicas": 1}},
        {"autoscaling": {"min_replica": 1}},
        {"autoscaling_settings": {"min_replica": 5, "max_replica": 2}},
        {"autoscaling_settings": {"target_utilization_percentage": 101}},
        {"autoscaling_settings": {"max_scale_down_rate": 51}},
        {"promotion_settings": {"ramp_up_while_promoting": True}},
        {"promotion_settings": {"promotion_cleanup_strategy": "BURN"}},
        {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 51}}},
        {"promotion_settings": {"rolling_deploy_config": {"max_unavailable_percent": 10}}},
        {"promotion_settings": {"rolling_deploy_config": {"max_surge_percent": 0}}},
        {"request_backpressure_settings": {"policy": "PRAY"}},
        {"request_backpressure_settings": {"policies": None}},
    ],
)
def test_wrong_settings_are_refused_and_change_nothing(client: Client, body: Any) -> None:
    model_id, _ = client.live()
    before = client.environment(model_id)
    refused = client.send("PATCH", PATH.format(model_id), body)
    assert refused.status_code == 400
    assert refused.json()["code"] == "VALIDATION_ERROR"
    client.emulator.advance(10)
    assert client.environment(model_id) == before


@pytest.mark.fact("B-021", "B-034")
def test_a_misspelt_promotion_setting_succeeds_and_changes_nothing(client: Client) -> None:
    model_id, _ = client.live()
    body = {"promotion_settings": {"redeploy": True, "rolling_deploy_config": {"surge": 10}}}
    assert client.ask("PATCH", PATH.format(model_id), body)["status"] == "UNCHANGED"


@pytest.mark.fact("B-157")
def test_surge_and_unavailable_switch_in_one_patch(client: Client) -> None:
    model_id, _ = client.live()
    config = {"max_surge_percent": 0, "max_unavailable_percent": 10}
    reply = client.ask(
        "PATCH",
        PATH.format(model_id),
        {"promotion_settings": {"rolling_deploy_config": config}},
    )
    shown = reply["environment"]["promotion_settings"]["rolling_deploy_config"]
    assert (shown["max_surge_percent"], shown["max_unavailable_percent"]) == (0, 10)


@pytest.mark.fact("B-062", "B-159", "B-161")
def test_an_explicit_null_clears_the_backpressure_policy_and_nothing_else(client: Client) -> None:
    model_id, _ = client.live()
    for policy in ("REJECT_ON_FULL", None):
        body = {"request_backpressure_settings": {"policy": policy}}
        client.ask("PATCH", PATH.format(model_id), body)
        assert client.environment(model_id)["request_backpressure_settings"] == {"policy": policy}
        shown = client.deployment(model_id)["request_backpressure_settings"]
        assert shown == {"policy": policy}


@pytest.mark.fact("B-077", "B-080", "B-081", "B-083", "B-084", "B-085")
def test_environments_are_created_rolling_and_once(client: Client) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    made = client.post(path, name="Staging", unknown=1)
    assert made["name"] == "staging"
    assert made["current_deployment"] is None
    assert made["promotion_settings"]["rolling_deploy"]
    assert client.send("POST", path, {"name": "staging"}).status_code == 409
    for name in ("development", "a b", "-x", ""):
        assert client.send("POST", path, {"name": name}).status_code == 400
    assert client.environment(model_id, "STAGING")["name"] == "staging"


@pytest.mark.fact("B-082", "B-090")
def test_deleting_an_environment_scales_what_served_to_zero(client: Client) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    client.post(path, name="staging")
    second = client.ready(model_id)
    client.promote(model_id, second, "staging")
    client.emulator.advance(300)
    reply = client.ask("DELETE", f"{path}/staging")
    assert reply == {"name": "staging", "model_id": model_id, "deleted": True}
    assert client.send("GET", f"{path}/staging").status_code == 404
    assert client.deployment(model_id, second)["status"] == "SCALED_TO_ZERO"
    assert client.send("DELETE", f"{path}/production").status_code == 400


@pytest.mark.fact("B-035", "B-085", "B-090", "B-153", "B-221")
@pytest.mark.parametrize("options", [{"mode": "july"}])
def test_july_answers_a_patch_without_the_environment(client: Client) -> None:
    model_id, _ = client.live()
    body: dict[str, Any] = {"promotion_settings": {"ramp_up_while_promoting": True}}
    assert set(client.ask("PATCH", PATH.format(model_id), body)) == {"status", "message"}
    assert client.environment(model_id)["promotion_settings"]["ramp_up_while_promoting"]
    body = {"request_backpressure_settings": {"policy": None}}
    assert client.send("PATCH", PATH.format(model_id), body).status_code == 400
    made = client.post(f"/v1/models/{model_id}/environments", name="staging")
    assert not made["promotion_settings"]["rolling_deploy"]
    assert client.send("DELETE", f"/v1/models/{model_id}/environments/staging").status_code == 405
    assert client.send("GET", f"/v1/models/{model_id}/audit_logs").status_code == 404
