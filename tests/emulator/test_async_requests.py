"""Asynchronous inference: the queue, its order, its ends, and the webhook."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from gitops.emulator.world.async_requests import waiting
from tests.emulator.client import MODEL_PY, Client, echo_truss, python_truss
from tests.patience import HANGS

if TYPE_CHECKING:
    import httpx


def submit(client: Client, model_id: str, path: str = "production", **body: Any) -> httpx.Response:
    return client.predict(
        model_id, {"model_input": {"messages": [{}]}, **body}, f"{path}/async_predict"
    )


def request_of(client: Client, model_id: str, request_id: str) -> Any:
    base = client.emulator.inference_url.format(model_id=model_id)
    return client.http.get(f"{base}/async_request/{request_id}").json()


def eventually(look: Callable[[], Any], *expected: str, field: str = "status") -> Any:
    """What `look` gives once its status is one of these."""
    until = time.monotonic() + HANGS
    while (found := look())[field] not in expected:
        assert time.monotonic() < until, found
    return found


def ended(client: Client, model_id: str, request_id: str) -> Any:
    ends = ("SUCCEEDED", "FAILED", "EXPIRED", "CANCELED", "WEBHOOK_FAILED")
    return eventually(lambda: request_of(client, model_id, request_id), *ends)


def asleep(client: Client) -> tuple[str, str]:
    model_id, deployment_id = client.live()
    client.emulator.set_status(deployment_id, "SCALED_TO_ZERO")
    return model_id, deployment_id


@pytest.mark.fact("B-266")
@pytest.mark.parametrize(
    ("options", "status"), [({"async_status": 201}, 201), ({"async_status": 202}, 202)]
)
def test_a_request_is_taken_and_done_later(client: Client, status: int) -> None:
    model_id, deployment_id = client.live()
    answer = submit(client, model_id)
    assert answer.status_code == status
    request_id = answer.json()["request_id"]
    assert answer.headers["X-BASETEN-REQUEST-ID"] == request_id
    found = ended(client, model_id, request_id)
    assert found["status"] == "SUCCEEDED"
    assert found["deployment_id"] == deployment_id
    assert found["errors"] == []


def test_requests_wait_by_priority_and_age_while_a_replica_starts(client: Client) -> None:
    model_id, deployment_id = asleep(client)
    ids = [submit(client, model_id, priority=each).json()["request_id"] for each in (2, 0, 1, 0)]
    base = client.emulator.inference_url.format(model_id=model_id)
    queue = client.http.get(f"{base}/production/async_queue_status").json()
    assert (queue["num_queued_requests"], queue["deployment_id"]) == (4, deployment_id)
    waited = [each.id for each in waiting(client.emulator.world, deployment_id)]
    assert waited == [ids[1], ids[3], ids[2], ids[0]]
    client.emulator.advance(60)
    assert {ended(client, model_id, each)["status"] for each in ids} == {"SUCCEEDED"}


@pytest.mark.fact("B-266")
def test_a_request_expires_in_its_queue(client: Client) -> None:
    made = client.create(echo_truss())
    model_id = made["model"]["id"]
    client.emulator.advance(10)
    answer = submit(
        client, model_id, f"deployment/{made['deployment']['id']}", max_time_in_queue_seconds=20
    )
    client.emulator.advance(19)
    request_id = answer.json()["request_id"]
    assert request_of(client, model_id, request_id)["status"] == "QUEUED"
    client.emulator.advance(2)
    assert request_of(client, model_id, request_id)["status"] == "EXPIRED"


@pytest.mark.fact("B-266")
def test_only_what_is_queued_can_be_canceled(client: Client) -> None:
    model_id, _ = asleep(client)
    request_id = submit(client, model_id).json()["request_id"]
    url = f"{client.emulator.inference_url.format(model_id=model_id)}/async_request/{request_id}"
    assert client.http.delete(url).json()["canceled"] is True
    assert client.http.delete(url).json()["canceled"] is False
    client.emulator.advance(60)
    assert request_of(client, model_id, request_id)["status"] == "CANCELED"
    assert client.http.get(f"{url}x").status_code == 404


def test_a_failing_model_is_tried_again_and_then_failed(client: Client) -> None:
    made = client.create(python_truss(model_py=MODEL_PY))
    client.emulator.advance(300)
    model_id = made["model"]["id"]
    retries = {"max_attempts": 2, "initial_delay_ms": 0, "max_delay_ms": 0}
    answer = submit(client, model_id, model_input={"raise": True}, inference_retry_config=retries)
    found = ended(client, model_id, answer.json()["request_id"])
    assert found["status"] == "FAILED"
    assert found["errors"][0]["code"] == "MODEL_PREDICT_ERROR"
    logs = client.get(
        f"/v1/models/{model_id}/deployments/production/logs".replace(
            "production", made["deployment"]["id"]
        ),
        search_pattern="^asked",
    )["logs"]
    assert len(logs) == 2


def test_requests_to_what_stops_are_failed(client: Client) -> None:
    model_id, deployment_id = asleep(client)
    request_id = submit(client, model_id).json()["request_id"]
    client.post(f"/v1/models/{model_id}/deployments/{deployment_id}/deactivate")
    found = ended(client, model_id, request_id)
    assert (found["status"], found["errors"][0]["code"]) == ("FAILED", "MODEL_DOES_NOT_EXIST")
    assert submit(client, model_id).status_code == 404


@pytest.mark.fact("B-265")
@pytest.mark.parametrize(
    "body",
    [
        {"priority": 3},
        {"max_time_in_queue_seconds": 9},
        {"max_time_in_queue_seconds": 259_201},
        {"webhook_endpoint": "nowhere"},
        {"inference_retry_config": {"max_attempts": 11}},
    ],
)
def test_wrong_requests_are_refused(client: Client, body: Any) -> None:
    model_id, _ = client.live()
    refused = submit(client, model_id, **body)
    assert refused.status_code == 400
    assert refused.json()["error_code"] == "client_error"
    assert client.predict(model_id, {}, "production/async_predict").status_code == 400


@contextmanager
def webhook(status: int) -> Iterator[tuple[str, list[Any]]]:
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            received.append((dict(self.headers), json.loads(self.rfile.read(length))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.fact("B-276")
@pytest.mark.parametrize(
    ("status", "told", "state"),
    [(200, "SUCCEEDED", "SUCCEEDED"), (500, "FAILED", "WEBHOOK_FAILED")],
)
def test_a_webhook_on_this_machine_is_told(
    client: Client, status: int, told: str, state: str
) -> None:
    model_id, deployment_id = client.live()
    with webhook(status) as (url, received):
        request_id = submit(client, model_id, webhook_endpoint=url).json()["request_id"]
        found = eventually(
            lambda: request_of(client, model_id, request_id), told, field="webhook_status"
        )
    assert found["status"] == state
    headers, payload = received[0]
    assert headers["X-BASETEN-REQUEST-ID"] == payload["request_id"] == request_id
    assert payload["deployment_id"] == deployment_id
    assert payload["data"]["choices"]


def test_a_webhook_elsewhere_is_not_reached(client: Client) -> None:
    model_id, _ = client.live()
    answer = submit(client, model_id, webhook_endpoint="https://example.com/hook")
    found = ended(client, model_id, answer.json()["request_id"])
    found = eventually(
        lambda: request_of(client, model_id, found["request_id"]), "FAILED", field="webhook_status"
    )
    assert found["status"] == "WEBHOOK_FAILED"
