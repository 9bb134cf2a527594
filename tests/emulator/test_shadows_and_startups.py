"""Shadow rules, regions, startups, and what is left of the workspace's endpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss
from tests.patience import HANGS


def rule(client: Client, seconds: float = 3600, **fields: Any) -> dict[str, Any]:
    end = datetime.fromtimestamp(client.emulator.world.now + seconds, tz=UTC)
    return {
        "type": "SHADOW",
        "targets": [],
        "percent_traffic": 100,
        "expires_at": end.isoformat(),
        "sampling_mode": "RANDOM",
        "propagate_client_cancellation": False,
        **fields,
    }


def route(client: Client, model_id: str, **settings: Any) -> Any:
    path = f"/v1/models/{model_id}/environments/production"
    return client.send("PATCH", path, {"traffic_routing_settings": settings})


def rules(client: Client, model_id: str) -> Any:
    return (client.environment(model_id)["traffic_routing"] or {"rules": []})["rules"]


def counted(client: Client, deployment_id: str) -> int:
    samples = client.emulator.world.deployments[deployment_id].samples

    def count() -> int:
        return sum(sum(each.counts.values()) for each in samples.between(0, 1e12))

    return client.emulator.call(count)


def eventually(look: Callable[[], bool]) -> bool:
    until = time.monotonic() + HANGS
    while not look():
        if time.monotonic() > until:
            return False
    return True


@pytest.mark.fact("B-251", "B-254")
@pytest.mark.parametrize("sampling", ["RANDOM", "USER_SESSION"])
def test_a_shadow_gets_a_copy_of_every_request_until_its_rule_ends(
    client: Client, sampling: str
) -> None:
    model_id, first = client.live()
    shadow = client.ready(model_id)
    assert client.environment(model_id)["traffic_routing"] is None
    target = [{"deployment_id": shadow}]
    made = rule(client, 60, targets=target, sampling_mode=sampling)
    assert route(client, model_id, rules=[made]).status_code == 200
    (shown,) = rules(client, model_id)
    assert shown["targets"][0]["deployment_id"] == shadow
    for _ in range(3):
        assert client.predict(model_id, {"messages": [{}]}).status_code == 200
    assert eventually(lambda: counted(client, shadow) == 3)
    assert counted(client, first) == 3
    client.emulator.advance(61)
    assert rules(client, model_id) == []
    client.predict(model_id, {"messages": [{}]})
    assert counted(client, shadow) == 3


@pytest.mark.fact("B-251")
@pytest.mark.parametrize("options", [{"seed": 3}])
def test_a_share_of_the_requests_is_copied(client: Client) -> None:
    model_id, _ = client.live()
    shadow = client.ready(model_id)
    half = rule(client, targets=[{"deployment_id": shadow}], percent_traffic=50)
    route(client, model_id, rules=[half])
    for _ in range(20):
        client.predict(model_id, {"messages": [{}]})
    assert eventually(lambda: counted(client, shadow) > 0)
    assert counted(client, shadow) < 20


@pytest.mark.fact("B-252")
def test_rules_are_replaced_and_deleted_but_keep_their_target(client: Client) -> None:
    model_id, _ = client.live()
    one, two = client.ready(model_id), client.ready(model_id)
    route(client, model_id, rules=[rule(client, targets=[{"deployment_id": one}])])
    identifier = rules(client, model_id)[0]["id"]
    other = rule(client, id=identifier, targets=[{"deployment_id": two}])
    assert route(client, model_id, rules=[other]).status_code == 400
    less = rule(client, id=identifier, targets=[{"deployment_id": one}], percent_traffic=5)
    assert route(client, model_id, rules=[less]).status_code == 200
    assert [each["percent_traffic"] for each in rules(client, model_id)] == [5]
    client.ask("DELETE", f"/v1/models/{model_id}/deployments/{one}")
    assert rules(client, model_id)[0]["targets"] == []
    assert route(client, model_id, delete_rules=[identifier]).status_code == 200
    assert rules(client, model_id) == []


@pytest.mark.fact("B-251")
def test_wrong_rules_are_refused(client: Client) -> None:
    model_id, first = client.live()
    spare = {"deployment_id": client.ready(model_id)}
    for wrong in (
        rule(client, targets=[]),
        rule(client, targets=[spare, spare]),
        rule(client, targets=[{"deployment_id": first}]),
        rule(client, targets=[{"environment": "production"}]),
        rule(client, targets=[{**spare, "environment": "production"}]),
        rule(client, targets=[spare], percent_traffic=0),
        rule(client, targets=[spare], percent_traffic=101),
        rule(client, targets=[spare], sampling_mode="SOME"),
        rule(client, targets=[spare], type="MIRROR"),
        rule(client, -1, targets=[spare]),
        rule(client, 8 * 24 * 3600, targets=[spare]),
        rule(client, targets=[spare], expires_at="2026-11-23T00:00:00"),
        rule(client, targets=[spare], id="unknown"),
        rule(client, targets=[spare], weight=1),
    ):
        assert route(client, model_id, rules=[wrong]).status_code == 400, wrong
    unknown = rule(client, targets=[{"environment": "unknown"}])
    assert route(client, model_id, rules=[unknown]).status_code == 404
    assert route(client, model_id, delete_rules=["unknown"]).status_code == 400


REGIONS = {"regions": (("moon", "The Moon"),)}


@pytest.mark.fact("B-256")
@pytest.mark.parametrize("options", [REGIONS])
def test_another_region_makes_another_deployment(client: Client) -> None:
    model_id, _ = client.live()
    assert client.get("/v1/regions")["regions"] == [{"slug": "moon", "display_name": "The Moon"}]
    spare = client.ready(model_id)
    moved = client.promote(model_id, spare, environment_settings_update={"region": "moon"})
    assert moved["id"] != spare
    assert moved["region"] == {"slug": "moon", "display_name": "The Moon"}
    client.emulator.advance(300)
    stays = client.ready(model_id)
    assert (
        client.promote(model_id, stays, environment_settings_update={"region": ""})["id"] == stays
    )
    refused = {"deployment_id": spare, "environment_settings_update": {"region": "mars"}}
    path = f"/v1/models/{model_id}/environments/production/promote"
    assert client.send("POST", path, refused).status_code == 400


@pytest.mark.fact("B-262")
def test_a_startup_is_told_phase_by_phase(client: Client) -> None:
    model_id, deployment_id = client.live()
    window = {
        "start_epoch_millis": 0,
        "end_epoch_millis": int(client.emulator.world.now * 1000) + 1,
    }
    for path in (f"deployments/{deployment_id}", "environments/production"):
        base = f"/v1/models/{model_id}/{path}/startups"
        found = client.get(base, **window)
        assert found["total_count"] == 1
        (startup,) = found["items"]
        assert startup["duration_ms"] == 60_000
        assert startup["environment_name"] == (None if "deploy" in path else "production")
        phases = startup["phase_summary"]
        assert [each["phase"] for each in phases] == [
            "SCHEDULING",
            "IMAGE_PULL",
            "CONTAINER_CREATE",
            "CONTAINER_START",
            "READINESS",
        ]
        assert sum(each["duration_ms"] for each in phases) == startup["duration_ms"]
        assert phases[-1] == {
            "phase": "READINESS",
            "status": "COMPLETED",
            "offset_ms": 40_000,
            "duration_ms": 20_000,
        }
        summed = client.get(f"{base}/summary", **window)
        assert summed["total_duration_ms"]["p50_ms"] == 60_000
        assert len(summed["phase_duration_ms"]) == 5
        assert client.get(base, **window, min_duration_ms=60_001)["items"] == []
        assert client.get(base, **window, outcomes="FAILED")["items"] == []
        assert client.get(base, **window, search=f"{deployment_id}-0")["items"]
        assert client.send("GET", base).status_code == 400


@pytest.mark.fact("B-262")
def test_startups_fail_and_come_by_page(client: Client) -> None:
    made = client.create(echo_truss(fails_to_load=True))
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    client.emulator.advance(300)
    base = f"/v1/models/{model_id}/deployments/{deployment_id}"
    client.post(f"{base}/retry")
    client.emulator.advance(300)
    window = {
        "start_epoch_millis": 0,
        "end_epoch_millis": int(client.emulator.world.now * 1000) + 1,
    }
    first = client.get(f"{base}/startups", **window, limit=1, direction="asc")
    (failed,) = first["items"]
    assert (failed["outcome"], failed["ready_at_epoch_millis"]) == ("FAILED", None)
    assert failed["phase_summary"][-1]["status"] == "FAILED"
    cursor = first["pagination"]["cursor"]
    rest = client.get(f"{base}/startups", **window, limit=1, direction="asc", cursor=cursor)
    assert not rest["pagination"]["has_more"]
    assert rest["items"][0]["started_at_epoch_millis"] > failed["started_at_epoch_millis"]


def test_the_audit_logs_direction_goes_with_its_cursor(client: Client) -> None:
    for name in ("a", "b", "c"):
        client.post("/v1/secrets", name=name, value="v")
    first = client.get("/v1/audit_logs", limit=1, direction="ASC")
    cursor = first["pagination"]["cursor"]
    second = client.get("/v1/audit_logs", limit=1, direction="DESC", cursor=cursor)
    assert second["items"][0]["event_data"]["secret_name"] == "b"
