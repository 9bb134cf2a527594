"""Teams, models, deployments, environments, and the rest of a workspace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss
from tests.emulator.rules.conftest import Served


@pytest.mark.fact("B-046")
def test_a_models_name_has_1_to_255_characters(model: Served) -> None:
    for name in ("", "x" * 256):
        assert model.refused("PATCH", "", {"name": name}) == 400
    assert model.patch("", {"name": "x" * 255})["name"] == "x" * 255


@pytest.mark.fact("B-047", "B-048", "B-049")
def test_what_a_model_shows(client: Client) -> None:
    made = client.create(echo_truss(), "shown")
    shown = client.get(f"/v1/models/{made['model']['id']}")
    assert "team_id" not in shown
    assert shown["team_name"] == "default"
    assert shown["production_deployment_id"] is None
    assert shown["development_deployment_id"] is None
    hardware = shown["instance_type_name"]
    assert hardware
    client.emulator.advance(300)
    shown = client.get(f"/v1/models/{made['model']['id']}")
    assert shown["production_deployment_id"] == made["deployment"]["id"]
    assert shown["instance_type_name"] == made["deployment"]["instance_type_name"]


@pytest.mark.fact("B-051", "B-052")
def test_a_push_under_a_former_name_makes_another_model(client: Client) -> None:
    [model_id] = client.emulator.seed(1, prefix="former")
    before = client.get(f"/v1/models/{model_id}/deployments")
    name = client.get(f"/v1/models/{model_id}")["name"]
    client.ask("PATCH", f"/v1/models/{model_id}", {"name": "latter"})
    assert client.get(f"/v1/models/{model_id}/deployments") == before
    assert client.predict(model_id, {"messages": [{}]}).status_code == 200
    made = client.create(echo_truss(), name)
    assert made["model"]["id"] != model_id
    assert client.get(f"/v1/models/{model_id}")["name"] == "latter"


@pytest.mark.fact("B-056")
def test_a_name_is_free_once_its_deployment_is_deleted(model: Served) -> None:
    first = model.ready(deployment_name="v1")
    payload = {"config": {}, "deployment_name": "v1"}
    body = {"model_id": model.id, "dry_run": True, "deployment": payload}
    assert model.client.send("POST", "/v1/prepare_model_upload", body).status_code == 409
    model.client.ask("DELETE", f"{model.path}/deployments/{first}")
    model.client.ask("POST", "/v1/prepare_model_upload", body)


@pytest.mark.fact("B-057")
def test_the_slot_keeps_its_name(model: Served) -> None:
    slot = model.client.push(model.id, echo_truss(), is_development=True)
    model.client.emulator.advance(5)
    assert slot["name"] == "development"
    assert model.refused("PATCH", f"/deployments/{slot['id']}", {"name": "other"}) == 400
    body = {"name": "development"}
    assert model.refused("PATCH", f"/deployments/{model.current}", body) == 400


@pytest.mark.fact("B-060", "B-063")
def test_what_a_deployment_shows(model: Served) -> None:
    shown = model.client.deployment(model.id)
    types = model.client.get("/v1/instance_types")["instance_types"]
    assert shown["instance_type_name"] in {each["name"] for each in types}
    assert shown["instance_type_name"] not in {each["id"] for each in types}
    assert set(shown) == {
        "id",
        "created_at",
        "name",
        "model_id",
        "is_production",
        "is_development",
        "status",
        "active_replica_count",
        "autoscaling_settings",
        "instance_type_name",
        "environment",
        "labels",
        "region",
        "request_backpressure_settings",
    }


@pytest.mark.fact("B-062", "B-079")
@pytest.mark.parametrize(("options", "there"), [({}, True), ({"mode": "july"}, False)])
def test_what_only_the_newer_platform_shows(model: Served, there: bool) -> None:
    deployment = model.client.deployment(model.id)
    environment = model.client.environment(model.id)
    assert ("region" in deployment) is there
    for block in (deployment, environment):
        assert ("request_backpressure_settings" in block) is there
    assert ("traffic_routing" in environment) is there
    assert ("autoscaling_schedules" in environment) is there


@pytest.mark.fact("B-067")
def test_a_renamed_deployment_is_reached_as_before(model: Served) -> None:
    model.patch(f"/deployments/{model.current}", {"name": "renamed"})
    for path in (f"deployment/{model.current}/predict", "production/predict"):
        assert model.predict(path).status_code == 200


@pytest.mark.fact("B-073")
def test_labels_cannot_be_changed(model: Served) -> None:
    deployment = model.ready(labels={"a": 1})
    body = {"labels": {"a": 2}}
    assert model.refused("PATCH", f"/deployments/{deployment}", body) == 400
    assert model.client.deployment(model.id, deployment)["labels"] == {"a": 1}


@pytest.mark.fact("B-074", "B-120")
def test_the_slot_takes_labels_that_come_and_keeps_those_it_has(model: Served) -> None:
    def push(**payload: Any) -> Any:
        return model.client.push(model.id, echo_truss(), is_development=True, **payload)

    first = push(labels={"a": 1, "b": 1})
    assert push()["labels"] == {"a": 1, "b": 1}
    last = push(labels={"c": 1})
    assert last["labels"] == {"c": 1}
    assert last["id"] == first["id"]


@pytest.mark.fact("B-076")
def test_an_environment_has_no_id(model: Served) -> None:
    shown = model.client.environment(model.id)
    assert shown["model_id"] == model.id
    assert "id" not in shown
    assert "environment_id" not in shown


@pytest.mark.fact("B-081")
@pytest.mark.parametrize(("options", "found"), [({}, 200), ({"environment_case": "exact"}, 404)])
def test_whether_the_case_of_a_name_counts(model: Served, found: int) -> None:
    path = f"{model.path}/environments"
    name = model.client.post(path, name="Canary")["name"]
    assert model.client.send("GET", f"{path}/{name}").status_code == 200
    assert model.client.send("GET", f"{path}/{name.swapcase()}").status_code == found


@pytest.mark.fact("B-082", "B-083")
def test_production_cannot_be_created_nor_development_made_an_environment(model: Served) -> None:
    assert model.refused("POST", "/environments", {"name": "production"}) == 409
    assert model.refused("POST", "/environments", {"name": "development"}) == 400
    assert model.refused("DELETE", "/environments/production") == 400


@pytest.mark.fact("B-086")
def test_an_environment_cannot_be_renamed(model: Served) -> None:
    assert model.refused("PATCH", "/environments/staging", {"name": "other"}) == 400


@pytest.mark.fact("B-087", "B-160")
def test_a_change_touches_what_it_sends(model: Served) -> None:
    before = model.client.environment(model.id, "staging")
    body = {
        "autoscaling_settings": {"max_replica": 4, "min_replica": None},
        "promotion_settings": {"rolling_deploy_config": {"stabilization_time_seconds": 30}},
    }
    model.patch("/environments/staging", body)
    model.client.emulator.advance(5)
    after = model.client.environment(model.id, "staging")
    assert after["autoscaling_settings"] == {**before["autoscaling_settings"], "max_replica": 4}
    rolling = before["promotion_settings"]["rolling_deploy_config"]
    assert after["promotion_settings"] == {
        **before["promotion_settings"],
        "rolling_deploy_config": {**rolling, "stabilization_time_seconds": 30},
    }


@pytest.mark.fact("B-088")
def test_an_environment_is_switched_off_and_on(model: Served) -> None:
    path = f"{model.path}/environments/production"
    assert model.client.post(f"{path}/deactivate")["success"]
    model.client.emulator.advance(15)
    assert model.client.deployment(model.id, model.current)["status"] == "INACTIVE"
    assert model.client.post(f"{path}/activate")["success"]
    assert model.client.deployment(model.id, model.current)["status"] == "DEPLOYING"


@pytest.mark.fact("B-089")
@pytest.mark.parametrize(("options", "status"), [({}, 400), ({"invalid_status": 422}, 422)])
def test_an_empty_environment_cannot_be_switched(model: Served, status: int) -> None:
    model.client.post(f"{model.path}/environments", name="empty")
    for switch in ("activate", "deactivate"):
        assert model.refused("POST", f"/environments/empty/{switch}") == status


@pytest.mark.fact("B-270")
def test_a_slot_without_a_deployment_is_not_found(client: Client) -> None:
    made = client.create(echo_truss(), "empty-slots")
    for slot in ("production", "development"):
        path = f"/v1/models/{made['model']['id']}/deployments/{slot}"
        assert client.send("GET", path).status_code == 404


@pytest.mark.fact("B-091", "B-090")
def test_deleting_an_environment_ends_what_runs_there(model: Served) -> None:
    candidate = model.ready()
    served = model.client.environment(model.id, "staging")["current_deployment"]["id"]
    model.client.promote(model.id, candidate, "staging")
    model.client.ask("DELETE", f"{model.path}/environments/staging")
    model.client.emulator.advance(100)
    for deployment in (candidate, served):
        shown = model.client.deployment(model.id, deployment)
        assert shown["environment"] is None
    assert model.client.deployment(model.id, served)["status"] == "SCALED_TO_ZERO"


@pytest.mark.fact("B-092", "B-093")
def test_a_group_is_changed_by_replacing_its_users(client: Client) -> None:
    client.emulator.seed(2, environments=("grouped",))
    team = client.get("/v1/teams")["teams"][0]
    listed = client.get("/v1/environment_groups")["items"]
    [shown] = [each for each in listed if each["name"] == "grouped"]
    assert (shown["team_id"], shown["team_name"]) == (team["id"], team["name"])
    assert shown["manage_access"] == {"is_restricted": False, "users": []}
    user = client.get("/v1/users/me")["user_id"]
    path = f"/v1/teams/{team['id']}/environment_groups/grouped"

    def users(**access: Any) -> list[str]:
        body = {"manage_access": {"is_restricted": True, **access}}
        answer = client.ask("PATCH", path, body)["manage_access"]
        assert answer["is_restricted"]
        return [each["user_id"] for each in answer["users"]]

    assert users(user_ids=[user]) == [user]
    assert users() == [user]
    assert users(user_ids=[]) == []
    assert client.ask("PATCH", path, {})["manage_access"]["is_restricted"]


@pytest.mark.fact("B-094", "B-096", "B-095")
def test_a_secret_is_overwritten_and_never_shown(client: Client) -> None:
    first = client.post("/v1/secrets", name="shown", value="one-value")
    second = client.post("/v1/secrets", name="shown", value="another-value")
    assert first["id"] == second["id"]
    assert set(second) == {"id", "created_at", "name", "team_name"}
    assert "value" not in client.send("GET", "/v1/secrets").text
    assert client.send("GET", "/v1/secrets/shown").status_code in {404, 405}


@pytest.mark.fact("B-099", "B-100")
def test_instance_types_and_prices(client: Client) -> None:
    types = {each["id"]: each for each in client.get("/v1/instance_types")["instance_types"]}
    assert types["1x2"] == {
        "id": "1x2",
        "name": "1x2 - 1 vCPU, 2 GiB RAM",
        "memory_limit_mib": 2048,
        "millicpu_limit": 1000,
        "gpu_count": 0,
        "gpu_type": None,
        "gpu_memory_limit_mib": None,
    }
    prices = client.get("/v1/instance_type_prices")["instance_types"]
    assert {each["instance_type"]["id"] for each in prices} == set(types)
    assert all(0 < each["price"] < 100 for each in prices)


@pytest.mark.parametrize(
    ("resources", "instance_type"),
    [
        pytest.param({}, "1x2", marks=pytest.mark.fact("B-101")),
        pytest.param({"memory": "5Gi"}, "2x8", marks=pytest.mark.fact("B-101")),
        pytest.param({"accelerator": "L4:4"}, "L4:4x48x192", marks=pytest.mark.fact("B-101")),
        pytest.param(
            {"instance_type": "4x16", "cpu": "1", "accelerator": "L4:4"},
            "4x16",
            marks=pytest.mark.fact("B-102"),
        ),
    ],
)
def test_what_resources_ask_for(
    model: Served, resources: dict[str, str], instance_type: str
) -> None:
    truss = echo_truss()
    truss["config"]["resources"] = resources
    pushed = model.client.push(model.id, truss)
    assert pushed["instance_type_name"].startswith(f"{instance_type} - ")


@pytest.mark.fact("B-105", "B-103", "B-090")
@pytest.mark.parametrize(("options", "there"), [({}, True), ({"mode": "july"}, False)])
def test_what_only_the_newer_platform_answers(model: Served, there: bool) -> None:
    user = model.client.get("/v1/users/me")["user_id"]
    for path in (f"/v1/users/{user}", "/v1/organizations/me", "/v1/regions"):
        assert (model.client.send("GET", path).status_code == 200) is there
    deleted = model.client.send("DELETE", f"{model.path}/environments/staging")
    assert (deleted.status_code == 200) is there


@pytest.mark.fact("B-272")
def test_an_environment_shows_its_hardware_and_cannot_be_told_another(model: Served) -> None:
    shown = model.client.environment(model.id)["instance_type"]
    assert shown in model.client.get("/v1/instance_types")["instance_types"]
    for key in ("instance_type", "instance_type_id"):
        assert model.refused("PATCH", "/environments/production", {key: "4x16"}) == 400
