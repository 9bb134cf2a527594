"""Keys, refusals, limits, lists, and when a change is seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from gitops.emulator import Durations
from gitops.emulator.http import routes
from tests.emulator.client import Client, echo_truss
from tests.emulator.rules.conftest import Served


@pytest.mark.fact("B-008")
def test_successes_and_refusals_are_json(model: Served) -> None:
    for path in ("", "/deployments/unknown", "/unknown"):
        reply = model.client.send("GET", f"{model.path}{path}")
        assert reply.headers["content-type"] == "application/json"
        assert isinstance(reply.json(), dict)


@pytest.mark.fact("B-010")
@pytest.mark.parametrize(
    ("options", "status"),
    [({}, 409), ({"conflict_status": 400}, 400), ({"conflict_status": 422}, 422)],
)
def test_duplicates_are_refused_as_the_switch_says(model: Served, status: int) -> None:
    client = model.client
    assert model.refused("POST", "/environments", {"name": "staging"}) == status
    name = client.get(model.path)["name"]
    body = {"name": name, "deployment": {"config": echo_truss()["config"]}}
    assert client.send("POST", "/v1/prepare_model_upload", body).status_code == status
    taken = client.deployment(model.id)["name"]
    body = {"model_id": model.id, "deployment": {"config": {}, "deployment_name": taken}}
    assert client.send("POST", "/v1/prepare_model_upload", body).status_code == status
    first, second = model.ready(), model.ready()
    client.promote(model.id, first)
    promote = {"deployment_id": second}
    assert model.refused("POST", "/environments/production/promote", promote) == status


@pytest.mark.fact("B-013")
@pytest.mark.fact("B-015")
@pytest.mark.parametrize("options", [{"rate_limits": True}])
def test_the_eleventh_retry_in_a_minute_is_told_how_long_to_wait(model: Served) -> None:
    path = f"{model.path}/deployments/{model.current}/retry"
    for _ in range(10):
        assert not model.client.post(path)["retried"]
    refused = model.client.send("POST", path)
    assert refused.status_code == 429
    assert isinstance(refused.json()["retry_after"], int)
    assert "retry-after" not in refused.headers


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        pytest.param("POST", "deployments/d/logs", "logs", marks=pytest.mark.fact("B-016")),
        pytest.param("GET", "deployments/d/logs", "default", marks=pytest.mark.fact("B-017")),
        pytest.param("POST", "environments/e/activate", "default", marks=pytest.mark.fact("B-017")),
        pytest.param("POST", "deployments/d/activate", "activate", marks=pytest.mark.fact("B-014")),
        pytest.param(
            "POST", "deployments/d/deactivate", "deactivate", marks=pytest.mark.fact("B-014")
        ),
    ],
)
def test_which_limit_an_endpoint_has(method: str, path: str, limit: str) -> None:
    found = routes.find(method, f"/v1/models/m/{path}", july=False)
    assert not isinstance(found, bool)
    assert found[0].limit == limit


STRICT = [
    ("PATCH", "/environments/staging", {}),
    ("PATCH", "/environments/staging", {"autoscaling_settings": {"odd": 1}}),
    ("PATCH", "/environments/staging", {"request_backpressure_settings": {"odd": 1}}),
    ("PATCH", "/deployments/production/autoscaling_settings", {}),
    ("PATCH", "/deployments/{id}/request_backpressure_settings", {}),
    ("PATCH", "/deployments/{id}", {"name": "new"}),
    ("PATCH", "", {"name": "new"}),
]


@pytest.mark.fact("B-019")
@pytest.mark.parametrize(("method", "path", "body"), STRICT)
def test_unknown_keys_are_refused(model: Served, method: str, path: str, body: Any) -> None:
    wrong = body or {"odd": 1}
    if "name" in body:
        wrong = {**body, "odd": 1}
    assert model.refused(method, path.format(id=model.current), wrong) == 400
    assert model.client.deployment(model.id)["name"] != "new"


@pytest.mark.fact("B-020")
def test_unknown_keys_are_ignored(model: Served) -> None:
    odd = {"odd": 1}
    client = model.client
    path = f"{model.path}/environments"
    block = {"rolling_deploy_config": odd, **odd}
    client.ask("POST", path, {"name": "lax", "promotion_settings": block, **odd})
    client.ask("PATCH", f"{path}/lax", {"promotion_settings": block})
    payload = {"config": echo_truss()["config"], **odd}
    prepare = {"model_id": model.id, "dry_run": True, "deployment": payload, **odd}
    client.ask("POST", "/v1/prepare_model_upload", prepare)
    pushed = client.push(model.id, echo_truss(), odd=1)
    client.emulator.advance(200)
    client.ask("POST", f"{path}/lax/promote", {"deployment_id": pushed["id"], **odd})
    client.emulator.advance(300)
    copy = client.ask("POST", f"{model.path}/deployments/{pushed['id']}/promote", odd)
    assert "odd" not in copy


@pytest.mark.fact("B-023")
def test_the_same_push_sent_twice_makes_two_deployments(model: Served) -> None:
    key = model.client.upload(echo_truss(), model_id=model.id)
    source = {"s3_key": key, "deployment": {"config": echo_truss()["config"]}}
    headers = {"Idempotency-Key": "same"}
    path = f"{model.path}/deployments"
    twice = [
        model.client.ask("POST", path, {"source": source}, headers=headers)["deployment"]["id"]
        for _ in range(2)
    ]
    assert len(set(twice)) == 2
    listed = {each["id"] for each in model.client.get(path)["deployments"]}
    assert set(twice) < listed


@pytest.mark.fact("B-026")
def test_moments_are_rfc_3339_in_utc(model: Served) -> None:
    client = model.client
    shown = [client.get(model.path), client.deployment(model.id), client.environment(model.id)]
    for each in shown:
        moment = datetime.fromisoformat(each["created_at"])
        assert moment.utcoffset() == timedelta(0)
        assert "T" in each["created_at"]


@pytest.mark.fact("B-027")
@pytest.mark.parametrize(
    ("options", "filters"), [({"mode": "newest"}, True), ({"mode": "july"}, False)]
)
def test_a_name_picks_from_a_list(client: Client, filters: bool) -> None:
    first, _ = client.emulator.seed(2, prefix="named")
    team = client.get("/v1/teams")["teams"][0]
    for path, kind in (
        ("/v1/models", "models"),
        (f"/v1/teams/{team['id']}/models", "models"),
        (f"/v1/models/{first}/deployments", "deployments"),
    ):
        everything = client.get(path)[kind]
        assert len(everything) == 2
        found = client.get(path, name=everything[0]["name"])[kind]
        assert found == (everything[:1] if filters else everything)
        assert client.get(path, name="named")[kind] == ([] if filters else everything)
    assert (client.get("/v1/teams", name="no")["teams"] == []) is filters


@pytest.mark.fact("B-028")
def test_labels_do_not_filter(client: Client) -> None:
    [model_id] = client.emulator.seed(1, prefix="labelled", labels={"a": 1})
    path = f"/v1/models/{model_id}/deployments"
    assert client.get(path, labels="b", label="b") == client.get(path)


@pytest.mark.fact("B-029")
@pytest.mark.fact("B-030")
def test_pages_have_items_and_a_cursor(model: Served) -> None:
    client = model.client
    for path in ("/v1/environment_groups", "/v1/users", f"{model.path}/audit_logs"):
        page = client.get(path)
        assert isinstance(page["items"], list)
        assert set(page["pagination"]) == {"has_more", "cursor"}
    assert client.send("GET", "/v1/users", params={"limit": 1001}).status_code == 400
    for number in range(25):
        client.post(f"{model.path}/environments", name=f"e{number}")
    assert len(client.get(f"{model.path}/audit_logs")["items"]) == 20


@pytest.mark.fact("B-037")
@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 0), ({"durations": Durations(candidate_delay=10)}, 10)]
)
def test_a_candidate_may_show_late(model: Served, seconds: float) -> None:
    candidate = model.ready()
    assert model.client.promote(model.id, candidate)["id"] == candidate
    environment = model.client.environment(model.id)
    if seconds:
        assert environment["candidate_deployment"] is None
        assert environment["in_progress_promotion"] is None
        model.client.emulator.advance(seconds)
        environment = model.client.environment(model.id)
    assert environment["candidate_deployment"]["id"] == candidate


@pytest.mark.fact("B-039")
@pytest.mark.fact("B-040")
def test_names_secrets_and_deletions_hold_at_once(model: Served) -> None:
    client = model.client
    model.patch("", {"name": "at-once"})
    assert client.get(model.path)["name"] == "at-once"
    [entry] = client.get(f"{model.path}/audit_logs", event_type_groups="METADATA")["items"]
    assert entry["event_type"] == "MODEL_RENAMED"
    client.post("/v1/secrets", name="at-once", value="1")
    assert "at-once" in [each["name"] for each in client.get("/v1/secrets")["secrets"]]
    client.ask("DELETE", "/v1/secrets/at-once")
    assert "at-once" not in [each["name"] for each in client.get("/v1/secrets")["secrets"]]
    client.ask("DELETE", f"{model.path}/environments/staging")
    assert model.refused("GET", "/environments/staging") == 404


@pytest.mark.fact("B-035")
@pytest.mark.parametrize(
    ("options", "keys"),
    [
        ({"mode": "newest"}, {"status", "message", "environment"}),
        ({"mode": "july"}, {"status", "message"}),
    ],
)
def test_what_a_change_answers_with(model: Served, keys: set[str]) -> None:
    body = {"autoscaling_settings": {"max_replica": 2}}
    reply = model.patch("/environments/staging", body)
    assert set(reply) == keys
    assert reply["status"] == "ACCEPTED"


@pytest.mark.fact("B-025")
@pytest.mark.parametrize(("options", "shuffled"), [({}, False), ({"shuffle_lists": True}, True)])
def test_the_order_of_a_list_is_a_switch(client: Client, shuffled: bool) -> None:
    client.emulator.seed(20, prefix="listed")
    orders = {tuple(each["id"] for each in client.get("/v1/models")["models"]) for _ in range(3)}
    assert (len(orders) > 1) is shuffled


@pytest.mark.fact("B-031")
@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 2), ({"durations": Durations(not_found=20)}, 20)]
)
def test_a_new_deployment_cannot_be_found_for_a_while(model: Served, seconds: float) -> None:
    path = f"{model.path}/deployments/{model.client.push(model.id, echo_truss())['id']}"
    model.client.emulator.advance(seconds - 0.5)
    assert model.client.send("GET", path).status_code == 404
    model.client.emulator.advance(0.5)
    assert model.client.get(path)["status"] == "BUILDING"


@pytest.mark.fact("B-032")
@pytest.mark.parametrize(
    ("options", "seconds"), [({}, 3), ({"durations": Durations(settings=40)}, 40)]
)
def test_accepted_settings_hold_later(model: Served, seconds: float) -> None:
    body = {"autoscaling_settings": {"max_replica": 4}}
    assert model.patch("/environments/production", body)["status"] == "ACCEPTED"
    model.client.emulator.advance(seconds - 0.5)
    settings = model.client.environment(model.id)["autoscaling_settings"]
    assert settings["max_replica"] == 1
    model.client.emulator.advance(0.5)
    settings = model.client.environment(model.id)["autoscaling_settings"]
    assert settings["max_replica"] == 4


@pytest.mark.fact("B-268")
@pytest.mark.parametrize(("options", "there"), [({}, True), ({"sparse": True}, False)])
def test_nulls_may_be_left_out(model: Served, there: bool) -> None:
    environment = model.client.environment(model.id)
    assert ("candidate_deployment" in environment) is there
    assert ("in_progress_promotion" in environment) is there
    assert ("labels" in environment["current_deployment"]) is there
    model.client.promote(model.id, model.ready())
    environment = model.client.environment(model.id)
    assert environment["candidate_deployment"]["id"]
    assert environment["in_progress_promotion"]["status"] == "RELEASING"


@pytest.mark.fact("B-271")
def test_a_5xx_may_be_a_page(model: Served) -> None:
    page = "<html>Bad Gateway</html>"
    model.client.emulator.fault(kind="status", status=502, path=f"{model.path}$", body=page)
    reply = model.client.send("GET", model.path)
    assert (reply.status_code, reply.text) == (502, page)
    assert "json" not in reply.headers["content-type"]


@pytest.mark.fact("B-275")
def test_what_a_name_does_not_pick(model: Served) -> None:
    path = f"{model.path}/environments"
    assert len(model.client.get(path, name="staging")["environments"]) == 2
    model.client.post("/v1/secrets", name="unfiltered", value="1")
    assert model.client.get("/v1/secrets", name="other")["secrets"]
