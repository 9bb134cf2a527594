"""Kinds of keys, schedules, shadows, startups and asynchronous requests."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gitops.emulator import Key
from gitops.emulator.world.entities import Deployment
from tests.emulator.client import Client, echo_truss
from tests.emulator.rules.conftest import Served
from tests.patience import HANGS

ALL = {
    "min_replica": 2,
    "max_replica": 4,
    "autoscaling_window": None,
    "scale_down_delay": None,
    "concurrency_target": None,
    "target_utilization_percentage": None,
    "target_in_flight_tokens": None,
    "max_scale_down_rate": None,
}
ALWAYS = {
    "name": "always",
    "enabled": True,
    "autoscaling_settings": ALL,
    "cadence": "HOURLY",
    "weekdays": [
        "MONDAY",
        "TUESDAY",
        "WEDNESDAY",
        "THURSDAY",
        "FRIDAY",
        "SATURDAY",
        "SUNDAY",
    ],
    "start_minute": 0,
    "end_minute": 0,
}


def moment(model: Served, seconds: float) -> str:
    """RFC 3339, so many seconds from the emulator's now."""
    at = model.client.emulator.world.now + seconds
    return datetime.fromtimestamp(at, tz=UTC).isoformat()


def statuses(model: Served, key: str) -> tuple[int, int, int]:
    """What reading, changing and calling a model answer to a key."""
    headers = {"Authorization": f"Bearer {key}"}
    emulator = model.client.emulator
    url = emulator.inference_url.format(model_id=model.id)
    body = {"messages": [{"role": "user", "content": "x"}]}
    with httpx.Client(base_url=emulator.api_url, headers=headers, timeout=HANGS) as http:
        return (
            http.get(model.path).status_code,
            http.patch(model.path, json={}).status_code,
            http.post(f"{url}/production/predict", json=body).status_code,
        )


@pytest.mark.fact("B-239")
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("PERSONAL", (200, 200, 200)),
        ("WORKSPACE_MANAGE_ALL", (200, 200, 200)),
        ("WORKSPACE_INVOKE", (403, 403, 200)),
        ("WORKSPACE_EXPORT_METRICS", (403, 403, 401)),
        ("WORKSPACE_MANAGE_API_KEYS", (403, 403, 401)),
        ("ROUTES", (403, 403, 401)),
    ],
)
def test_what_each_kind_of_key_may(
    model: Served, kind: str, expected: tuple[int, int, int]
) -> None:
    key = model.client.post("/v1/api_keys", type=kind, name=kind)["api_key"]
    assert statuses(model, key) == expected


@pytest.mark.fact("B-240")
def test_a_key_for_calling_is_limited_to_some_models(model: Served) -> None:
    [other] = model.client.emulator.seed(1, prefix="unlimited")
    body = {"type": "WORKSPACE_INVOKE", "name": "limited", "model_ids": [other]}
    key = model.client.post("/v1/api_keys", **body)["api_key"]
    assert statuses(model, key)[2] == 401
    assert statuses(Served(model.client, other, ""), key)[2] == 200


OWNER, OTHER = "owner.secret", "other.secret"
KEYS = (Key(secret=OWNER), Key(secret=OTHER, user="other@example.com"))


@pytest.mark.fact("B-241")
@pytest.mark.parametrize("options", [{"users": ("other@example.com",), "keys": KEYS}])
def test_a_restricted_environment_is_for_its_users(client: Client) -> None:
    def be(key: str) -> None:
        client.http.headers["Authorization"] = f"Bearer {key}"

    be(OWNER)
    [model_id] = client.emulator.seed(1)
    model = Served(client, model_id, "")
    deployment = model.ready()
    access = {"is_restricted": True, "user_ids": [client.get("/v1/users/me")["user_id"]]}
    client.ask("PATCH", "/v1/environment_groups/staging", {"manage_access": access})
    promote = {"deployment_id": deployment}
    push = {"config": echo_truss()["config"], "environment_name": "staging"}
    source = {"s3_key": client.upload(echo_truss(), model_id=model.id), "deployment": push}
    be(OTHER)
    assert model.refused("POST", "/environments/staging/promote", promote) == 403
    assert model.refused("POST", "/deployments", {"source": source}) == 403
    be(OWNER)
    client.ask("POST", f"{model.path}/environments/staging/promote", promote)


@pytest.mark.fact("B-242")
@pytest.mark.parametrize(("options", "status"), [({}, 400), ({"invalid_status": 422}, 422)])
def test_what_is_not_valid(model: Served, status: int) -> None:
    body = {"autoscaling_settings": {"max_replica": 0}}
    assert model.refused("PATCH", "/environments/staging", body) == status
    assert model.refused("PATCH", "", {"name": ""}) == status


@pytest.mark.fact("B-243")
@pytest.mark.parametrize(
    ("options", "refused"), [({}, False), ({"create_environments": False}, True)]
)
def test_whether_a_push_creates_its_environment_by_default(model: Served, refused: bool) -> None:
    payload = {"config": echo_truss()["config"], "environment_name": "new"}
    body = {"model_id": model.id, "deployment": payload, "dry_run": True}
    reply = model.client.send("POST", "/v1/prepare_model_upload", body)
    assert (reply.status_code == 400) is refused


def schedules(model: Served, **block: Any) -> Any:
    model.patch("/environments/production", {"autoscaling_schedule_settings": block})
    return model.client.environment(model.id)["autoscaling_schedules"]


@pytest.mark.fact("B-244", "B-248", "B-249", "B-245", "B-246")
def test_schedules_come_and_go(model: Served) -> None:
    path = "/environments/production"
    assert model.client.environment(model.id)["autoscaling_schedules"] is None
    without = {"autoscaling_schedule_settings": {"schedules": [ALWAYS]}}
    assert model.refused("PATCH", path, without) == 400
    shown = schedules(model, timezone="Europe/Berlin", schedules=[ALWAYS])
    [always] = shown["schedules"]
    assert shown["timezone"] == "Europe/Berlin"
    model.client.emulator.advance(10)
    environment = model.client.environment(model.id)
    applied = environment["autoscaling_schedules"]["applied_state"]
    assert applied["schedule_id"] == always["id"]
    assert applied["autoscaling_settings"]["max_replica"] == 4
    assert applied["autoscaling_settings"]["scale_down_delay"] == 900
    assert environment["autoscaling_settings"]["max_replica"] == 1
    daily = {**ALWAYS, "name": "daily", "cadence": "DAILY", "start_hour": 1, "end_hour": 2}
    assert len(schedules(model, schedules=[daily])["schedules"]) == 2
    twice = {"autoscaling_schedule_settings": {"schedules": [daily]}}
    assert model.refused("PATCH", path, twice) == 400
    replaced = {**ALWAYS, "id": always["id"], "name": "now and then", "enabled": False}
    names = [each["name"] for each in schedules(model, schedules=[replaced])["schedules"]]
    assert names == ["now and then", "daily"]
    still = {"autoscaling_schedule_settings": {"timezone": None}}
    assert model.refused("PATCH", path, still) == 400
    ids = [each["id"] for each in schedules(model)["schedules"]]
    assert schedules(model, delete_schedules=ids, timezone=None)["schedules"] == []


@pytest.mark.fact("B-247")
def test_a_single_window(model: Served) -> None:
    once = {
        "name": "once",
        "enabled": True,
        "autoscaling_settings": ALL,
        "cadence": "ONE_TIME",
        "start_at": moment(model, -10),
        "end_at": moment(model, 200),
    }
    block = {"timezone": "UTC", "schedules": [once]}
    past = {"autoscaling_schedule_settings": block}
    assert model.refused("PATCH", "/environments/production", past) == 400
    schedules(model, timezone="UTC", schedules=[{**once, "start_at": moment(model, 100)}])
    seen = []
    for seconds in (99, 1, 99, 1):
        model.client.emulator.advance(seconds)
        shown = model.client.environment(model.id)["autoscaling_schedules"]["applied_state"]
        seen.append(shown["schedule_id"] is not None)
    assert seen == [False, True, True, False]


@pytest.mark.fact("B-250")
def test_a_push_brings_schedules_for_its_environment_only(model: Served) -> None:
    payload = {
        "config": echo_truss()["config"],
        "autoscaling_schedule_settings": {"timezone": "UTC", "schedules": [ALWAYS]},
    }
    body: dict[str, Any] = {"model_id": model.id, "dry_run": True, "deployment": payload}
    assert model.client.send("POST", "/v1/prepare_model_upload", body).status_code == 400
    payload["environment_name"] = "staging"
    model.client.ask("POST", "/v1/prepare_model_upload", body)


def rule(model: Served, **changed: Any) -> dict[str, Any]:
    return {
        "type": "SHADOW",
        "targets": [{"environment": "staging"}],
        "percent_traffic": 100,
        "expires_at": moment(model, 3600),
        "sampling_mode": "RANDOM",
        "propagate_client_cancellation": False,
        **changed,
    }


def route(model: Served, **block: Any) -> int:
    body = {"traffic_routing_settings": block}
    reply = model.client.send("PATCH", f"{model.path}/environments/production", body)
    return reply.status_code


def rules(model: Served) -> Any:
    return (model.client.environment(model.id)["traffic_routing"] or {"rules": []})["rules"]


@pytest.mark.fact("B-251", "B-252")
def test_what_a_shadow_rule_may_say(model: Served) -> None:
    two = [{"environment": "staging"}, {"environment": "staging"}]
    for wrong in (
        {"type": "CANARY"},
        {"targets": two},
        {"targets": []},
        {"percent_traffic": 0},
        {"percent_traffic": 101},
        {"expires_at": moment(model, 8 * 24 * 3600)},
        {"sampling_mode": "ALL"},
    ):
        assert route(model, rules=[rule(model, **wrong)]) == 400, wrong
    assert rules(model) == []
    assert route(model, rules=[rule(model, sampling_mode="USER_SESSION")]) == 200
    [made] = rules(model)
    other = [{"deployment_id": model.ready()}]
    assert route(model, rules=[rule(model, id=made["id"], targets=other)]) == 400
    assert route(model, rules=[rule(model, id=made["id"], percent_traffic=7)]) == 200
    assert [each["percent_traffic"] for each in rules(model)] == [7]
    assert route(model, rules=[rule(model, targets=other)], delete_rules=[made["id"]]) == 200
    [after] = rules(model)
    assert after["targets"][0]["deployment_id"] == other[0]["deployment_id"]


@pytest.mark.fact("B-253")
def test_a_rule_outlives_its_target(model: Served) -> None:
    deployment = model.ready()
    route(model, rules=[rule(model, targets=[{"deployment_id": deployment}])])
    model.client.ask("DELETE", f"{model.path}/deployments/{deployment}")
    [left] = rules(model)
    assert left["targets"] == []


async def so_many_requests(deployment: Deployment, count: int) -> None:
    """Wait until a deployment has answered so many."""
    while True:
        buckets = deployment.samples.between(0, 1e12)
        if sum(sum(bucket.counts.values()) for bucket in buckets) >= count:
            return
        await asyncio.sleep(0.005)


@pytest.mark.fact("B-254")
def test_a_shadow_gets_a_copy(model: Served) -> None:
    shadow = model.ready(deployment_name="shadow")
    route(model, rules=[rule(model, targets=[{"deployment_id": shadow}])])
    deployment = model.client.emulator.world.deployments[shadow]
    assert model.predict().status_code == 200
    model.client.emulator.wait(so_many_requests(deployment, 1))


@pytest.mark.fact("B-256")
def test_a_promotion_moves_to_a_region_and_back(model: Served) -> None:
    at_once = {"rolling_deploy": False}
    shown = []
    for region in ("eu", ""):
        update = {"region": region}
        model.client.promote(
            model.id,
            model.ready(),
            environment_settings_update=update,
            promotion_settings_override=at_once,
        )
        model.client.emulator.advance(120)
        shown.append(model.client.environment(model.id)["current_deployment"]["region"])
    assert shown == [{"slug": "eu", "display_name": "Europe"}, None]


@pytest.mark.fact("B-262", "B-029")
def test_startups_are_told_phase_by_phase(model: Served) -> None:
    start = int(model.client.emulator.world.now * 1000)
    path = f"{model.path}/deployments/{model.ready()}/startups"
    window = {"start_epoch_millis": start, "end_epoch_millis": start + 10**6}
    page = model.client.get(path, **window)
    assert page["pagination"]["has_more"] is False
    [startup] = page["items"]
    phases = [each["phase"] for each in startup["phase_summary"]]
    assert (phases[0], phases[-1]) == ("SCHEDULING", "READINESS")
    assert sum(each["duration_ms"] for each in startup["phase_summary"]) == startup["duration_ms"]
    for limit, status in ((0, 400), (1, 200), (100, 200), (101, 400)):
        query = {**window, "limit": limit}
        assert model.client.send("GET", path, params=query).status_code == status
    assert model.client.get(f"{path}/summary", **window)


def submit(model: Served, **body: Any) -> httpx.Response:
    asked = {"model_input": {"messages": [{"role": "user", "content": "x"}]}, **body}
    return model.client.predict(model.id, asked, "production/async_predict")


def of_request(model: Served, request_id: str, method: str = "GET") -> Any:
    base = model.client.emulator.inference_url.format(model_id=model.id)
    reply = model.client.http.request(method, f"{base}/async_request/{request_id}")
    return reply.raise_for_status().json()


@pytest.mark.fact("B-264")
@pytest.mark.parametrize(("options", "status"), [({}, 201), ({"async_status": 202}, 202)])
def test_how_an_asynchronous_request_is_taken(model: Served, status: int) -> None:
    reply = submit(model)
    assert reply.status_code == status
    assert set(reply.json()) == {"request_id"}


@pytest.mark.fact("B-265")
def test_bounds_of_an_asynchronous_request(model: Served) -> None:
    for body, status in (
        ({"priority": 3}, 400),
        ({"priority": 2}, 201),
        ({"max_time_in_queue_seconds": 9}, 400),
        ({"max_time_in_queue_seconds": 10}, 201),
        ({"max_time_in_queue_seconds": 259_200}, 201),
        ({"max_time_in_queue_seconds": 259_201}, 400),
    ):
        assert submit(model, **body).status_code == status, body


@pytest.mark.fact("B-266", "B-267")
def test_the_states_of_an_asynchronous_request(model: Served) -> None:
    emulator = model.client.emulator
    done = submit(model).json()["request_id"]
    while of_request(model, done)["status"] != "SUCCEEDED":
        continue
    assert of_request(model, done, "DELETE")["canceled"] is False
    # Without a replica they wait, and are taken back or grow too old.
    name = model.client.get(model.path)["name"]
    emulator.fault(kind="no_capacity", model=f"^{name}$", times=0)
    emulator.set_status(model.current, "SCALED_TO_ZERO")
    first, second = (
        submit(model, max_time_in_queue_seconds=10).json()["request_id"] for _ in range(2)
    )
    assert of_request(model, first)["status"] == "QUEUED"
    base = emulator.inference_url.format(model_id=model.id)
    queue = model.client.http.get(f"{base}/production/async_queue_status").json()
    assert queue["num_queued_requests"] == 2
    assert of_request(model, first, "DELETE")["canceled"] is True
    emulator.advance(11)
    states = [of_request(model, each)["status"] for each in (done, first, second)]
    assert states == ["SUCCEEDED", "CANCELED", "EXPIRED"]


@pytest.mark.fact("B-273")
def test_a_push_may_name_a_region(model: Served) -> None:
    pushed = model.client.push(model.id, echo_truss(), region="eu")
    assert pushed["region"]["slug"] == "eu"
    payload = {"config": echo_truss()["config"], "region": "moon"}
    body = {"model_id": model.id, "deployment": payload, "dry_run": True}
    assert model.client.send("POST", "/v1/prepare_model_upload", body).status_code == 400
