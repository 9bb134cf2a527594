"""Where the sources disagree or are silent, the emulator can be told either way."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss

NEWEST = {"mode": "newest"}
JULY = {"mode": "july"}


@pytest.mark.fact("B-242")
@pytest.mark.parametrize(
    ("options", "status"),
    [({}, 400), ({"invalid_status": 400}, 400), ({"invalid_status": 422}, 422)],
)
def test_what_is_not_valid(client: Client, status: int) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments/production"
    for body in ({"autoscaling_settings": {"max_replica": 0}}, {"unknown": 1}):
        assert client.send("PATCH", path, body).status_code == status
    assert client.send("GET", "/v1/models/unknown").status_code == 404


@pytest.mark.fact("B-010")
@pytest.mark.parametrize(
    ("options", "status"), [({"conflict_status": each}, each) for each in (400, 409, 422)]
)
def test_what_is_there_already(client: Client, status: int) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    assert client.send("POST", path, {"name": "production"}).status_code == status


def push(client: Client, model_id: str, **payload: Any) -> int:
    key = client.upload(echo_truss(), model_id=model_id)
    deployment = {"config": echo_truss()["config"], "environment_name": "qa", **payload}
    source = {"kind": "model_archive", "s3_key": key, "deployment": deployment}
    return client.send("POST", f"/v1/models/{model_id}/deployments", {"source": source}).status_code


@pytest.mark.fact("B-135", "B-243")
@pytest.mark.parametrize(
    ("options", "unsaid", "no"),
    [
        ({"create_environments": True}, 200, 400),
        ({"create_environments": False}, 400, 400),
        ({**JULY, "create_environments": False}, 200, 200),
    ],
)
def test_a_push_to_an_environment_that_is_not_there(client: Client, unsaid: int, no: int) -> None:
    for payload, status in (
        ({}, unsaid),
        ({"create_environment_if_missing": False}, no),
        ({"create_environment_if_missing": True}, 200),
    ):
        made = client.create(echo_truss(), name=f"model-{len(client.get('/v1/models')['models'])}")
        assert push(client, made["model"]["id"], **payload) == status


@pytest.mark.fact("B-085", "B-155")
@pytest.mark.parametrize(
    ("options", "rolling", "surge"),
    [
        (NEWEST, True, 25),
        (JULY, False, 10),
        ({"rolling_by_default": False, "surge_by_default": 10}, False, 10),
        ({**JULY, "rolling_by_default": True, "surge_by_default": 25}, True, 25),
    ],
)
def test_how_new_environments_promote(client: Client, rolling: bool, surge: int) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    made = client.post(path, name="staging")
    assert made["promotion_settings"]["rolling_deploy"] is rolling
    block = {"rolling_deploy_config": {"stabilization_time_seconds": 1}}
    made = client.post(path, name="qa", promotion_settings=block)
    assert made["promotion_settings"]["rolling_deploy_config"]["max_surge_percent"] == surge


@pytest.mark.fact("B-153")
@pytest.mark.parametrize(
    ("options", "status"),
    [
        (NEWEST, 400),
        (JULY, 200),
        ({"accept_canary": True}, 200),
        ({**JULY, "accept_canary": False}, 400),
    ],
)
def test_canary_promotions(client: Client, status: int) -> None:
    model_id, _ = client.live()
    body = {"promotion_settings": {"ramp_up_while_promoting": True}}
    path = f"/v1/models/{model_id}/environments/production"
    assert client.send("PATCH", path, body).status_code == status


@pytest.mark.fact("B-035")
@pytest.mark.parametrize(
    ("options", "keys"),
    [
        (NEWEST, {"status", "message", "environment"}),
        (JULY, {"status", "message"}),
        ({"patch_reply": "status"}, {"status", "message"}),
        ({"patch_reply": "environment"}, {"environment"}),
        ({**JULY, "patch_reply": "both"}, {"status", "message", "environment"}),
    ],
)
def test_what_a_change_of_an_environment_answers(client: Client, keys: set[str]) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments/production"
    assert set(client.send("PATCH", path, {}).json()) == keys


@pytest.mark.fact("B-081")
@pytest.mark.parametrize(
    ("options", "kept", "status"),
    [({"environment_case": "fold"}, "qa", 200), ({"environment_case": "exact"}, "QA", 404)],
)
def test_the_case_of_an_environments_name(client: Client, kept: str, status: int) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    assert client.post(path, name="QA")["name"] == kept
    assert client.send("GET", f"{path}/QA").status_code == 200
    assert client.send("GET", f"{path}/qa").status_code == status
    spare = client.ready(model_id)
    client.promote(model_id, spare, "QA")
    client.emulator.advance(60)
    answer = client.predict(model_id, {"messages": [{}]}, "environments/QA/predict")
    assert answer.status_code == 200
