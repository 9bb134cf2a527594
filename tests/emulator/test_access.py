"""Keys, rate limits, the audit log's actors, the journal and planned faults."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gitops.emulator import Key, Running
from gitops.emulator.http.limits import LIMITS, Limiter
from tests.emulator.client import Client
from tests.patience import HANGS

KEYS = (
    Key(secret="good.secret", name="ci"),
    Key(secret="call.secret", type="WORKSPACE_INVOKE"),
)


def ask(emulator: Running, authorization: str | None, method: str = "GET") -> httpx.Response:
    headers = {"Authorization": authorization} if authorization else {}
    body = {"name": "a", "value": "b"}
    with httpx.Client(base_url=emulator.api_url, headers=headers, timeout=HANGS) as http:
        if method == "GET":
            return http.get("/v1/users/me")
        return http.post("/v1/secrets", json=body)


@pytest.mark.fact("B-002", "B-003", "B-004", "B-009")
@pytest.mark.parametrize("options", [{"keys": KEYS}])
def test_both_schemes_are_taken_and_wrong_keys_are_not(emulator: Running) -> None:
    assert ask(emulator, "Bearer good.secret").status_code == 200
    assert ask(emulator, "Api-Key good.secret").status_code == 200
    for wrong in (None, "Bearer", "Bearer bad.secret", "Basic good.secret"):
        refused = ask(emulator, wrong)
        assert refused.status_code == 401
        assert set(refused.json()) == {"error"}
        assert "secret" not in refused.text


@pytest.mark.fact("B-006")
@pytest.mark.parametrize("options", [{"keys": KEYS}])
def test_a_key_for_calling_models_may_not_change_anything(emulator: Running) -> None:
    assert ask(emulator, "Bearer call.secret").status_code == 200
    assert ask(emulator, "Bearer call.secret", "POST").status_code == 403
    assert ask(emulator, "Bearer good.secret", "POST").status_code == 200


@pytest.mark.fact("B-004")
def test_any_key_is_taken_where_none_is_named(emulator: Running) -> None:
    assert ask(emulator, "Bearer anything").status_code == 200
    assert ask(emulator, None).status_code == 401


@pytest.mark.fact("B-018")
@pytest.mark.parametrize("limit", LIMITS)
def test_each_endpoint_and_key_has_its_own_window(limit: Any) -> None:
    now = 0.0
    limiter = Limiter(lambda: now)
    allowed, seconds = LIMITS[limit]
    assert all(limiter.wait("key", "one", limit) is None for _ in range(allowed))
    assert limiter.wait("key", "one", limit) == seconds
    assert limiter.wait("key", "two", limit) is None
    assert limiter.wait("other", "one", limit) is None
    now = seconds - 0.5
    assert limiter.wait("key", "one", limit) == 1
    now = seconds
    assert limiter.wait("key", "one", limit) is None


@pytest.mark.fact("B-013", "B-014")
@pytest.mark.parametrize("options", [{"rate_limits": True}])
def test_too_many_requests_are_told_how_long_to_wait(client: Client) -> None:
    model_id, deployment_id = client.live()
    path = f"/v1/models/{model_id}/deployments"
    for _ in range(20):
        client.post(f"{path}/production/deactivate")
    refused = client.send("POST", f"{path}/production/deactivate")
    assert refused.status_code == 429
    assert refused.json()["error"]
    assert 1 <= refused.json()["retry_after"] <= 60
    assert client.send("POST", f"{path}/{deployment_id}/deactivate").status_code == 200


@pytest.mark.fact("B-005", "B-223", "B-225")
def test_the_audit_log_tells_clicks_keys_and_the_platform_apart(client: Client) -> None:
    model_id, _ = client.live()
    environments = f"/v1/models/{model_id}/environments"
    click = {"X-Emulator-Actor": "ui:ada@example.com"}
    client.ask("POST", environments, {"name": "clicked"}, headers=click)
    client.ask("POST", environments, {"name": "sent"}, headers={"User-Agent": "gitops/1.2 x"})
    client.ask("POST", environments, {"name": "own"}, headers={"X-Emulator-Actor": "system"})
    groups = {"event_type_groups": "ENVIRONMENT_SETTINGS", "direction": "ASC"}
    clicked, sent, own = client.get(f"/v1/models/{model_id}/audit_logs", **groups)["items"]
    assert clicked["source"] == "UI"
    assert (clicked["actor"]["type"], clicked["actor"]["email"]) == ("USER", "ada@example.com")
    assert sent["source"] == "API"
    assert sent["actor"]["api_key_prefix"] == "emulator"
    assert (sent["client_name"], sent["client_version"]) == ("gitops", "1.2")
    assert own["actor"]["type"] == "BASETEN_SYSTEM"


@pytest.mark.fact("B-029", "B-030", "B-221", "B-222")
def test_the_audit_log_filters_and_pages(client: Client) -> None:
    model_id, deployment_id = client.live()
    for number in range(5):
        client.post(f"/v1/models/{model_id}/environments", name=f"env-{number}")
        client.emulator.advance(10)
    path = f"/v1/models/{model_id}/audit_logs"
    first = client.get(path, limit=4)
    assert [item["event_data"]["environment_name"] for item in first["items"]] == [
        "env-4",
        "env-3",
        "env-2",
        "env-1",
    ]
    assert first["pagination"]["has_more"]
    rest = client.get(path, limit=4, cursor=first["pagination"]["cursor"])
    assert len(rest["items"]) == 2
    assert rest["pagination"] == {"has_more": False, "cursor": None}
    assert len(client.get(path, deployment_ids=deployment_id)["items"]) == 1
    named = client.get(path, environment_names=["env-1", "env-2"])
    assert len(named["items"]) == 2
    since = int((client.emulator.world.now - 25) * 1000)
    assert len(client.get(path, start_epoch_millis=since)["items"]) == 2
    assert len(client.get(path, sources=["UI"])["items"]) == 0
    assert len(client.get(path, search="env-3")["items"]) == 1
    assert client.send("GET", path, params={"limit": 201}).status_code == 400
    assert client.send("GET", path, params={"event_type_groups": "ODD"}).status_code == 400
    assert client.send("GET", path, params={"cursor": "odd"}).status_code == 400


def test_the_journal_names_every_request_in_order_without_values_of_secrets(
    client: Client, emulator: Running
) -> None:
    client.get("/v1/models", name="x")
    client.post("/v1/secrets", name="token", value="hidden")
    client.send("GET", "/v1/models/unknown")
    listed = client.get("/__emulator__/requests")["requests"]
    assert [(each["method"], each["path"], each["status"]) for each in listed] == [
        ("GET", "/v1/models", 200),
        ("POST", "/v1/secrets", 200),
        ("GET", "/v1/models/unknown", 404),
    ]
    assert listed[1]["fields"] == {"name": "token"}
    assert "hidden" not in str(listed)
    assert emulator.requests(writes=True) == [listed[1]]
    client.ask("DELETE", "/__emulator__/requests")
    assert emulator.requests() == []


def test_a_connection_can_be_dropped_before_and_after_the_work(client: Client) -> None:
    model_id, _ = client.live()
    path = f"/v1/models/{model_id}/environments"
    client.emulator.fault(kind="drop_before", method="POST", path="environments$")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(path, name="one")
    assert len(client.get(path)["environments"]) == 1
    client.emulator.fault(kind="drop_after", method="POST", path="environments$")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post(path, name="one")
    assert len(client.get(path)["environments"]) == 2
    dropped = [each for each in client.emulator.requests() if each["status"] is None]
    assert [each["fault"] for each in dropped] == ["drop_before", "drop_after"]


def test_a_planned_status_skips_and_repeats_as_told(client: Client) -> None:
    plan = {"kind": "status", "status": 503, "path": "/v1/models$", "skip": 1, "times": 2}
    client.ask("POST", "/__emulator__/faults", plan)
    statuses = [client.send("GET", "/v1/models").status_code for _ in range(4)]
    assert statuses == [200, 503, 503, 200]
    assert client.send("POST", "/__emulator__/faults", {"kind": "odd"}).status_code == 400


@pytest.mark.fact("B-112", "B-113")
def test_a_status_can_be_forced(client: Client) -> None:
    model_id, deployment_id = client.live()
    for status, answer in (("UNHEALTHY", 200), ("FAILED", 503), ("INACTIVE", 404)):
        body = {"deployment_id": deployment_id, "status": status}
        client.ask("POST", "/__emulator__/status", body)
        assert client.deployment(model_id)["status"] == status
        assert client.predict(model_id, {"messages": [{}]}).status_code == answer


@pytest.mark.parametrize("options", [{"control": False}])
def test_there_is_no_control_unless_asked_for(client: Client) -> None:
    assert client.send("GET", "/__emulator__/requests").status_code == 404


@pytest.mark.fact("B-001")
def test_unknown_paths_and_methods(client: Client) -> None:
    assert client.send("GET", "/v1/nothing").status_code == 404
    assert client.send("PUT", "/v1/models").status_code == 405


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"name": "a\\ud800", "value": "b"}', b"[NaN]", b"[1e999]", b"\xff", b"[" * 99999],
)
def test_bodies_that_are_no_json_are_refused(client: Client, body: bytes) -> None:
    answer = client.http.post("/v1/secrets", content=body, headers={"content-type": "x"})
    assert answer.status_code == 400
    assert client.get("/v1/secrets") == {"secrets": []}


def test_every_write_is_in_the_audit_log_with_who_made_it(client: Client) -> None:
    def audited(method: str, path: str, body: Any = None) -> list[tuple[str, str, Any, Any]]:
        before = {each["id"] for each in client.get("/v1/audit_logs", limit=200)["items"]}
        headers = {"X-Emulator-Actor": "ui:ada@example.com"}
        client.send(method, path, body, headers=headers).raise_for_status()
        new = [
            each
            for each in client.get("/v1/audit_logs", limit=200)["items"]
            if each["id"] not in before
        ]
        return [
            (
                each["event_type"],
                each["source"],
                each["actor"]["email"],
                each["event_data"].get("environment_name"),
            )
            for each in new
        ]

    def by_ada(event: str, environment: str | None = None) -> list[tuple[Any, ...]]:
        return [(event, "UI", "ada@example.com", environment)]

    model_id, first = client.live()
    second = client.ready(model_id)
    at = f"/v1/models/{model_id}"
    staging, one = f"{at}/environments/staging", f"{at}/deployments/{second}"
    steer = "MODEL_PROMOTION_CONTROL_ACTION"
    scaling = {"autoscaling_settings": {"max_replica": 2}}
    assert audited("POST", f"{at}/environments", {"name": "staging"}) == by_ada(
        "ENVIRONMENT_CREATED", "staging"
    )
    assert audited("PATCH", staging, scaling) == by_ada("ENVIRONMENT_UPDATED", "staging")
    promote = {"deployment_id": second}
    promoted = by_ada("MODEL_DEPLOYMENT_PROMOTED", "staging")
    assert audited("POST", f"{staging}/promote", promote) == promoted
    client.emulator.advance(60)
    promote = {"deployment_id": client.ready(model_id)}
    assert audited("POST", f"{staging}/promote", promote) == promoted
    for signal in ("pause_promotion", "resume_promotion", "cancel_promotion"):
        client.emulator.advance(6)
        assert audited("POST", f"{staging}/{signal}") == by_ada(steer, "staging")
    client.emulator.advance(60)
    for path, body, event in (
        ("autoscaling_settings", {"max_replica": 3}, "AUTOSCALING_SETTINGS_CHANGED"),
        (
            "request_backpressure_settings",
            {"policy": "QUEUE_ON_FULL"},
            "REQUEST_BACKPRESSURE_SETTINGS_CHANGED",
        ),
    ):
        assert audited("PATCH", f"{one}/{path}", body) == by_ada(f"MODEL_DEPLOYMENT_{event}")
    for path, event in (
        ("deactivate", "DEACTIVATED"),
        ("activate", "ACTIVATED"),
        ("retry", "RETRIED"),
    ):
        assert audited("POST", f"{one}/{path}") == by_ada(f"MODEL_DEPLOYMENT_{event}")
        client.emulator.advance(60)
    assert audited("DELETE", f"{at}/deployments/{first}/replicas/{first}-0") == by_ada(
        "REPLICA_TERMINATED"
    )
    assert audited("DELETE", staging) == by_ada("ENVIRONMENT_DELETED", "staging")
    assert audited("DELETE", one) == by_ada("MODEL_DEPLOYMENT_DELETED")
    assert audited("PATCH", at, {"name": "other"}) == by_ada("MODEL_RENAMED")
    secret = {"name": "a", "value": "b"}
    assert audited("POST", "/v1/secrets", secret) == by_ada("SECRET_UPDATED")
    assert audited("DELETE", "/v1/secrets/a") == by_ada("SECRET_DELETED")
    assert audited("DELETE", at) == by_ada("MODEL_DELETED")
