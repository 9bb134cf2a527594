"""Every operation of Baseten's OpenAPI document is served, with answers of its shape."""

from __future__ import annotations

import re

import pytest

from gitops.emulator.http import routes
from tests.emulator import contract
from tests.emulator.client import Client, echo_truss

KNOWN = sorted(contract.operations())


@pytest.mark.parametrize("july", [True, False], ids=["july", "newest"])
def test_every_operation_has_a_route(july: bool) -> None:
    without = [
        f"{method} {path}"
        for method, path in KNOWN
        if isinstance(routes.find(method, re.sub(r"[{}]", "", path), july=july), bool)
    ]
    assert without == []


def use_the_workspace(client: Client) -> str:
    """Everything that is no single model's; gives the id of a model made on the way."""
    team_id = client.get("/v1/teams")["teams"][0]["id"]
    client.get(f"/v1/teams/{team_id}")
    for path in ("users/me", "instance_types", "instance_type_prices", "models"):
        client.get(f"/v1/{path}")
    client.get(f"/v1/teams/{team_id}/models")
    key = client.upload(echo_truss(), name="scoped", team_id=team_id)
    source = {"name": "scoped", "s3_key": key, "deployment": {"config": echo_truss()["config"]}}
    scoped = client.post(f"/v1/teams/{team_id}/models", source={"kind": "model_archive", **source})
    for prefix in ("/v1", f"/v1/teams/{team_id}"):
        client.post(f"{prefix}/secrets", name="token", value="v")
        client.get(f"{prefix}/secrets")
        client.ask("DELETE", f"{prefix}/secrets/token")
        client.get(f"{prefix}/environment_groups")
        client.get(f"{prefix}/environment_groups/production")
        for restricted in (True, False):
            body = {"manage_access": {"is_restricted": restricted, "user_ids": []}}
            client.ask("PATCH", f"{prefix}/environment_groups/production", body)
    return str(scoped["model"]["id"])


def use_the_deployments(client: Client, model_id: str, first: str) -> None:
    model = f"/v1/models/{model_id}"
    client.get(model)
    client.push(model_id, echo_truss(), is_development=True)
    client.emulator.advance(300)
    client.get(f"{model}/deployments")
    for slot in (first, "production", "development"):
        at = f"{model}/deployments/{slot}"
        client.get(at)
        client.ask("PATCH", f"{at}/autoscaling_settings", {"concurrency_target": 2})
        client.post(f"{at}/deactivate")
        client.emulator.advance(20)
        client.post(f"{at}/activate")
        client.post(f"{at}/retry")
        client.emulator.advance(200)
    at = f"{model}/deployments/{first}"
    for path in ("config", "download", "logs", "metrics"):
        client.get(f"{at}/{path}")
    client.post(f"{at}/logs", limit=1)
    client.ask("DELETE", f"{at}/replicas/{first}-0")


def use_the_environments(client: Client, model_id: str, first: str) -> None:
    model = f"/v1/models/{model_id}"
    client.get(f"{model}/environments")
    client.post(
        f"{model}/environments", name="staging", promotion_settings={"rolling_deploy": True}
    )
    at = f"{model}/environments/production"
    settings = {
        "rolling_deploy": True,
        "rolling_deploy_config": {"max_surge_percent": 10, "max_unavailable_percent": 0},
    }
    client.ask("PATCH", at, {"promotion_settings": settings})
    client.get(at)
    client.get(f"{at}/logs")
    client.post(f"{at}/deactivate")
    client.emulator.advance(20)
    client.post(f"{at}/activate")
    client.emulator.advance(200)
    second = client.ready(model_id)
    for signals in (
        ("pause_promotion", "resume_promotion", "force_cancel_promotion"),
        ("cancel_promotion",),
        ("force_roll_forward_promotion",),
    ):
        client.promote(model_id, second)
        client.get(at)
        for signal in signals:
            client.post(f"{at}/{signal}")
        client.emulator.advance(300)
    client.post(f"{model}/deployments/{first}/promote")
    client.emulator.advance(600)
    client.post(f"{model}/deployments/development/promote")
    client.emulator.advance(600)
    client.ask("DELETE", f"{model}/deployments/{second}")


@pytest.mark.fact("B-007", "B-024", "B-163")
@pytest.mark.parametrize("options", [{"mode": "july"}, {"mode": "newest"}])
def test_every_operation_answers_in_its_shape(client: Client) -> None:
    model_id, first = client.live(echo_truss())
    scoped = use_the_workspace(client)
    use_the_deployments(client, model_id, first)
    use_the_environments(client, model_id, first)
    client.ask("DELETE", f"/v1/models/{scoped}")
    assert sorted(client.used) == KNOWN
    assert client.send("GET", f"/v1/models/{scoped}").status_code == 404
