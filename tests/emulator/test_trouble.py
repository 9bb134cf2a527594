"""Deployments and promotions in trouble that was asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss
from tests.emulator.test_inference import messages


def plan(client: Client, text: str) -> None:
    client.ask("POST", "/__emulator__/faults", text)


def lift(client: Client) -> None:
    client.ask("DELETE", "/__emulator__/faults")


def test_faults_of_one_kind_can_be_lifted(client: Client) -> None:
    plan(client, "latency:seconds=9")
    plan(client, "429:/never")
    plan(client, "503:/never")
    plan(client, "build_fails:model=other")
    left = client.ask("DELETE", "/__emulator__/faults", {"kind": "latency"})["faults"]
    assert [each["kind"] for each in left] == ["status", "status", "build_fails"]
    left = client.ask("DELETE", "/__emulator__/faults", {"kind": "429"})["faults"]
    assert [each.get("status") for each in left] == [503, None]
    left = client.ask("DELETE", "/__emulator__/faults", {"kind": "status"})["faults"]
    assert [each["kind"] for each in left] == ["build_fails"]
    assert client.ask("DELETE", "/__emulator__/faults") == {"faults": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "why"),
    [
        ("POST", "traffic", {"rate": -1}, "rate: Input should be greater than or equal to 0"),
        ("POST", "seed", {"models": 1, "model": 2}, "model: Extra inputs are not permitted"),
        (
            "POST",
            "status",
            {"deployment_id": "x", "status": "active"},
            "status: String should match pattern '^[A-Z][A-Z_]*$'",
        ),
        ("DELETE", "faults", {"kinds": "429"}, "kinds: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_with_a_control_request_is_said_in_a_sentence(
    client: Client, method: str, path: str, body: Any, why: str
) -> None:
    refused = client.send(method, f"/__emulator__/{path}", body)
    assert (refused.status_code, refused.json()) == (400, {"error": why})


def test_a_control_request_that_is_not_json_is_refused(client: Client) -> None:
    refused = client.http.post("/__emulator__/traffic", content=b"rate=1")
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("The body is not JSON: ")


def test_the_platform_may_move_a_deployment(client: Client) -> None:
    model_id, deployment_id = client.live()
    body = {"deployment_id": deployment_id, "status": "UPDATING"}
    client.ask("POST", "/__emulator__/status", body)
    seen = []
    for _ in range(12):
        if (now := status(client, model_id)) not in seen:
            seen.append(now)
        client.emulator.advance(5)
    assert seen == ["UPDATING", "LOADING_MODEL", "ACTIVE"]
    assert client.predict(model_id, {"messages": [{}]}).status_code == 200


def status(client: Client, model_id: str, deployment_id: str = "production") -> str:
    return str(client.deployment(model_id, deployment_id)["status"])


@pytest.mark.parametrize(
    ("kind", "failed"),
    [
        ("build_fails", "BUILD_FAILED"),
        ("deploy_fails", "DEPLOY_FAILED"),
        ("load_fails", "FAILED"),
    ],
)
def test_a_deployment_fails_once_and_its_retry_succeeds(
    client: Client, kind: str, failed: str
) -> None:
    plan(client, f"{kind}:model=^model$")
    made = client.create(echo_truss())
    client.create(echo_truss(), name="another")
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert status(client, model_id, deployment_id) == failed
    assert client.environment(model_id)["current_deployment"] is None
    assert f"Fault {kind}" in messages(client, model_id, deployment_id)
    others = [each for each in client.get("/v1/models")["models"] if each["id"] != model_id]
    assert status(client, others[0]["id"]) == "ACTIVE"
    assert client.post(f"/v1/models/{model_id}/deployments/{deployment_id}/retry")["retried"]
    client.emulator.advance(300)
    assert status(client, model_id, deployment_id) == "ACTIVE"


def test_capacity_that_does_not_come_holds_a_promotion_at_0_percent(client: Client) -> None:
    model_id, first = client.live()
    plan(client, "no_capacity:deployment=^slow$")
    second = client.push(
        model_id, echo_truss(), deployment_name="slow", environment_name="production"
    )["id"]
    client.emulator.advance(1800)
    assert status(client, model_id, second) == "DEPLOYING"
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    assert environment["in_progress_promotion"]["status"] == "RELEASING"
    assert environment["in_progress_promotion"]["percent_traffic_to_new_version"] == 0
    lift(client)
    client.emulator.advance(300)
    assert client.environment(model_id)["current_deployment"]["id"] == second


def test_capacity_may_come_later_also_for_what_wakes_up(client: Client) -> None:
    model_id, deployment_id = client.live()
    client.emulator.advance(1000)
    assert status(client, model_id) == "SCALED_TO_ZERO"
    plan(client, "no_capacity:seconds=600")
    client.predict(model_id, None, "production/wake")
    client.emulator.advance(590)
    assert status(client, model_id) == "WAKING_UP"
    client.emulator.advance(25)
    assert status(client, model_id) == "ACTIVE"
    assert messages(client, model_id, deployment_id).count("Fault no_capacity") == 1


@pytest.mark.parametrize("percent", [0, 50, 100])
def test_a_promotion_sticks_where_it_was_told_to(client: Client, percent: int) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    plan(client, f"promotion_sticks:environment=^production$,percent={percent}")
    client.promote(model_id, second)
    client.emulator.advance(900)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    shown = environment["in_progress_promotion"]
    assert shown["percent_traffic_to_new_version"] == percent
    assert shown["status"] == ("RAMPING_UP" if percent else "RELEASING")
    if percent == 50:
        client.post(f"/v1/models/{model_id}/environments/production/force_roll_forward_promotion")
    else:
        lift(client)
        client.emulator.advance(120)
    assert client.environment(model_id)["current_deployment"]["id"] == second


def test_a_promotion_may_stick_for_a_while(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    plan(client, "promotion_sticks:percent=25,seconds=1000")
    client.promote(model_id, second)
    client.emulator.advance(1000)
    assert client.environment(model_id)["current_deployment"]["id"] == first
    client.emulator.advance(200)
    assert client.environment(model_id)["current_deployment"]["id"] == second


def test_a_deployment_turns_unhealthy_after_a_while_and_recovers(client: Client) -> None:
    plan(client, "turns_unhealthy:after=60,seconds=30")
    made = client.create(echo_truss(), autoscaling_settings={"min_replica": 1})
    client.emulator.advance(155)
    model_id = made["model"]["id"]
    seen = []
    for _ in range(20):
        seen.append(status(client, model_id))
        client.emulator.advance(6)
    assert seen.count("UNHEALTHY") == 5
    assert seen[0] == seen[-1] == "ACTIVE"


def test_what_serves_already_turns_unhealthy_as_well(client: Client) -> None:
    model_id, _ = client.live()
    for _ in range(3):
        plan(client, "turns_unhealthy:model=^other$,after=0")
    plan(client, "turns_unhealthy:environment=^production$,after=60,seconds=30")
    client.emulator.advance(59)
    assert status(client, model_id) == "ACTIVE"
    client.emulator.advance(2)
    assert status(client, model_id) == "UNHEALTHY"
    client.emulator.advance(30)
    assert status(client, model_id) == "ACTIVE"


def test_a_deployment_turns_unhealthy_under_load_and_still_gets_traffic(client: Client) -> None:
    model_id, deployment_id = client.live()
    plan(client, "turns_unhealthy:requests=3")
    seen: list[Any] = []
    for _ in range(4):
        reply = client.predict(model_id, {"messages": [{}]})
        seen.append((reply.status_code, status(client, model_id)))
    assert seen == [(200, "ACTIVE"), (200, "ACTIVE"), (200, "UNHEALTHY"), (200, "UNHEALTHY")]
    errors = messages(client, model_id, deployment_id, min_level="ERROR")
    assert errors == ["The health check fails, as was asked for."]


@pytest.mark.parametrize("options", [{"faults": ("build_fails:probability=0.5",), "seed": 3}])
def test_a_seed_lets_the_same_builds_fail(client: Client) -> None:
    model_id = client.create(echo_truss())["model"]["id"]
    for _ in range(7):
        client.push(model_id, echo_truss())
    client.emulator.advance(300)
    listed = client.get(f"/v1/models/{model_id}/deployments")["deployments"]
    failed = [each["name"] for each in listed if each["status"] == "BUILD_FAILED"]
    assert failed == ["deployment-4"]
