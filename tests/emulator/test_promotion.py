"""Promotions: their steps, who gets a copy, what is saved, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss, python_truss

ROLLING = {
    "rolling_deploy": True,
    "rolling_deploy_config": {"max_surge_percent": 25, "stabilization_time_seconds": 60},
}
AT_ONCE = {"rolling_deploy": False}


def running(client: Client, model_id: str, name: str = "production") -> Any:
    return client.environment(model_id, name)["in_progress_promotion"]


def settle(client: Client) -> None:
    client.emulator.advance(600)


@pytest.mark.fact("B-058", "B-061", "B-165", "B-177", "B-187", "B-188", "B-198")
def test_a_rolling_promotion_moves_traffic_step_by_step(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    reply = client.promote(model_id, second, promotion_settings_override=ROLLING)
    assert reply["id"] == second
    assert reply["environment"] == "production"
    assert not reply["is_production"]

    seen = []
    for _ in range(400):
        now = running(client, model_id)
        if now is None:
            break
        state = (now["status"], now["percent_traffic_to_new_version"])
        if state not in seen:
            seen.append(state)
        client.emulator.advance(1)
    assert seen == [
        ("RELEASING", 0),
        ("RAMPING_UP", 25),
        ("RAMPING_UP", 50),
        ("RAMPING_UP", 75),
        ("RAMPING_UP", 100),
        ("SUCCEEDED", 100),
    ]
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == second
    assert environment["candidate_deployment"] is None
    previous = client.deployment(model_id, first)
    assert previous["environment"] is None
    assert previous["status"] == "SCALED_TO_ZERO"


@pytest.mark.fact("B-190")
def test_traffic_follows_the_percentage(client: Client) -> None:
    model_id, _ = client.live(echo_truss(reply="old"))
    second = client.ready(model_id, echo_truss(reply="new"))
    client.promote(model_id, second, promotion_settings_override=ROLLING)
    client.emulator.advance(6)
    assert running(client, model_id)["percent_traffic_to_new_version"] == 25
    answers = [client.predict(model_id, {}).json() for _ in range(40)]
    assert answers.count("new") == 10
    client.emulator.advance(80)
    answers = [client.predict(model_id, {}).json() for _ in range(40)]
    assert answers.count("new") == 20


@pytest.mark.fact("B-186", "B-189")
def test_a_promotion_at_once_waits_for_health_and_switches(client: Client) -> None:
    model_id, first = client.live()
    second = client.push(model_id, echo_truss())["id"]
    client.emulator.advance(3)
    client.promote(model_id, second, promotion_settings_override=AT_ONCE)
    client.emulator.advance(60)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    assert environment["candidate_deployment"]["status"] == "BUILDING"
    assert environment["in_progress_promotion"] == {
        "status": "RELEASING",
        "percent_traffic_to_new_version": 0,
        "error_message": None,
        "rolling_deploy": False,
    }
    settle(client)
    assert client.environment(model_id)["current_deployment"]["id"] == second


@pytest.mark.fact("B-193")
def test_a_second_promotion_is_refused_while_one_runs(client: Client) -> None:
    model_id, first = client.live()
    second, third = client.ready(model_id), client.ready(model_id)
    client.promote(model_id, second)
    path = f"/v1/models/{model_id}/environments/production/promote"
    refused = client.send("POST", path, {"deployment_id": third})
    assert refused.status_code == 409
    assert "already in progress" in refused.json()["message"]
    settle(client)
    assert client.environment(model_id)["current_deployment"]["id"] == second
    client.promote(model_id, first)
    settle(client)
    assert client.environment(model_id)["current_deployment"]["id"] == first


@pytest.mark.fact("B-261")
@pytest.mark.fact("B-050", "B-075", "B-165", "B-178", "B-181", "B-182", "B-183")
def test_what_serves_elsewhere_is_copied(client: Client) -> None:
    model_id, first = client.live()
    client.post(f"/v1/models/{model_id}/environments", name="staging")
    second = client.ready(model_id, deployment_name="git-abc", labels={"a": 1})
    assert client.promote(model_id, second, "staging")["id"] == second
    settle(client)
    copy = client.promote(model_id, second)
    assert copy["id"] not in {first, second}
    assert copy["name"].startswith("git-abc.")
    assert copy["name"].removeprefix("git-abc.").isdigit()
    assert copy["status"] == "DEPLOYING"
    assert copy["labels"] is None
    settle(client)
    assert client.environment(model_id)["current_deployment"]["id"] == copy["id"]
    assert client.environment(model_id, "staging")["current_deployment"]["id"] == second
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 3


@pytest.mark.fact("B-180")
def test_redeploying_always_copies_and_two_copies_have_two_names(client: Client) -> None:
    model_id, _ = client.live()
    source = client.ready(model_id, deployment_name="git-abc")
    override = {"redeploy_on_promotion": True, **AT_ONCE}
    first = client.promote(model_id, source, promotion_settings_override=override)
    client.post(f"/v1/models/{model_id}/environments/production/cancel_promotion")
    second = client.promote(model_id, source, promotion_settings_override=override)
    assert len({source, first["id"], second["id"]}) == 3
    assert first["name"] != second["name"]


@pytest.mark.fact("B-179", "B-184")
def test_other_hardware_makes_a_copy_only_where_the_environments_is_kept(client: Client) -> None:
    model_id, _ = client.live()
    big = echo_truss()
    big["config"]["resources"] = {"cpu": "4", "memory": "16Gi"}
    second = client.ready(model_id, big)
    kept = client.promote(model_id, second, promotion_settings_override=AT_ONCE)
    assert kept["id"] != second
    assert kept["instance_type_name"].startswith("1x2 ")
    client.post(f"/v1/models/{model_id}/environments/production/cancel_promotion")
    moved = client.promote(
        model_id,
        second,
        preserve_env_instance_type=False,
        promotion_settings_override=AT_ONCE,
    )
    assert moved["id"] == second
    settle(client)
    assert client.environment(model_id)["instance_type"]["id"] == "4x16"


@pytest.mark.fact("B-174", "B-202", "B-203")
def test_settings_travel_with_the_promotion_and_are_saved_when_it_completes(
    client: Client,
) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    update = {
        "autoscaling_settings": {"min_replica": 2, "max_replica": 4},
        "promotion_settings": {"promotion_cleanup_strategy": "KEEP"},
    }
    client.promote(
        model_id,
        second,
        environment_settings_update=update,
        promotion_settings_override=AT_ONCE,
    )
    environment = client.environment(model_id)
    assert environment["autoscaling_settings"]["max_replica"] == 1
    candidate = environment["candidate_deployment"]
    assert candidate["autoscaling_settings"]["max_replica"] == 4
    settle(client)
    environment = client.environment(model_id)
    assert environment["autoscaling_settings"]["max_replica"] == 4
    assert environment["promotion_settings"]["promotion_cleanup_strategy"] == "KEEP"
    assert environment["promotion_settings"]["rolling_deploy"]
    assert environment["current_deployment"]["active_replica_count"] == 2


@pytest.mark.fact("B-166", "B-175")
def test_a_cancelled_promotion_saves_nothing(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    client.promote(
        model_id,
        second,
        environment_settings_update={"autoscaling_settings": {"max_replica": 4}},
    )
    path = f"/v1/models/{model_id}/environments/production/cancel_promotion"
    assert client.post(path)["status"] == "CANCELED"
    settle(client)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    assert environment["autoscaling_settings"]["max_replica"] == 1
    assert environment["in_progress_promotion"] is None
    assert client.deployment(model_id, second)["environment"] is None


@pytest.mark.fact("B-196")
@pytest.mark.parametrize(
    ("strategy", "status", "replicas"),
    [("KEEP", "ACTIVE", 1), ("SCALE_TO_ZERO", "SCALED_TO_ZERO", 0), ("DEACTIVATE", "INACTIVE", 0)],
)
def test_the_previous_deployment_goes_the_way_of_the_strategy(
    client: Client, strategy: str, status: str, replicas: int
) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    override = {**AT_ONCE, "promotion_cleanup_strategy": strategy}
    client.promote(model_id, second, promotion_settings_override=override)
    client.emulator.advance(30)
    previous = client.deployment(model_id, first)
    assert (previous["status"], previous["active_replica_count"]) == (status, replicas)


@pytest.mark.fact("B-144", "B-191")
def test_a_candidate_that_fails_to_build_fails_the_promotion(client: Client) -> None:
    model_id, first = client.live()
    broken = python_truss()
    del broken["files"]["config.yaml"]
    second = client.push(model_id, broken, environment_name="production")["id"]
    client.emulator.advance(91)
    environment = client.environment(model_id)
    assert environment["in_progress_promotion"]["status"] == "FAILED"
    assert "BUILD_FAILED" in environment["in_progress_promotion"]["error_message"]
    assert environment["candidate_deployment"]["id"] == second
    settle(client)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    assert environment["in_progress_promotion"] is None
    assert client.deployment(model_id, second)["status"] == "BUILD_FAILED"


@pytest.mark.fact("B-167", "B-168", "B-169")
def test_a_promotion_can_be_paused_resumed_and_cancelled_on_the_way(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second, promotion_settings_override=ROLLING)
    client.emulator.advance(6)
    path = f"/v1/models/{model_id}/environments/production"
    assert client.post(f"{path}/pause_promotion") == {"success": True}
    settle(client)
    assert running(client, model_id)["status"] == "PAUSED"
    assert running(client, model_id)["percent_traffic_to_new_version"] == 25
    client.post(f"{path}/resume_promotion")
    client.emulator.advance(76)
    assert running(client, model_id)["percent_traffic_to_new_version"] == 50
    assert client.post(f"{path}/cancel_promotion")["status"] == "RAMPING_DOWN"
    assert running(client, model_id)["status"] == "RAMPING_DOWN"
    client.emulator.advance(15)
    assert running(client, model_id)["percent_traffic_to_new_version"] == 25
    client.emulator.advance(15)
    assert running(client, model_id)["status"] == "CANCELED"
    assert client.environment(model_id)["current_deployment"]["id"] == first


@pytest.mark.fact("B-171")
def test_force_rolls_forward_even_while_ramping_down(client: Client) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second, promotion_settings_override=ROLLING)
    client.emulator.advance(6)
    path = f"/v1/models/{model_id}/environments/production"
    client.post(f"{path}/cancel_promotion")
    client.post(f"{path}/force_roll_forward_promotion")
    assert client.environment(model_id)["current_deployment"]["id"] == second


@pytest.mark.fact("B-170", "B-186")
def test_force_cancel_returns_all_traffic_at_once(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second, promotion_settings_override=ROLLING)
    client.emulator.advance(90)
    path = f"/v1/models/{model_id}/environments/production"
    client.post(f"{path}/force_cancel_promotion")
    assert running(client, model_id) == {
        "status": "CANCELED",
        "percent_traffic_to_new_version": 0,
        "error_message": None,
        "rolling_deploy": True,
    }
    assert client.environment(model_id)["current_deployment"]["id"] == first


@pytest.mark.fact("B-172")
@pytest.mark.parametrize(
    "signal",
    [
        "cancel_promotion",
        "pause_promotion",
        "resume_promotion",
        "force_cancel_promotion",
        "force_roll_forward_promotion",
    ],
)
def test_steering_needs_a_promotion(client: Client, signal: str) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments/production/{signal}"
    assert client.send("POST", path).status_code == 400


@pytest.mark.fact("B-169")
def test_only_a_rolling_promotion_can_be_paused(client: Client) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second, promotion_settings_override=AT_ONCE)
    path = f"/v1/models/{model_id}/environments/production/pause_promotion"
    assert client.send("POST", path).status_code == 400


@pytest.mark.fact("B-199")
def test_a_rollback_reuses_the_previous_deployment_and_wakes_it(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    client.promote(model_id, second, promotion_settings_override=AT_ONCE)
    settle(client)
    assert client.deployment(model_id, first)["status"] == "SCALED_TO_ZERO"
    assert client.promote(model_id, first, promotion_settings_override=AT_ONCE)["id"] == first
    client.emulator.advance(20)
    current = client.environment(model_id)["current_deployment"]
    assert (current["id"], current["status"]) == (first, "ACTIVE")


@pytest.mark.fact("B-038", "B-115", "B-200")
def test_an_inactive_deployment_is_activated_before_it_is_promoted(client: Client) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    path = f"/v1/models/{model_id}/deployments/{second}"
    assert client.post(f"{path}/deactivate") == {"success": True, "no_op": False}
    client.emulator.advance(12)
    assert client.deployment(model_id, second)["status"] == "INACTIVE"
    promote = f"/v1/models/{model_id}/environments/production/promote"
    refused = client.send("POST", promote, {"deployment_id": second})
    assert refused.status_code == 400
    client.post(f"{path}/activate")
    assert client.deployment(model_id, second)["status"] == "DEPLOYING"
    client.emulator.advance(70)
    assert client.promote(model_id, second)["id"] == second


@pytest.mark.fact("B-201")
def test_promoting_what_serves_is_refused(client: Client) -> None:
    model_id, first = client.live()
    path = f"/v1/models/{model_id}/environments/production/promote"
    assert client.send("POST", path, {"deployment_id": first}).status_code == 400


@pytest.mark.fact("B-120", "B-123")
def test_the_development_slot_is_promoted_as_a_new_deployment(client: Client) -> None:
    model_id, _ = client.live()
    slot = client.push(model_id, echo_truss(), is_development=True)
    assert slot["name"] == "development"
    client.emulator.advance(300)
    again = client.push(model_id, echo_truss(), is_development=True)
    assert again["id"] == slot["id"]
    made = client.post(f"/v1/models/{model_id}/deployments/development/promote")
    assert made["id"] != slot["id"]
    assert made["status"] == "BUILDING"
    settle(client)
    assert client.environment(model_id)["current_deployment"]["id"] == made["id"]
    assert client.deployment(model_id, "development")["is_development"]


@pytest.mark.fact("B-062", "B-079", "B-203")
@pytest.mark.parametrize("options", [{"mode": "july"}])
def test_july_ignores_what_it_does_not_know(client: Client) -> None:
    model_id, _ = client.live()
    second = client.ready(model_id)
    client.promote(
        model_id,
        second,
        environment_settings_update={"autoscaling_settings": {"max_replica": 4}},
        promotion_settings_override={"redeploy_on_promotion": True},
    )
    settle(client)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == second
    assert environment["autoscaling_settings"]["max_replica"] == 1
    assert "request_backpressure_settings" not in environment


@pytest.mark.fact("B-228")
@pytest.mark.parametrize(
    ("options", "names_source"),
    [({"audited_promotion": "source"}, True), ({"audited_promotion": "candidate"}, False)],
)
def test_the_audit_log_names_one_of_source_and_copy(client: Client, names_source: bool) -> None:
    model_id, _ = client.live()
    source = client.ready(model_id, labels={"a": 1})
    override = {"redeploy_on_promotion": True}
    copy = client.promote(model_id, source, promotion_settings_override=override)["id"]
    groups = {"event_type_groups": "PROMOTED"}
    entry = client.get(f"/v1/models/{model_id}/audit_logs", **groups)["items"][0]
    assert entry["event_data"]["deployment_id"] == (source if names_source else copy)
    assert entry["event_data"]["environment_name"] == "production"


@pytest.mark.fact("B-075")
@pytest.mark.parametrize("options", [{"labels_on_copies": True}])
def test_a_copy_may_keep_its_labels(client: Client) -> None:
    model_id, _ = client.live()
    source = client.ready(model_id, labels={"a": 1})
    override = {"redeploy_on_promotion": True}
    copy = client.promote(model_id, source, promotion_settings_override=override)
    assert copy["labels"] == {"a": 1}
