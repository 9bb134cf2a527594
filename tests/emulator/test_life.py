"""A deployment's way from BUILDING to ACTIVE, and what may happen to it."""

from __future__ import annotations

import pytest

from tests.emulator.client import Client, echo_truss, python_truss


@pytest.mark.fact("B-031", "B-059", "B-078", "B-107", "B-129")
def test_a_first_push_lives_through_every_status_and_becomes_production(client: Client) -> None:
    made = client.create(python_truss())
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert made["deployment"]["status"] == "BUILDING"
    assert made["deployment"]["environment"] == "production"
    assert made["deployment"]["autoscaling_settings"] is None

    path = f"/v1/models/{model_id}/deployments/{deployment_id}"
    assert client.send("GET", path).status_code == 404
    seen = []
    for _ in range(32):
        client.emulator.advance(5)
        status = client.deployment(model_id, deployment_id)["status"]
        if status not in seen:
            seen.append(status)
    assert seen == ["BUILDING", "DEPLOYING", "LOADING_MODEL", "ACTIVE"]

    environment = client.environment(model_id)
    assert environment["current_deployment"]["id"] == deployment_id
    assert environment["candidate_deployment"] is None
    assert environment["in_progress_promotion"] is None
    model = client.get(f"/v1/models/{model_id}")
    assert model["production_deployment_id"] == deployment_id
    assert client.predict(model_id, {"name": "you"}).json() == {
        "said": "hello",
        "to": "you",
        "in": "production",
    }


def test_an_echo_answers(client: Client) -> None:
    model_id, _ = client.live(echo_truss())
    answer = client.predict(model_id, {"messages": [{"role": "user", "content": "ping"}]}).json()
    assert answer["choices"][0]["message"]["content"] == "echo: ping"
