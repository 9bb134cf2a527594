"""Settings: defaults and ranges. Promotions: what they save, what they leave, who may run."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.emulator import Durations
from tests.emulator.client import Client, echo_truss
from tests.emulator.rules.conftest import Served

AT_ONCE = {"rolling_deploy": False}


@pytest.mark.fact("B-147", "B-151", "B-084")
def test_what_a_new_environment_has(model: Served) -> None:
    made = model.client.post(f"{model.path}/environments", name="fresh")
    assert made["autoscaling_settings"] == {
        "min_replica": 0,
        "max_replica": 1,
        "autoscaling_window": 60,
        "scale_down_delay": 900,
        "concurrency_target": 1,
        "target_utilization_percentage": 70,
        "target_in_flight_tokens": None,
        "max_scale_down_rate": 50,
    }
    settings = made["promotion_settings"]
    assert settings["redeploy_on_promotion"] is False
    assert settings["promotion_cleanup_strategy"] == "SCALE_TO_ZERO"


@pytest.mark.fact("B-085", "B-155")
@pytest.mark.parametrize(
    ("options", "rolling", "surge"),
    [({"mode": "newest"}, True, 25), ({"mode": "july"}, False, 10)],
)
def test_what_the_two_platforms_begin_with(model: Served, rolling: bool, surge: int) -> None:
    made = model.client.post(f"{model.path}/environments", name="fresh")
    assert made["promotion_settings"]["rolling_deploy"] is rolling
    block = {"rolling_deploy_config": {"stabilization_time_seconds": 1}}
    model.patch("/environments/fresh", {"promotion_settings": block})
    shown = model.client.environment(model.id, "fresh")["promotion_settings"]
    assert shown["rolling_deploy_config"]["max_surge_percent"] == surge
    assert shown["rolling_deploy_config"]["max_unavailable_percent"] == 0


RANGES: dict[str, tuple[int, int]] = {
    "autoscaling_window": (10, 3600),
    "scale_down_delay": (0, 3600),
    "target_utilization_percentage": (1, 100),
    "max_scale_down_rate": (1, 50),
}
ROLLING: dict[str, tuple[int, int]] = {
    "max_surge_percent": (1, 50),
    "stabilization_time_seconds": (0, 3600),
    "replica_overhead_percent": (0, 500),
}


@pytest.mark.fact("B-148", "B-156")
def test_both_ends_of_every_range(model: Served) -> None:
    def tried(kind: str, block: Any) -> int:
        path = f"{model.path}/environments/staging"
        return model.client.send("PATCH", path, {kind: block}).status_code

    for name, (low, high) in RANGES.items():
        for value, status in ((low - 1, 400), (low, 200), (high, 200), (high + 1, 400)):
            assert tried("autoscaling_settings", {name: value}) == status, (name, value)
    for name in ("max_replica", "concurrency_target"):
        assert tried("autoscaling_settings", {name: 0}) == 400
    for name, (low, high) in ROLLING.items():
        for value, status in ((low - 1, 400), (low, 200), (high, 200), (high + 1, 400)):
            block = {"rolling_deploy_config": {name: value}}
            assert tried("promotion_settings", block) == status, (name, value)
    swapped = {"max_surge_percent": 0, "max_unavailable_percent": 50}
    assert tried("promotion_settings", {"rolling_deploy_config": swapped}) == 200
    beyond = {"max_unavailable_percent": 51}
    assert tried("promotion_settings", {"rolling_deploy_config": beyond}) == 400


@pytest.mark.fact("B-150", "B-202")
def test_a_deployments_own_settings_last_until_its_next_promotion(model: Served) -> None:
    deployment = model.ready()
    path = f"/deployments/{deployment}/autoscaling_settings"
    assert model.patch(path, {"max_replica": 7})["status"] == "ACCEPTED"
    model.client.emulator.advance(5)
    shown = model.client.deployment(model.id, deployment)
    assert shown["autoscaling_settings"]["max_replica"] == 7
    model.client.promote(model.id, deployment, promotion_settings_override=AT_ONCE)
    model.client.emulator.advance(60)
    shown = model.client.environment(model.id)["current_deployment"]
    assert shown["id"] == deployment
    assert shown["autoscaling_settings"]["max_replica"] == 1


@pytest.mark.fact("B-154", "B-158")
def test_the_rolling_block(model: Served) -> None:
    path = "/environments/staging"
    odd = {"rolling_deploy_config": {"rolling_deploy_strategy": "BLUE_GREEN"}}
    assert model.refused("PATCH", path, {"promotion_settings": odd}) == 400
    block = {"rolling_deploy": False, "rolling_deploy_config": {"max_surge_percent": 33}}
    model.patch(path, {"promotion_settings": block})
    shown = model.client.environment(model.id, "staging")["promotion_settings"]
    assert shown["rolling_deploy"] is False
    assert shown["rolling_deploy_config"]["max_surge_percent"] == 33
    assert shown["rolling_deploy_config"]["rolling_deploy_strategy"] == "REPLICA"


@pytest.mark.fact("B-153")
@pytest.mark.parametrize(
    ("options", "status"), [({"mode": "newest"}, 400), ({"mode": "july"}, 200)]
)
def test_canaries_are_of_the_older_platform(model: Served, status: int) -> None:
    block = {"promotion_settings": {"ramp_up_while_promoting": True}}
    reply = model.client.send("PATCH", f"{model.path}/environments/staging", block)
    assert reply.status_code == status
    create = {"name": "canary", **block}
    reply = model.client.send("POST", f"{model.path}/environments", create)
    assert reply.status_code == status


@pytest.mark.fact("B-161")
def test_where_a_backpressure_policy_is_set(model: Served) -> None:
    policy = {"policy": "REJECT_ON_FULL"}
    none = {"policy": None}
    made = model.client.post(
        f"{model.path}/environments", name="full", request_backpressure_settings=policy
    )
    assert made["request_backpressure_settings"] == policy
    pushed = model.ready(request_backpressure_settings=policy)
    shown = model.client.deployment(model.id, pushed)
    assert shown["request_backpressure_settings"] == policy
    path = f"/deployments/{pushed}/request_backpressure_settings"
    assert model.patch(path, {}) == policy
    assert model.patch(path, none) == none
    model.client.promote(
        model.id,
        pushed,
        environment_settings_update={"request_backpressure_settings": policy},
        promotion_settings_override=AT_ONCE,
    )
    model.client.emulator.advance(60)
    environment = model.client.environment(model.id)
    assert environment["request_backpressure_settings"] == policy
    assert environment["current_deployment"]["request_backpressure_settings"] == policy


@pytest.mark.fact("B-162", "B-164")
def test_what_is_promoted_has_to_be_named(model: Served) -> None:
    assert model.refused("POST", "/environments/staging/promote", {}) == 400
    assert model.refused("POST", "/deployments/production/promote") == 404
    wrong = {"deployment_id": "unknown"}
    assert model.refused("POST", "/environments/staging/promote", wrong) == 404


@pytest.mark.fact("B-163", "B-165")
def test_a_deployment_is_promoted_to_production_by_its_own_path(model: Served) -> None:
    deployment = model.ready()
    reply = model.client.post(f"{model.path}/deployments/{deployment}/promote")
    assert (reply["id"], reply["environment"]) == (deployment, "production")
    model.client.emulator.advance(600)
    assert model.client.environment(model.id)["current_deployment"]["id"] == deployment


@pytest.mark.fact("B-173")
@pytest.mark.parametrize(
    ("options", "strategy", "scale_down", "status"),
    [
        ({}, "SCALE_TO_ZERO", True, "SCALED_TO_ZERO"),
        ({}, "SCALE_TO_ZERO", False, "ACTIVE"),
        ({}, "DEACTIVATE", False, "INACTIVE"),
        ({"keep_previous": "ignored"}, "SCALE_TO_ZERO", False, "SCALED_TO_ZERO"),
    ],
)
def test_the_flag_and_the_strategy(
    model: Served, strategy: str, scale_down: bool, status: str
) -> None:
    deployment = model.ready()
    model.client.promote(
        model.id,
        deployment,
        scale_down_previous_deployment=scale_down,
        promotion_settings_override={**AT_ONCE, "promotion_cleanup_strategy": strategy},
    )
    model.client.emulator.advance(30)
    assert model.client.deployment(model.id, model.current)["status"] == status


@pytest.mark.fact("B-176", "B-195")
def test_an_override_is_for_one_promotion_and_a_change_for_the_next(model: Served) -> None:
    deployment = model.ready()
    before = model.client.environment(model.id)["promotion_settings"]
    model.client.promote(model.id, deployment, promotion_settings_override=AT_ONCE)
    body = {"promotion_settings": {"promotion_cleanup_strategy": "KEEP"}}
    model.patch("/environments/production", body)
    model.client.emulator.advance(60)
    environment = model.client.environment(model.id)
    assert environment["current_deployment"]["id"] == deployment
    assert model.client.deployment(model.id, model.current)["status"] == "SCALED_TO_ZERO"
    assert environment["promotion_settings"] == {**before, "promotion_cleanup_strategy": "KEEP"}


@pytest.mark.fact("B-175")
def test_a_failed_promotion_saves_nothing(model: Served) -> None:
    deployment = model.ready()
    model.client.promote(
        model.id,
        deployment,
        environment_settings_update={
            "autoscaling_settings": {"max_replica": 5},
            "promotion_settings": {"promotion_cleanup_strategy": "KEEP"},
        },
    )
    model.client.emulator.set_status(deployment, "FAILED")
    model.client.emulator.advance(60)
    environment = model.client.environment(model.id)
    assert environment["current_deployment"]["id"] == model.current
    assert environment["autoscaling_settings"]["max_replica"] == 1
    assert environment["promotion_settings"]["promotion_cleanup_strategy"] == "SCALE_TO_ZERO"


@pytest.mark.fact("B-185")
def test_a_promotion_may_name_its_hardware(model: Served) -> None:
    deployment = model.ready()
    body: dict[str, Any] = {
        "deployment_id": deployment,
        "environment_settings_update": {"instance_type_id": "2x8"},
    }
    assert model.refused("POST", "/environments/production/promote", body) == 400
    body["preserve_env_instance_type"] = False
    copy = model.client.ask("POST", f"{model.path}/environments/production/promote", body)
    assert copy["id"] != deployment
    assert copy["instance_type_name"].startswith("2x8 ")
    model.client.emulator.advance(600)
    assert model.client.environment(model.id)["instance_type"]["id"] == "2x8"


@pytest.mark.fact("B-188")
@pytest.mark.parametrize(
    ("options", "visible"), [({}, True), ({"durations": Durations(terminal_visible=0)}, False)]
)
@pytest.mark.parametrize("end", ["SUCCEEDED", "CANCELED", "FAILED"])
def test_how_long_the_end_can_be_read(model: Served, end: str, visible: bool) -> None:
    deployment = model.ready()
    model.client.promote(model.id, deployment, promotion_settings_override=AT_ONCE)
    if end == "CANCELED":
        model.client.post(f"{model.path}/environments/production/cancel_promotion")
    elif end == "FAILED":
        model.client.emulator.set_status(deployment, "FAILED")
    model.client.emulator.advance(5 if end == "SUCCEEDED" else 0)
    environment = model.client.environment(model.id)
    served = deployment if end == "SUCCEEDED" else model.current
    assert environment["current_deployment"]["id"] == served
    promotion = environment["in_progress_promotion"]
    assert (promotion["status"] if promotion else None) == (end if visible else None)


@pytest.mark.fact("B-192", "B-077")
def test_an_empty_environment_has_nothing_current_until_the_promotion_ends(model: Served) -> None:
    model.client.post(f"{model.path}/environments", name="empty")
    deployment = model.ready()
    model.client.promote(model.id, deployment, "empty")
    environment = model.client.environment(model.id, "empty")
    assert environment["current_deployment"] is None
    assert environment["candidate_deployment"]["id"] == deployment
    assert model.predict("environments/empty/predict").status_code == 404
    model.client.emulator.advance(60)
    environment = model.client.environment(model.id, "empty")
    assert environment["current_deployment"]["id"] == deployment
    assert environment["candidate_deployment"] is None
    assert model.predict("environments/empty/predict").status_code == 200


@pytest.mark.fact("B-194")
def test_two_environments_are_promoted_to_at_once(model: Served) -> None:
    first, second = model.ready(), model.ready()
    model.client.promote(model.id, first)
    model.client.promote(model.id, second, "staging")
    model.client.emulator.advance(600)
    served = [
        model.client.environment(model.id, name)["current_deployment"]["id"]
        for name in ("production", "staging")
    ]
    assert served == [first, second]


@pytest.mark.fact("B-197", "B-198")
def test_what_was_scaled_down_wakes_when_it_is_called(model: Served) -> None:
    model.client.promote(model.id, model.ready(), promotion_settings_override=AT_ONCE)
    model.client.emulator.advance(30)
    previous = model.client.deployment(model.id, model.current)
    assert (previous["status"], previous["environment"]) == ("SCALED_TO_ZERO", None)
    assert model.predict(f"deployment/{model.current}/wake").status_code == 202
    model.client.emulator.advance(15)
    assert model.predict(f"deployment/{model.current}/predict").status_code == 200


@pytest.mark.fact("B-203")
@pytest.mark.parametrize(("options", "most"), [({"mode": "newest"}, 4), ({"mode": "july"}, 1)])
def test_settings_travel_on_the_newer_platform_only(model: Served, most: int) -> None:
    model.client.promote(
        model.id,
        model.ready(),
        environment_settings_update={"autoscaling_settings": {"max_replica": 4}},
    )
    model.client.emulator.advance(600)
    assert model.client.environment(model.id)["autoscaling_settings"]["max_replica"] == most


@pytest.mark.fact("B-180", "B-181", "B-050")
def test_a_copy_counts_and_is_not_built_again(client: Client) -> None:
    model_id, first = client.live(name="copied")
    copy = client.promote(
        model_id, first, promotion_settings_override={"redeploy_on_promotion": True}
    )
    assert (copy["id"] != first, copy["status"]) == (True, "DEPLOYING")
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 2
    config = [
        client.get(f"/v1/models/{model_id}/deployments/{each}/config")["config"]
        for each in (first, copy["id"])
    ]
    assert config[0] == config[1] == echo_truss()["config"]
    logs = client.get(f"/v1/models/{model_id}/deployments/{copy['id']}/logs")["logs"]
    assert "Building image" not in [line["message"] for line in logs]
    client.post(f"/v1/models/{model_id}/deployments/{copy['id']}/deactivate")
    client.emulator.advance(30)
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 2


@pytest.mark.fact("B-200")
@pytest.mark.parametrize(
    ("options", "status"), [({}, 400), ({"promote_inactive": "activates"}, 200)]
)
def test_whether_an_inactive_deployment_can_be_promoted(model: Served, status: int) -> None:
    deployment = model.ready()
    model.client.post(f"{model.path}/deployments/{deployment}/deactivate")
    model.client.emulator.advance(15)
    body = {"deployment_id": deployment, "promotion_settings_override": AT_ONCE}
    reply = model.client.send("POST", f"{model.path}/environments/production/promote", body)
    assert reply.status_code == status
    model.client.emulator.advance(120)
    current = model.client.environment(model.id)["current_deployment"]
    assert current["id"] == (deployment if status == 200 else model.current)
    assert current["status"] == "ACTIVE"


@pytest.mark.fact("B-201")
@pytest.mark.parametrize(("options", "status"), [({}, 400), ({"promote_current": "ignored"}, 200)])
def test_promoting_what_serves_already(model: Served, status: int) -> None:
    body = {"deployment_id": model.current}
    reply = model.client.send("POST", f"{model.path}/environments/production/promote", body)
    assert reply.status_code == status
    environment = model.client.environment(model.id)
    assert environment["current_deployment"]["id"] == model.current
    assert environment["in_progress_promotion"] is None


@pytest.mark.fact("B-261")
@pytest.mark.parametrize(("options", "copied"), [({}, False), ({"copies": "always"}, True)])
def test_whether_every_promotion_makes_a_copy(model: Served, copied: bool) -> None:
    deployment = model.ready()
    promoted = model.client.promote(model.id, deployment, promotion_settings_override=AT_ONCE)
    assert (promoted["id"] != deployment) is copied
    model.client.emulator.advance(120)
    current = model.client.environment(model.id)["current_deployment"]
    assert current["id"] == promoted["id"]


@pytest.mark.fact("B-172")
@pytest.mark.parametrize(("options", "status"), [({}, 400), ({"invalid_status": 422}, 422)])
def test_there_is_nothing_to_steer(model: Served, status: int) -> None:
    for call in ("cancel_promotion", "pause_promotion", "force_roll_forward_promotion"):
        assert model.refused("POST", f"/environments/production/{call}") == status
