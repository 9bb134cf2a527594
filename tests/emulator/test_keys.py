"""Types of API keys, keys made over the API, teams and restricted environments."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from gitops.emulator import Key, Running
from tests.emulator.client import Client, echo_truss
from tests.patience import HANGS

TYPES = (
    "PERSONAL",
    "WORKSPACE_MANAGE_ALL",
    "WORKSPACE_MANAGE_API_KEYS",
    "WORKSPACE_EXPORT_METRICS",
    "WORKSPACE_INVOKE",
    "ROUTES",
)


class With:
    """Requests with other keys than the client's."""

    def __init__(self, emulator: Running) -> None:
        self.emulator = emulator
        self.stack = ExitStack()

    def ask(self, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        url = path if path.startswith("http") else f"{self.emulator.api_url}{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=HANGS)


@pytest.fixture
def other(emulator: Running) -> With:
    return With(emulator)


def key_of(client: Client, kind: str, **body: Any) -> str:
    return str(client.post("/v1/api_keys", type=kind, **body)["api_key"])


@pytest.mark.fact("B-006", "B-239")
@pytest.mark.parametrize(
    ("kind", "allowed"),
    [
        ("PERSONAL", {"me", "read", "metrics", "write", "keys", "call"}),
        ("WORKSPACE_MANAGE_ALL", {"me", "read", "metrics", "write", "call"}),
        ("WORKSPACE_MANAGE_API_KEYS", {"me", "keys"}),
        ("WORKSPACE_EXPORT_METRICS", {"me", "metrics"}),
        ("WORKSPACE_INVOKE", {"me", "call"}),
        ("ROUTES", {"me"}),
    ],
)
def test_each_type_may_do_what_it_is_for(
    client: Client, other: With, kind: str, allowed: set[str]
) -> None:
    model_id, _ = client.live()
    key = key_of(client, kind)
    environment = f"/v1/models/{model_id}/environments/production"
    call = client.emulator.inference_url.format(model_id=model_id) + "/production/predict"
    asked = {
        "me": ("GET", "/v1/users/me", None),
        "read": ("GET", environment, None),
        "metrics": ("GET", f"{environment}/metrics", None),
        "write": ("PATCH", environment, {}),
        "keys": ("GET", "/v1/api_keys", None),
        "call": ("POST", call, {"messages": [{}]}),
    }
    found = {name: other.ask(key, *request) for name, request in asked.items()}
    assert {name for name, answer in found.items() if answer.status_code == 200} == allowed
    for name, answer in found.items():
        if name not in allowed:
            assert answer.status_code == (401 if name == "call" else 403)
            assert answer.json()["error"]


@pytest.mark.fact("B-277")
def test_a_key_is_shown_once_and_works_until_it_is_deleted(client: Client, other: With) -> None:
    key = key_of(client, "WORKSPACE_MANAGE_ALL", name="ci")
    prefix, _, secret = key.partition(".")
    assert other.ask(key, "GET", "/v1/models").status_code == 200
    listed = client.get("/v1/api_keys", type="WORKSPACE_MANAGE_ALL")["keys"]
    assert [(each["prefix"], each["name"]) for each in listed] == [(prefix, "ci")]
    assert listed[0]["last_used_at"]
    assert secret not in str(client.get("/v1/api_keys")) + str(client.get("/v1/audit_logs"))
    assert secret not in str(client.emulator.requests())
    assert other.ask(f"{prefix}.wrong", "GET", "/v1/models").status_code == 401
    assert client.ask("DELETE", f"/v1/api_keys/{prefix}") == {"prefix": prefix}
    assert other.ask(key, "GET", "/v1/models").status_code == 401
    assert client.send("DELETE", f"/v1/api_keys/{prefix}").status_code == 404
    events = [each["event_type"] for each in client.get("/v1/audit_logs")["items"]]
    assert events == ["API_KEY_DELETED", "API_KEY_CREATED"]


@pytest.mark.fact("B-240")
def test_a_key_can_be_limited_to_models(client: Client, other: With) -> None:
    mine, _ = client.live()
    foreign = client.create(echo_truss(), name="foreign")["model"]["id"]
    client.emulator.advance(300)
    key = key_of(client, "WORKSPACE_INVOKE", model_ids=[mine])
    for model_id, status in ((mine, 200), (foreign, 401)):
        url = client.emulator.inference_url.format(model_id=model_id) + "/production/predict"
        assert other.ask(key, "POST", url, {"messages": [{}]}).status_code == status
    exports = key_of(client, "WORKSPACE_EXPORT_METRICS", model_ids=[mine])
    for model_id, status in ((mine, 200), (foreign, 403)):
        path = f"/v1/models/{model_id}/environments/production/metrics"
        assert other.ask(exports, "GET", path).status_code == status


LIMITED = Key(secret="limited.k", type="WORKSPACE_INVOKE", environments=("staging",))


@pytest.mark.fact("B-240")
@pytest.mark.parametrize("options", [{"keys": (Key(secret="all.k"), LIMITED)}])
def test_a_key_can_be_limited_to_environments(emulator: Running, other: With) -> None:
    (model_id,) = emulator.seed(1)
    base = emulator.inference_url.format(model_id=model_id)
    for path, status in (("environments/staging", 200), ("production", 401)):
        url = f"{base}/{path}/predict"
        assert other.ask("limited.k", "POST", url, {"messages": [{}]}).status_code == status


@pytest.mark.parametrize(
    "body",
    [
        {"type": "MASTER"},
        {"type": "PERSONAL", "model_ids": []},
        {"type": "PERSONAL", "team_id": "x"},
        {"type": "WORKSPACE_INVOKE", "model_ids": ["unknown"]},
        {},
    ],
)
def test_wrong_keys_are_not_made(client: Client, body: Any) -> None:
    assert client.send("POST", "/v1/api_keys", body).status_code in {400, 404}
    assert client.get("/v1/api_keys")["keys"] == []


TEAMS = {"teams": ("default", "vision")}


@pytest.mark.fact("B-278")
@pytest.mark.parametrize("options", [TEAMS])
def test_a_teams_key_sees_and_changes_only_that_team(client: Client, other: With) -> None:
    default, vision = (each["id"] for each in client.get("/v1/teams")["teams"])
    model_id, _ = client.live()
    path = f"/v1/teams/{vision}/api_keys"
    key = client.post(path, type="WORKSPACE_MANAGE_ALL")["api_key"]
    assert [each["id"] for each in other.ask(key, "GET", "/v1/teams").json()["teams"]] == [vision]
    assert other.ask(key, "GET", "/v1/models").json()["models"] == []
    for refused in (f"/v1/models/{model_id}", f"/v1/teams/{default}/models"):
        assert other.ask(key, "GET", refused).status_code == 403
    secret = {"name": "token", "value": "v"}
    assert other.ask(key, "POST", "/v1/secrets", secret).status_code == 403
    assert other.ask(key, "POST", f"/v1/teams/{vision}/secrets", secret).status_code == 200
    assert client.send("POST", path, {"type": "ROUTES", "team_id": default}).status_code == 400


PEOPLE = {
    "users": ("ada@example.com",),
    "keys": (
        Key(secret="owner.k"),
        Key(secret="ada.k", user="ada@example.com"),
        Key(secret="robot.k", type="WORKSPACE_MANAGE_ALL"),
    ),
}


@pytest.mark.fact("B-241")
@pytest.mark.parametrize("options", [PEOPLE])
def test_a_restricted_environment_is_for_the_users_of_its_group(
    emulator: Running, other: With
) -> None:
    (model_id,) = emulator.seed(1)
    listed = other.ask("owner.k", "GET", "/v1/users").json()["items"]
    ada = next(each["user_id"] for each in listed if each["email"] == "ada@example.com")
    assert other.ask("ada.k", "GET", "/v1/users/me").json()["user_id"] == ada
    access = {"manage_access": {"is_restricted": True, "user_ids": [ada]}}
    group = other.ask("owner.k", "PATCH", "/v1/environment_groups/production", access).json()
    assert [each["email"] for each in group["manage_access"]["users"]] == ["ada@example.com"]
    model = f"/v1/models/{model_id}"
    spare = emulator.world.models[model_id].environments["staging"].current_id
    tried = [
        ("PATCH", f"{model}/environments/production", {}),
        ("POST", f"{model}/environments/production/promote", {"deployment_id": spare}),
        ("POST", f"{model}/deployments/{spare}/promote", {}),
        ("POST", f"{model}/deployments", push_to("production")),
    ]
    for request in tried:
        assert other.ask("owner.k", *request).status_code == 403
    assert other.ask("owner.k", "PATCH", f"{model}/environments/staging", {}).status_code == 200
    for key in ("ada.k", "robot.k"):
        assert other.ask(key, *tried[0]).status_code == 200
    assert other.ask("ada.k", *tried[1]).status_code == 200


def push_to(environment: str) -> dict[str, Any]:
    deployment = {"config": echo_truss()["config"], "environment_name": environment}
    return {"source": {"kind": "model_archive", "s3_key": "none", "deployment": deployment}}


@pytest.mark.fact("B-029", "B-030")
@pytest.mark.parametrize("options", [{"users": ("ada@example.com", "bob@example.com")}])
def test_users_are_listed_by_page_and_found_by_email(client: Client) -> None:
    first = client.get("/v1/users", limit=2)
    assert first["pagination"]["has_more"]
    rest = client.get("/v1/users", limit=2, cursor=first["pagination"]["cursor"])
    assert [each["email"] for each in rest["items"]] == ["bob@example.com"]
    (ada,) = client.get("/v1/users", email="ada@example.com")["items"]
    assert client.get(f"/v1/users/{ada['user_id']}")["name"] == "Ada"
    assert client.get("/v1/users", email="nobody@example.com")["items"] == []
    assert client.send("GET", "/v1/users/unknown").status_code == 404
