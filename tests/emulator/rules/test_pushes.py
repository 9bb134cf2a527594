"""The life of a deployment, and what a push may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.emulator import Durations
from tests.emulator.client import Client, echo_truss, python_truss
from tests.emulator.rules.conftest import Served

STATUSES = (
    "BUILDING",
    "DEPLOYING",
    "LOADING_MODEL",
    "UPDATING",
    "WAKING_UP",
    "DEACTIVATING",
    "ACTIVE",
    "SCALED_TO_ZERO",
    "INACTIVE",
    "UNHEALTHY",
    "BUILD_FAILED",
    "DEPLOY_FAILED",
    "FAILED",
    "BUILD_STOPPED",
)
BIG = {"cpu": "4", "memory": "16Gi"}


def truss(**resources: str) -> dict[str, Any]:
    made = echo_truss()
    made["config"]["resources"] = resources
    return made


@pytest.mark.fact("B-106")
def test_every_status_can_be_met_and_so_can_a_new_one(model: Served) -> None:
    for status in STATUSES:
        model.client.emulator.set_status(model.current, status)
        assert model.client.deployment(model.id)["status"] == status
    model.client.emulator.set_status(model.current, "REBALANCING")
    shown = model.client.send("GET", f"{model.path}/deployments/{model.current}")
    assert shown.json()["status"] == "REBALANCING"  # which the document of July does not know


@pytest.mark.fact("B-114")
def test_deactivating_takes_a_moment(model: Served) -> None:
    path = f"{model.path}/deployments/{model.current}"
    assert model.client.post(f"{path}/deactivate")["success"]
    assert model.client.get(path)["status"] == "DEACTIVATING"
    model.client.emulator.advance(12)
    assert model.client.get(path)["status"] == "INACTIVE"


@pytest.mark.fact("B-116")
@pytest.mark.parametrize(
    ("files", "status", "again"),
    [
        ({"model/model.py": ""}, "BUILD_FAILED", "BUILDING"),
        ({"config.yaml": "{}", "model/model.py": "raise OSError"}, "FAILED", "DEPLOYING"),
    ],
)
def test_a_retry_begins_where_it_failed(
    model: Served, files: dict[str, str], status: str, again: str
) -> None:
    pushed = model.client.push(model.id, {**python_truss(), "files": files})
    model.client.emulator.advance(300)
    assert model.client.deployment(model.id, pushed["id"])["status"] == status
    retried = model.client.post(f"{model.path}/deployments/{pushed['id']}/retry")
    assert retried["retried"]
    assert retried["deployment"]["status"] == again


@pytest.mark.fact("B-118")
@pytest.mark.parametrize(("options", "there"), [({}, True), ({"mode": "july"}, False)])
def test_switching_twice_does_nothing_the_second_time(model: Served, there: bool) -> None:
    path = f"{model.path}/deployments/{model.current}"
    for switch, seconds in (("deactivate", 12), ("activate", 0)):
        replies = []
        for _ in range(2):
            replies.append(model.client.post(f"{path}/{switch}"))
            model.client.emulator.advance(seconds)
        wanted = [{"success": True, "no_op": each} for each in (False, True)]
        assert replies == (wanted if there else [{"success": True}] * 2)


@pytest.mark.fact("B-122", "B-123")
def test_the_slot_has_settings_of_its_own_and_is_promoted_to_production_only(
    model: Served,
) -> None:
    slot = model.client.push(model.id, echo_truss(), is_development=True)
    model.client.emulator.advance(300)
    path = "/deployments/development/autoscaling_settings"
    for body in ({"max_replica": 2}, {"min_replica": 1}):
        assert model.refused("PATCH", path, body) == 400
    assert model.patch(path, {"scale_down_delay": 60})["status"] == "ACCEPTED"
    promote = {"deployment_id": slot["id"]}
    assert model.refused("POST", "/environments/staging/promote", promote) == 400
    made = model.client.post(f"{model.path}/deployments/development/promote")
    assert made["id"] != slot["id"]
    assert not made["is_development"]


@pytest.mark.fact("B-130")
def test_another_push_answers_with_model_and_deployment(model: Served) -> None:
    key = model.client.upload(echo_truss(), model_id=model.id)
    source = {"s3_key": key, "deployment": {"config": echo_truss()["config"]}}
    reply = model.client.post(f"{model.path}/deployments", source=source)
    assert set(reply) == {"model", "deployment"}
    assert reply["model"]["id"] == model.id
    assert reply["deployment"]["status"] == "BUILDING"


@pytest.mark.fact("B-135")
@pytest.mark.parametrize(
    ("options", "refused"),
    [({"mode": "newest"}, True), ({"mode": "july"}, False)],
)
def test_whether_a_push_may_be_told_not_to_create_its_environment(
    model: Served, refused: bool
) -> None:
    payload = {
        "config": echo_truss()["config"],
        "environment_name": "new",
        "create_environment_if_missing": False,
    }
    body = {"model_id": model.id, "deployment": payload, "dry_run": True}
    reply = model.client.send("POST", "/v1/prepare_model_upload", body)
    assert (reply.status_code == 400) is refused
    body["deployment"] = {**payload, "environment_name": "production"}
    model.client.ask("POST", "/v1/prepare_model_upload", body)


@pytest.mark.fact("B-136")
@pytest.mark.parametrize(("preserve", "hardware"), [(True, "1x2"), (False, "4x16")])
def test_a_push_gets_its_environments_hardware_unless_it_says_so(
    model: Served, preserve: bool, hardware: str
) -> None:
    pushed = model.client.push(
        model.id,
        truss(**BIG),
        environment_name="production",
        preserve_env_instance_type=preserve,
    )
    assert pushed["instance_type_name"].startswith(f"{hardware} ")
    model.client.emulator.advance(600)
    environment = model.client.environment(model.id)
    assert environment["current_deployment"]["id"] == pushed["id"]
    assert environment["instance_type"]["id"] == hardware


@pytest.mark.fact("B-137")
def test_a_push_may_name_its_hardware(model: Served) -> None:
    pushed = model.client.push(
        model.id,
        truss(**BIG),
        environment_name="production",
        instance_type_id="2x8",
        preserve_env_instance_type=False,
    )
    assert pushed["instance_type_name"].startswith("2x8 ")
    model.client.emulator.advance(600)
    assert model.client.environment(model.id)["instance_type"]["id"] == "2x8"


@pytest.mark.fact("B-139", "B-140")
def test_a_pushs_settings_are_its_own_or_go_to_its_environment(model: Served) -> None:
    model.patch("/environments/staging", {"autoscaling_settings": {"scale_down_delay": 700}})
    model.client.emulator.advance(5)
    wanted = {"autoscaling_settings": {"max_replica": 3}}
    alone = model.ready(**wanted)
    shown = model.client.deployment(model.id, alone)["autoscaling_settings"]
    assert (shown["max_replica"], shown["scale_down_delay"]) == (3, 900)
    model.client.push(model.id, echo_truss(), environment_name="staging", **wanted)
    assert model.client.environment(model.id, "staging")["autoscaling_settings"] == {
        **shown,
        "max_replica": 1,
        "scale_down_delay": 700,
    }
    model.client.emulator.advance(600)
    environment = model.client.environment(model.id, "staging")
    for each in (environment, environment["current_deployment"]):
        settings = each["autoscaling_settings"]
        assert (settings["max_replica"], settings["scale_down_delay"]) == (3, 700)
    assert model.client.environment(model.id)["autoscaling_settings"]["max_replica"] == 1


@pytest.mark.fact("B-142")
def test_a_push_with_an_environment_is_a_promotion_once_it_is_healthy(model: Served) -> None:
    pushed = model.client.push(model.id, echo_truss(), environment_name="production")
    model.client.emulator.advance(60)
    environment = model.client.environment(model.id)
    assert environment["candidate_deployment"]["id"] == pushed["id"]
    assert environment["in_progress_promotion"]["status"] == "RELEASING"
    assert environment["current_deployment"]["id"] == model.current
    model.client.emulator.advance(600)
    assert model.client.environment(model.id)["current_deployment"]["id"] == pushed["id"]


@pytest.mark.fact("B-145")
@pytest.mark.parametrize(("options", "most"), [({"mode": "newest"}, 3), ({"mode": "july"}, 1)])
def test_the_older_platform_ignores_newer_fields_of_a_push(model: Served, most: int) -> None:
    pushed = model.ready(autoscaling_settings={"max_replica": 3})
    shown = model.client.deployment(model.id, pushed)
    assert shown["autoscaling_settings"]["max_replica"] == most


@pytest.mark.fact("B-146", "B-064")
def test_the_original_text_of_the_config_is_kept(model: Served) -> None:
    for sent in ({"raw_config": "model_name: echo # as typed\n"}, {}):
        deployment = model.ready(**sent)
        path = f"{model.path}/deployments/{deployment}/config"
        assert model.client.get(path, output_format="raw")["raw_config"] == sent.get("raw_config")
        assert model.client.get(path)["config"] == echo_truss()["config"]


@pytest.mark.fact("B-144")
def test_what_served_goes_on_when_a_push_fails_later(client: Client) -> None:
    model_id, first = client.live(name="fails-later")
    client.push(model_id, echo_truss(fails_to_load=True), environment_name="production")
    client.emulator.advance(600)
    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == first
    assert environment["in_progress_promotion"] is None


@pytest.mark.fact("B-257")
@pytest.mark.parametrize(
    ("options", "status"),
    [({}, "SCALED_TO_ZERO"), ({"durations": Durations(idle_out=3600)}, "INACTIVE")],
)
def test_how_long_it_may_stay_at_zero(model: Served, status: str) -> None:
    assert model.predict().status_code == 200
    model.client.emulator.advance(1000)
    assert model.client.deployment(model.id)["status"] == "SCALED_TO_ZERO"
    model.client.emulator.advance(3600)
    assert model.client.deployment(model.id)["status"] == status


@pytest.mark.fact("B-269")
@pytest.mark.parametrize("text", ["a: [", "- a", ""])
def test_an_original_text_that_is_no_config_is_dropped(model: Served, text: str) -> None:
    deployment = model.ready(raw_config=text)
    shown = model.client.get(f"{model.path}/deployments/{deployment}/config")
    assert shown["raw_config"] is None
