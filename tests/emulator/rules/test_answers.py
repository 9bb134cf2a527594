"""What can be read of a deployment's work, and how requests to it are answered."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gitops.emulator import Durations
from tests.emulator.client import echo_truss
from tests.emulator.rules.conftest import Served
from tests.patience import HANGS


@pytest.mark.fact("B-207", "B-204", "B-205", "B-208")
def test_what_metrics_answer_unless_asked_otherwise(model: Served) -> None:
    path = f"{model.path}/deployments/{model.current}/metrics"
    answer = model.client.get(path)
    assert answer["mode"] == "CURRENT"
    assert answer["step_seconds"] is None
    assert {each["name"]: each["kind"] for each in answer["metric_descriptors"]} == {
        "baseten_replicas_active": "GAUGE",
        "baseten_inference_requests_total": "COUNTER",
        "baseten_end_to_end_response_time_seconds": "HISTOGRAM",
    }
    for value in answer["metric_values"]:
        assert len(value["values"]) == len(answer["metric_descriptors"])
        for numbers, each in zip(value["values"], answer["metric_descriptors"], strict=True):
            assert len(numbers) == len(each["label_sets"])
    summary = model.client.get(path, mode="SUMMARY")
    width = summary["end_epoch_millis"] - summary["start_epoch_millis"]
    assert width == 3600 * 1000
    end = summary["end_epoch_millis"]
    week = 7 * 24 * 3600 * 1000
    for start, status in ((end - week, 200), (end - week - 1, 400)):
        query = {"mode": "SUMMARY", "start_epoch_millis": start, "end_epoch_millis": end}
        assert model.client.send("GET", path, params=query).status_code == status


@pytest.mark.fact("B-041")
@pytest.mark.parametrize(
    ("options", "known"), [({}, False), ({"durations": Durations(metrics_lag=0)}, True)]
)
def test_metrics_trail_as_far_as_the_switch_says(model: Served, known: bool) -> None:
    assert model.predict().status_code == 200
    model.client.emulator.advance(5)
    name = "baseten_inference_requests_total"
    path = f"{model.path}/deployments/{model.current}/metrics"
    answer = model.client.get(path, metrics=name)
    [[[value]]] = [each["values"] for each in answer["metric_values"]]
    assert (value is not None) is known


@pytest.mark.fact("B-213", "B-221")
@pytest.mark.parametrize(
    ("options", "status"), [({"mode": "newest"}, 200), ({"mode": "july"}, 404)]
)
def test_what_only_the_newer_platform_can_be_asked(model: Served, status: int) -> None:
    for path in (
        f"{model.path}/environments/production/metrics",
        f"{model.path}/audit_logs",
        "/v1/audit_logs",
    ):
        assert model.client.send("GET", path).status_code == status


@pytest.mark.fact("B-214", "B-215", "B-217", "B-218")
def test_logs_have_a_window_and_bounds(model: Served) -> None:
    path = f"{model.path}/deployments/{model.ready()}/logs"
    lines = model.client.get(path)["logs"]
    assert lines
    assert all(line["timestamp"].isdigit() for line in lines)
    built = int(lines[-1]["timestamp"]) // 1_000_000
    model.client.emulator.advance(1900)
    recent = model.client.get(path)["logs"]
    assert lines[-1] not in recent
    assert lines[-1] in model.client.get(path, start_epoch_millis=built)["logs"]
    week = 7 * 24 * 3600 * 1000
    texts = [str(number) for number in range(9)]
    for query in (
        {"start_epoch_millis": built, "end_epoch_millis": built + week + 1},
        {"limit": 1001},
        {"includes": texts},
        {"excludes": texts},
        {"search_pattern": "x" * 257},
    ):
        refused = model.client.send("GET", path, params=query)
        assert refused.status_code == 400, query
    for query in (
        {"start_epoch_millis": built, "end_epoch_millis": built + week},
        {"limit": 1000},
        {"includes": texts[:8]},
        {"search_pattern": "x" * 256},
    ):
        model.client.get(path, **query)


@pytest.mark.fact("B-219", "B-220")
def test_logs_of_an_environment_and_by_the_older_form(model: Served) -> None:
    deployment = model.ready()
    model.client.promote(
        model.id, deployment, promotion_settings_override={"rolling_deploy": False}
    )
    model.client.emulator.advance(60)
    query = {"direction": "asc"}
    path = f"{model.path}/deployments/{deployment}/logs"
    own = model.client.get(path, **query)["logs"]
    assert [line["message"] for line in own][:2] == ["Building image", "Build succeeded"]
    shown = model.client.get(f"{model.path}/environments/production/logs", **query)["logs"]
    assert all(line in shown for line in own)
    assert model.client.post(path, **query)["logs"] == own


@pytest.mark.fact("B-226")
def test_steering_is_recorded_by_name(model: Served) -> None:
    deployment = model.ready()
    path = f"{model.path}/environments/production"
    steering = (
        ("pause_promotion", "PAUSE"),
        ("resume_promotion", "RESUME"),
        ("cancel_promotion", "GRACEFUL_CANCEL"),
        ("force_cancel_promotion", "FORCE_CANCEL"),
        ("force_roll_forward_promotion", "FORCE_ROLL_FORWARD"),
    )
    model.client.promote(model.id, deployment)
    for call, _ in steering:
        environment = model.client.environment(model.id)
        if not environment["candidate_deployment"]:
            model.client.promote(model.id, deployment)
        model.client.emulator.advance(6)
        model.client.post(f"{path}/{call}")
        if call == "cancel_promotion":
            model.client.emulator.advance(600)
    entries = model.client.get(
        f"{model.path}/audit_logs", event_type_groups="PROMOTED", direction="ASC", limit=200
    )["items"]
    actions = [each["event_data"].get("action") for each in entries]
    assert [each for each in actions if each] == [name for _, name in steering]


@pytest.mark.fact("B-227")
def test_a_change_is_recorded_with_what_was_before(model: Served) -> None:
    name = model.client.get(model.path)["name"]
    model.patch("", {"name": f"{name}-renamed"})
    model.patch("/environments/staging", {"autoscaling_settings": {"max_replica": 6}})
    changed, renamed = model.client.get(f"{model.path}/audit_logs", limit=2)["items"]
    assert renamed["event_type"] == "MODEL_RENAMED"
    assert renamed["event_data"]["previous_name"] == name
    assert changed["event_type"] == "ENVIRONMENT_UPDATED"
    assert changed["event_data"]["max_replica"] == 6
    assert changed["event_data"]["previous_settings"]["max_replica"] == 1


@pytest.mark.fact("B-233")
def test_a_request_without_a_key(model: Served) -> None:
    url = model.client.emulator.inference_url.format(model_id=model.id)
    refused = httpx.post(f"{url}/production/predict", json={}, timeout=HANGS)
    assert refused.status_code == 401
    assert refused.json()["error_code"] == "unauthorized"


@pytest.mark.fact("B-234")
@pytest.mark.parametrize(
    ("truss", "code"),
    [
        (echo_truss(fails_to_load=True), "model_unavailable"),
        (echo_truss(load_seconds=5000), "model_not_ready"),
    ],
)
def test_a_deployment_that_cannot_answer_says_why(
    model: Served, truss: dict[str, Any], code: str
) -> None:
    pushed = model.client.push(model.id, truss)["id"]
    model.client.emulator.advance(300)
    refused = model.predict(f"deployment/{pushed}/predict")
    assert (refused.status_code, refused.json()["error_code"]) == (503, code)


@pytest.mark.fact("B-235")
def test_answers_are_numbered(model: Served) -> None:
    answered, refused = model.predict(), model.predict("environments/nowhere/predict")
    assert answered.headers["x-baseten-model-prediction-attempts"] == "1"
    numbers = {each.headers["x-baseten-request-id"] for each in (answered, refused)}
    assert len(numbers) == 2


@pytest.mark.fact("B-112")
def test_an_unhealthy_deployment_is_used_and_may_recover(model: Served) -> None:
    for status in ("UNHEALTHY", "ACTIVE"):
        model.client.emulator.set_status(model.current, status)
        assert model.predict().status_code == 200


@pytest.mark.fact("B-274")
def test_further_metrics(model: Served) -> None:
    names = (
        "baseten_replicas_starting",
        "baseten_concurrent_requests",
        "baseten_time_to_first_byte_seconds",
    )
    deployment = model.ready()
    assert model.predict(f"deployment/{deployment}/predict").status_code == 200
    model.client.emulator.advance(90)
    path = f"{model.path}/deployments/{deployment}/metrics"
    answer = model.client.get(path, metrics=names)
    assert [each["name"] for each in answer["metric_descriptors"]] == list(names)
    [starting], [concurrent], first_byte = answer["metric_values"][0]["values"]
    assert (starting, concurrent) == (0, 1)
    assert all(each > 0 for each in first_byte)
