"""Models, pushes and deployments: what exists, what is refused, and what a reader sees."""

from __future__ import annotations

from typing import Any

import pytest

from gitops.emulator import Running
from tests.emulator.client import Client, echo_truss


def refusal(client: Client, method: str, path: str, body: Any = None) -> tuple[int, str]:
    response = client.send(method, path, body)
    return response.status_code, response.json().get("message", response.text)


def commit(client: Client, model_id: str | None = None, name: str = "model", **payload: Any) -> Any:
    """A commit that is expected to be refused: status and message."""
    target = {"model_id": model_id} if model_id else {"name": f"{name}-prepared"}
    key = client.upload(echo_truss(), **target)
    source: dict[str, Any] = {
        "kind": "model_archive",
        "s3_key": key,
        "deployment": {"config": echo_truss()["config"], **payload},
    }
    if model_id:
        return refusal(client, "POST", f"/v1/models/{model_id}/deployments", {"source": source})
    return refusal(client, "POST", "/v1/models", {"source": {**source, "name": name}})


@pytest.mark.fact("B-042", "B-043", "B-044", "B-045", "B-051", "B-098")
@pytest.mark.parametrize("options", [{"teams": ("core", "research")}])
def test_names_are_unique_within_a_team_only(client: Client) -> None:
    core, research = client.get("/v1/teams")["teams"]
    assert (core["default"], research["default"]) == (True, False)
    made = client.create(echo_truss(), "same")
    assert made["model"]["team_name"] == "core"
    key = client.upload(echo_truss(), name="same", team_id=research["id"])
    source = {"name": "same", "s3_key": key, "deployment": {"config": echo_truss()["config"]}}
    other = client.post(f"/v1/teams/{research['id']}/models", source=source)
    assert other["model"]["team_name"] == "research"
    assert len(client.get("/v1/models")["models"]) == 2
    assert len(client.get(f"/v1/teams/{research['id']}/models")["models"]) == 1
    status, message = commit(client, name="same")
    assert status == 409
    assert "'same' already exists in team 'core'" in message
    path = f"/v1/models/{made['model']['id']}"
    client.post(f"/v1/teams/{research['id']}/secrets", name="s", value="1")
    assert client.get("/v1/secrets")["secrets"][0]["team_name"] == "research"
    assert refusal(client, "DELETE", "/v1/secrets/s")[0] == 404
    assert client.ask("PATCH", path, {"name": "renamed"})["id"] == made["model"]["id"]
    assert refusal(client, "PATCH", path, {"nam": "x"})[0] == 400


@pytest.mark.fact("B-012", "B-053", "B-231")
def test_a_deleted_model_is_gone_on_every_path_and_its_name_is_free(client: Client) -> None:
    model_id, deployment_id = client.live()
    assert client.ask("DELETE", f"/v1/models/{model_id}") == {"id": model_id, "deleted": True}
    for path in ("", "/deployments", f"/deployments/{deployment_id}", "/environments/production"):
        assert client.send("GET", f"/v1/models/{model_id}{path}").status_code == 404
    assert client.predict(model_id, {}).status_code == 404
    assert client.create(echo_truss())["model"]["id"] != model_id


@pytest.mark.fact("B-055", "B-056", "B-070")
def test_deployments_are_numbered_and_a_name_can_be_used_once(client: Client) -> None:
    model_id, _ = client.live()
    assert client.push(model_id, echo_truss())["name"] == "deployment-2"
    named = client.push(model_id, echo_truss(), deployment_name="git-abc", labels={"n": [1, {}]})
    assert named["name"] == "git-abc"
    assert named["labels"] == {"n": [1, {}]}
    assert commit(client, model_id, deployment_name="git-abc")[0] == 409
    client.emulator.advance(5)
    path = f"/v1/models/{model_id}/deployments/{named['id']}"
    assert client.ask("PATCH", path, {"name": "other"})["name"] == "other"
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 3


@pytest.mark.fact(
    "B-054",
    "B-057",
    "B-071",
    "B-072",
    "B-121",
    "B-125",
    "B-134",
    "B-135",
    "B-137",
    "B-138",
    "B-141",
    "B-149",
)
@pytest.mark.parametrize(
    "payload",
    [
        {"deployment_name": "a b"},
        {"deployment_name": "development"},
        {"labels": {"a b": 1}},
        {"labels": {"a": "Grüße"}},
        {"labels": {"a": {"b": ["x y"]}}},
        {"labels": {"a": "x" * 2048}},
        {"deploy_timeout_minutes": 9},
        {"instance_type_id": "9x9"},
        {"environment_name": "staging", "instance_type_id": "1x2"},
        {"environment_name": "nowhere", "create_environment_if_missing": False},
        {"promotion_settings_override": {"rolling_deploy": True}},
        {"autoscaling_settings": {"min_replica": 2, "max_replica": 1}},
        {"is_development": True, "deployment_name": "x"},
        {"is_development": True, "environment_name": "production"},
        {"region": "moon"},
        {"config": {"resources": {"accelerator": "ABACUS"}}},
        {"config": {"resources": {"memory": "much"}}},
        {"config": None},
    ],
)
def test_a_wrong_payload_is_refused_at_prepare_and_at_commit(
    client: Client, payload: dict[str, Any]
) -> None:
    model_id, _ = client.live()
    body = {
        "model_id": model_id,
        "dry_run": True,
        "deployment": {"config": echo_truss()["config"], **payload},
    }
    status, message = refusal(client, "POST", "/v1/prepare_model_upload", body)
    assert status == 400
    assert commit(client, model_id, **payload) == (
        400,
        message.replace("deployment.", _where(message)),
    )
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 1


def _where(message: str) -> str:
    """A body's errors name the field by its place, which differs between the two requests."""
    return "source.deployment." if message.startswith("deployment.") else "deployment."


@pytest.mark.fact("B-124")
def test_prepare_takes_a_name_or_a_model_and_a_team_only_with_the_name(client: Client) -> None:
    model_id, _ = client.live()
    for target in (
        {},
        {"name": "a", "model_id": model_id},
        {"model_id": model_id, "team_id": "x"},
    ):
        body = {"deployment": {"config": {}}, **target}
        assert refusal(client, "POST", "/v1/prepare_model_upload", body)[0] == 400
    for target in ({"model_id": "unknown"}, {"name": "a", "team_id": "unknown"}):
        body = {"deployment": {"config": {}}, **target}
        assert refusal(client, "POST", "/v1/prepare_model_upload", body)[0] == 404


@pytest.mark.fact("B-135", "B-139", "B-142")
def test_a_push_may_name_its_environment_and_create_it(client: Client) -> None:
    model_id, _ = client.live()
    pushed = client.push(
        model_id,
        echo_truss(),
        environment_name="staging",
        autoscaling_settings={"max_replica": 3},
    )
    staging = client.environment(model_id, "staging")
    assert staging["candidate_deployment"]["id"] == pushed["id"]
    assert staging["autoscaling_settings"]["max_replica"] == 1
    client.emulator.advance(600)
    staging = client.environment(model_id, "staging")
    assert staging["current_deployment"]["id"] == pushed["id"]
    assert staging["autoscaling_settings"]["max_replica"] == 3


@pytest.mark.fact("B-143")
def test_a_push_into_a_running_promotion_leaves_nothing_behind(client: Client) -> None:
    model_id, _ = client.live()
    client.push(model_id, echo_truss(), environment_name="production")
    assert commit(client, model_id, environment_name="production")[0] == 409
    assert client.get(f"/v1/models/{model_id}")["deployments_count"] == 2


@pytest.mark.fact("B-058", "B-119")
@pytest.mark.parametrize(
    ("options", "environment", "current"),
    [
        ({"first_push": "production"}, "production", False),
        ({"first_push": "serving"}, "production", True),
        ({"first_push": "none"}, None, False),
    ],
)
def test_what_becomes_of_a_first_push_is_a_switch(
    client: Client, environment: str | None, current: bool
) -> None:
    made = client.create(echo_truss())
    assert made["deployment"]["environment"] == environment
    assert made["deployment"]["is_production"] == current
    client.emulator.advance(600)
    serving = client.environment(made["model"]["id"])["current_deployment"]
    assert (serving is not None) == (environment is not None)


@pytest.mark.fact("B-068", "B-069")
def test_what_serves_or_is_promoted_is_not_deleted(client: Client) -> None:
    model_id, first = client.live()
    second = client.ready(model_id)
    path = f"/v1/models/{model_id}/deployments"
    assert refusal(client, "DELETE", f"{path}/{first}")[0] == 400
    client.promote(model_id, second)
    assert refusal(client, "DELETE", f"{path}/{second}")[0] == 400
    client.emulator.advance(600)
    gone = client.ask("DELETE", f"{path}/{first}")
    assert gone == {"id": first, "deleted": True, "model_id": model_id}
    assert refusal(client, "GET", f"{path}/{first}")[0] == 404


@pytest.mark.fact("B-064", "B-066", "B-146")
def test_an_archive_may_be_closed_to_downloads(client: Client) -> None:
    key = client.upload(echo_truss(), name="closed")
    source = {
        "name": "closed",
        "s3_key": key,
        "disable_archive_download": True,
        "deployment": {"config": echo_truss()["config"], "raw_config": "model_name: echo # raw\n"},
    }
    made = client.post("/v1/models", source=source)
    client.emulator.advance(5)
    path = f"/v1/models/{made['model']['id']}/deployments/{made['deployment']['id']}"
    assert refusal(client, "GET", f"{path}/download")[0] == 400
    assert client.get(f"{path}/config", output_format="raw") == {
        "config": None,
        "raw_config": "model_name: echo # raw\n",
    }
    assert client.get(f"{path}/config")["config"]["model_name"] == "echo"


@pytest.mark.fact("B-025")
@pytest.mark.parametrize("options", [{"shuffle_lists": True, "seed": 7}])
def test_lists_have_no_order_that_can_be_relied_on(client: Client, emulator: Running) -> None:
    emulator.seed(20)
    orders = {tuple(m["id"] for m in client.get("/v1/models")["models"]) for _ in range(4)}
    assert len(orders) > 1


@pytest.mark.fact("B-215", "B-217", "B-218")
def test_logs_are_searched_and_paged_by_time(client: Client) -> None:
    model_id, deployment_id = client.live()
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/logs"
    newest = client.get(path)["logs"]
    oldest = client.get(path, direction="asc")["logs"]
    assert newest == oldest[::-1]
    assert oldest[0]["message"] == "Building image"
    assert len(client.get(path, limit=2)["logs"]) == 2
    found = client.get(path, search_pattern="^Build s", includes=["succ"], excludes=["fail"])
    assert [line["message"] for line in found["logs"]] == ["Build succeeded"]
    built = int(found["logs"][0]["timestamp"]) // 1_000_000
    later = client.get(path, start_epoch_millis=built + 1, direction="asc")["logs"]
    assert later[0]["message"] == "Loading model"
    for query in (
        {"limit": 0},
        {"min_level": "LOUD"},
        {"search_pattern": "("},
        {"search_pattern": r"(B)uild\1"},
        {"search_pattern": "Build (?!failed)"},
        {"search_pattern": "(?<=Build )s"},
        {"direction": "up"},
    ):
        assert client.send("GET", path, params=query).status_code == 400
    for pattern in (r"(?i)^build\s(?:s)", r"(?P<what>Build) s\w+", r"Build s|\\1"):
        found = client.get(path, search_pattern=pattern)
        assert [line["message"] for line in found["logs"]] == ["Build succeeded"]


def test_replicas_grow_with_the_requests_in_flight_and_shrink_when_idle(client: Client) -> None:
    model_id, deployment_id = client.live()
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/autoscaling_settings"
    client.ask("PATCH", path, {"min_replica": 1, "max_replica": 4, "scale_down_delay": 100})
    client.emulator.advance(5)
    deployment = client.emulator.world.deployments[deployment_id]

    def busy(requests: int) -> None:
        from gitops.emulator.world.scaling import touched

        touched(client.emulator.world, deployment, requests)

    client.emulator.call(busy, 5)
    client.emulator.advance(20)
    assert client.deployment(model_id)["active_replica_count"] == 1
    client.emulator.advance(80)
    assert client.deployment(model_id)["active_replica_count"] == 4
    client.emulator.call(busy, -5)
    client.emulator.advance(1000)
    assert client.deployment(model_id)["active_replica_count"] == 1


def test_a_seeded_fleet_serves_under_the_name_that_was_asked_for(client: Client) -> None:
    order = {
        "models": 2,
        "environments": ["staging"],
        "deployment_name": "git-a",
        "labels": {"n": 1},
    }
    made = client.ask("POST", "/__emulator__/seed", order)["models"]
    assert len(made) == 2
    staging = client.environment(made[1], "staging")["current_deployment"]
    production = client.environment(made[1])["current_deployment"]
    assert production["name"] == "git-a"
    assert staging["name"].rpartition(".")[0] == "git-a"
    assert staging["labels"] == production["labels"] == {"n": 1}
    assert client.predict(made[0], {"messages": [{"content": "x"}]}).status_code == 200
    second = client.ready(made[0])
    client.promote(made[0], second)
    client.emulator.advance(600)
    assert client.environment(made[0])["current_deployment"]["id"] == second
