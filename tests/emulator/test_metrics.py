"""Metrics: rates, quantiles and replicas, which trail behind."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.client import Client, echo_truss

LAG = 60


def series(answer: Any, name: str, **labels: str) -> list[float | None]:
    names = [each["name"] for each in answer["metric_descriptors"]]
    position = names.index(name)
    label = answer["metric_descriptors"][position]["label_sets"].index(labels)
    return [values["values"][position][label] for values in answer["metric_values"]]


def metrics(client: Client, model_id: str, deployment_id: str, **query: Any) -> Any:
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/metrics"
    return client.get(path, **query)


REQUESTS = "baseten_inference_requests_total"
SECONDS = "baseten_end_to_end_response_time_seconds"
REPLICAS = "baseten_replicas_active"


@pytest.mark.fact("B-212")
def test_no_data_is_null_and_never_zero(client: Client) -> None:
    model_id, deployment_id = client.live()
    answer = metrics(client, model_id, deployment_id)
    assert series(answer, REQUESTS, status="2xx") == [None]
    assert series(answer, SECONDS, quantile="0.95") == [None]


@pytest.mark.fact("B-212")
def test_before_the_first_request_there_is_no_series(client: Client) -> None:
    model_id, deployment_id = client.live(echo_truss(reply=1))
    start = client.emulator.world.now
    client.emulator.advance(20)
    client.predict(model_id, {})
    client.emulator.advance(20 + LAG)
    answer = metrics(
        client,
        model_id,
        deployment_id,
        mode="SERIES",
        start_epoch_millis=int(start * 1000),
        end_epoch_millis=int((start + 40) * 1000),
        metrics=REQUESTS,
    )
    values = series(answer, REQUESTS, status="2xx")
    assert values == [None] * 20 + [1.0] + [0.0] * 19


@pytest.mark.fact("B-041", "B-208", "B-209", "B-210")
def test_requests_are_counted_by_status_class_once_the_data_is_there(client: Client) -> None:
    model_id, deployment_id = client.live(echo_truss(error_rate=0.25, reply=1))
    start = client.emulator.world.now
    for _ in range(40):
        client.predict(model_id, {})
    end = start + 100
    window = {
        "mode": "SUMMARY",
        "start_epoch_millis": int(start * 1000),
        "end_epoch_millis": int(end * 1000),
    }
    client.emulator.advance(30)
    assert series(metrics(client, model_id, deployment_id, **window), REQUESTS, status="2xx") == [
        None
    ]
    client.emulator.advance(70 + LAG)
    answer = metrics(client, model_id, deployment_id, **window)
    assert series(answer, REQUESTS, status="2xx") == [0.3]
    assert series(answer, REQUESTS, status="5xx") == [0.1]
    assert answer["step_seconds"] is None
    median = series(answer, SECONDS, quantile="0.5")[0]
    worst = series(answer, SECONDS, quantile="0.99")[0]
    assert median is not None
    assert worst is not None
    assert 0 < median <= worst
    assert series(answer, SECONDS, stat="avg")[0]


@pytest.mark.fact("B-208")
def test_a_series_places_requests_in_time(client: Client) -> None:
    model_id, deployment_id = client.live(echo_truss(reply=1))
    start = client.emulator.world.now
    for count in (1, 2, 3):
        for _ in range(count):
            client.predict(model_id, {})
        client.emulator.advance(20)
    client.emulator.advance(LAG)
    answer = metrics(
        client,
        model_id,
        deployment_id,
        mode="SERIES",
        start_epoch_millis=int(start * 1000),
        end_epoch_millis=int((start + 60) * 1000),
        metrics=REQUESTS,
    )
    assert answer["step_seconds"] == 1
    values = series(answer, REQUESTS, status="2xx")
    assert (values[0], values[20], values[40]) == (1, 2, 3)
    assert sum(value or 0 for value in values) == 6


@pytest.mark.fact("B-204")
def test_current_looks_at_the_last_minute_that_is_known(client: Client) -> None:
    model_id, deployment_id = client.live(echo_truss(reply=1))
    for _ in range(12):
        client.predict(model_id, {})
    client.emulator.advance(LAG + 30)
    answer = metrics(client, model_id, deployment_id)
    assert series(answer, REQUESTS, status="2xx") == [0.2]
    assert series(answer, REPLICAS) == [1]
    client.emulator.advance(90)
    answer = metrics(client, model_id, deployment_id)
    assert series(answer, REQUESTS, status="2xx") == [0]


@pytest.mark.fact("B-211")
def test_replicas_are_a_mean_over_the_window(client: Client) -> None:
    model_id, deployment_id = client.live()
    client.emulator.advance(200)
    stopped = client.emulator.world.now
    client.post(f"/v1/models/{model_id}/deployments/production/deactivate")
    client.emulator.advance(200)
    answer = metrics(
        client,
        model_id,
        deployment_id,
        mode="SUMMARY",
        start_epoch_millis=int((stopped - 50) * 1000),
        end_epoch_millis=int((stopped + 50) * 1000),
    )
    assert series(answer, REPLICAS) == [0.5]


@pytest.mark.fact("B-213")
def test_an_environment_sums_what_took_its_traffic(client: Client) -> None:
    model_id, _ = client.live(echo_truss(reply="old"))
    second = client.ready(model_id, echo_truss(reply="new"))
    start = client.emulator.world.now
    client.promote(model_id, second)
    client.emulator.advance(6)
    for _ in range(20):
        client.predict(model_id, {})
    client.emulator.advance(LAG + 100)
    window = {
        "mode": "SUMMARY",
        "start_epoch_millis": int(start * 1000),
        "end_epoch_millis": int((start + 100) * 1000),
    }
    path = f"/v1/models/{model_id}/environments/production/metrics"
    assert series(client.get(path, **window), REQUESTS, status="2xx") == [0.2]
    alone = metrics(client, model_id, second, **window)
    assert series(alone, REQUESTS, status="2xx") == [0.05]


@pytest.mark.fact("B-204", "B-205", "B-206")
def test_wrong_questions_are_refused(client: Client) -> None:
    model_id, deployment_id = client.live()
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/metrics"
    for query in (
        {"metrics": "baseten_wishes"},
        {"mode": "OTHER"},
        {"mode": "CURRENT", "start_epoch_millis": "1"},
        {"mode": "SUMMARY", "start_epoch_millis": "x"},
        {"mode": "SUMMARY", "start_epoch_millis": "0"},
    ):
        assert client.send("GET", path, params=query).status_code == 400
    answer = client.get(path, metrics=["baseten_gpu_utilization", REPLICAS])
    assert [each["name"] for each in answer["metric_descriptors"]] == [REPLICAS]
