"""The bounds of a truss's process: network, memory, processor time, real time."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gitops.emulator.runtime import worker
from tests.emulator.client import Client, python_truss
from tests.emulator.test_inference import messages

CONNECT = """
import os, socket, threading
class Model:
    def predict(self, port):
        with socket.create_server(("127.0.0.1", 0)) as own:
            threading.Thread(target=lambda: own.accept()[0].sendall(b"own")).start()
            with socket.create_connection(own.getsockname()) as inner:
                said = inner.recv(3).decode()
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        return said
"""


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def cannot(reason: str) -> str:
    """What takes the place of the isolation on a system that refuses it."""
    return f"def leave_the_network():\n    return {reason!r}\n"


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "runtime"
    folder.mkdir()
    (folder / "child.py").write_text(worker._CHILD.read_text())
    (folder / "isolation.py").write_text(cannot("unshare: Operation not permitted"))
    monkeypatch.setattr(worker, "_CHILD", folder / "child.py")


LEAVE = """
import runpy, sys
print(runpy.run_path(sys.argv[1])["leave_the_network"]() or "")
"""


def test_a_truss_reaches_itself_and_nobody_else_where_the_system_allows_it(
    client: Client, port: int
) -> None:
    file = worker._CHILD.with_name("isolation.py")
    tried = subprocess.run(
        [sys.executable, "-c", LEAVE, file], capture_output=True, text=True, check=True
    )
    refused = tried.stdout.strip() or None
    model_id, deployment_id = client.live(python_truss(model_py=CONNECT))
    answer = client.predict(model_id, port)
    lines = messages(client, model_id, deployment_id, min_level="WARNING")
    shown = client.get("/__emulator__/status")["truss_network"]
    assert shown == {"state": "on" if refused else "off", "reason": refused}
    if refused:
        assert lines == [f"This truss can reach the network: {refused}."]
        assert answer.json() == "own"
    else:
        assert answer.status_code == 500
        assert lines[-1].startswith("ConnectionRefusedError")


@pytest.mark.parametrize("options", [{"truss_network": "on"}])
def test_a_truss_reaches_the_network_where_that_is_asked_for(client: Client, port: int) -> None:
    model_id, _ = client.live(python_truss(model_py=CONNECT))
    assert client.predict(model_id, port).json() == "own"
    assert client.get("/__emulator__/status")["truss_network"]["state"] == "on"


@pytest.mark.usefixtures("refusing")
def test_where_the_system_refuses_the_truss_runs_and_it_is_said_once(
    client: Client, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "gitops.emulator"):
        model_id, deployment_id = client.live(python_truss(model_py=CONNECT))
        second = client.ready(model_id, python_truss(model_py=CONNECT))
    assert client.predict(model_id, port).json() == "own"
    assert [record.name for record in caplog.records] == ["gitops.emulator"]
    assert "Operation not permitted" in caplog.text
    for each in (deployment_id, second):
        warnings = messages(client, model_id, each, min_level="WARNING")
        assert warnings == ["This truss can reach the network: unshare: Operation not permitted."]
    assert client.get("/__emulator__/status")["truss_network"] == {
        "state": "on",
        "reason": "unshare: Operation not permitted",
    }


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("options", [{"truss_network": "off"}])
def test_where_isolation_is_demanded_and_refused_nothing_is_run(client: Client) -> None:
    made = client.create(python_truss())
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "FAILED"
    lines = messages(client, model_id, deployment_id)
    assert any("cannot be cut off from the network" in line for line in lines)
    assert "loading hello" not in lines


@pytest.mark.parametrize("options", [{"worker_cpu_seconds": 1}])
def test_processor_time_is_limited_and_named(client: Client) -> None:
    code = "class Model:\n    def predict(self, x):\n        while x: pass\n        return 1\n"
    model_id, deployment_id = client.live(python_truss(model_py=code))
    assert client.predict(model_id, True).status_code == 502
    assert client.predict(model_id, False).json() == 1
    while not (errors := messages(client, model_id, deployment_id, min_level="ERROR")):
        continue
    assert "The model process ended (it used up its 1 seconds of processor time); " in errors[0]


@pytest.mark.parametrize("options", [{"load_seconds": 0.3}])
def test_a_load_that_hangs_fails_the_deployment(client: Client) -> None:
    code = "import threading\nclass Model:\n    def load(self): threading.Event().wait()\n"
    made = client.create(python_truss(model_py=code))
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "FAILED"
    lines = messages(client, model_id, deployment_id)
    assert "load() did not return within 0.3 seconds." in lines


@pytest.mark.parametrize(
    ("code", "options", "message"),
    [
        ("import no_such_package", {}, "ModuleNotFoundError: No module named 'no_such_package'"),
        ("class Model(:", {}, "SyntaxError: invalid syntax"),
        ("class Other: pass", {}, "AttributeError: module 'model.model' has no attribute 'Model'"),
        ("import os; os._exit(3)", {}, "The model process ended before load() returned: "),
        (
            "class Model:\n    def load(self): self.weights = bytearray(400 << 20)",
            {"worker_memory_mib": 256},
            "MemoryError",
        ),
    ],
)
def test_what_cannot_be_loaded_fails_the_deployment_and_says_why(
    client: Client, code: str, message: str
) -> None:
    made = client.create(python_truss(model_py=code + "\n"))
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "FAILED"
    found = messages(client, model_id, deployment_id, min_level="ERROR")
    assert any(line.startswith(message) for line in found), found


def test_exceptions_of_a_truss_are_counted_as_5xx(client: Client) -> None:
    model_id, deployment_id = client.live(python_truss())
    statuses: list[int] = [
        client.predict(model_id, body).status_code
        for body in ({"name": "a"}, {"raise": True}, {"raise": True})
    ]
    assert statuses == [200, 500, 500]
    client.emulator.advance(61)
    shown: dict[str, Any] = client.get(
        f"/v1/models/{model_id}/deployments/{deployment_id}/metrics",
        mode="SUMMARY",
        metrics="baseten_inference_requests_total",
    )
    labels = shown["metric_descriptors"][0]["label_sets"]
    values = shown["metric_values"][0]["values"][0]
    assert {
        label["status"]: round(value * 3600) for label, value in zip(labels, values, strict=True)
    } == {"2xx": 1, "5xx": 2}
