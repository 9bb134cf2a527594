"""What answers a request: a truss's own code, or the echo."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from baseten.client import InferenceClient
from baseten.client.inferenceapi import PredictInput

from gitops.emulator import Running
from tests.emulator.client import Client, echo_truss, python_truss


def messages(client: Client, model_id: str, deployment_id: str, **query: Any) -> list[str]:
    path = f"/v1/models/{model_id}/deployments/{deployment_id}/logs"
    return [line["message"] for line in client.get(path, direction="asc", **query)["logs"]]


@pytest.mark.fact("B-229", "B-230")
def test_the_code_of_each_deployment_answers_for_itself(client: Client) -> None:
    model_id, first = client.live(python_truss("one"))
    second = client.ready(model_id, python_truss("two"))
    body = {"name": "you"}
    production = client.predict(model_id, body).json()
    assert production == {"said": "one", "to": "you", "in": "production"}
    for path in ("environments/production/predict", f"deployment/{first}/predict"):
        assert client.predict(model_id, body, path).json() == production
    other = client.predict(model_id, body, f"deployment/{second}/predict").json()
    assert other == {"said": "two", "to": "you", "in": None}


@pytest.mark.fact("B-216", "B-238")
def test_prints_are_logged_and_exceptions_are_500_with_a_traceback(client: Client) -> None:
    model_id, deployment_id = client.live(python_truss())
    failed = client.predict(model_id, {"raise": True})
    assert failed.status_code == 500
    assert failed.json() == {"error": "Internal Server Error"}
    assert client.predict(model_id, {"name": "you"}).status_code == 200
    lines = messages(client, model_id, deployment_id)
    assert "loading hello" in lines
    assert "asked {'name': 'you'}" in lines
    errors = messages(client, model_id, deployment_id, min_level="ERROR")
    assert "ValueError: asked to fail" in errors
    assert errors[0].startswith("Traceback")


@pytest.mark.fact("B-109", "B-116", "B-117")
def test_a_load_that_raises_fails_the_deployment_with_its_traceback(client: Client) -> None:
    code = "class Model:\n    def load(self):\n        raise OSError('no weights')\n"
    made = client.create(python_truss(model_py=code))
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "FAILED"
    assert "OSError: no weights" in messages(client, model_id, deployment_id)
    assert client.environment(model_id)["current_deployment"] is None
    retried = client.post(f"/v1/models/{model_id}/deployments/{deployment_id}/retry")
    assert retried["retried"]
    assert retried["deployment"]["status"] == "DEPLOYING"
    again = client.post(f"/v1/models/{model_id}/deployments/{deployment_id}/retry")
    assert not again["retried"]
    assert "DEPLOYING" in again["reason"]


@pytest.mark.fact("B-108", "B-133")
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model/model.py": ""}, "config.yaml is missing"),
        ({"config.yaml": "a: [", "model/model.py": ""}, "config.yaml cannot be parsed"),
        ({"config.yaml": "- a", "model/model.py": ""}, "must hold a mapping"),
        ({"config.yaml": "a: 1"}, "model/model.py is missing"),
    ],
)
def test_a_build_fails_for_what_is_wrong_with_the_archive(
    client: Client, files: dict[str, str], message: str
) -> None:
    made = client.create({"config": {"model_name": "x"}, "files": files})
    client.emulator.advance(100)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "BUILD_FAILED"
    assert any(message in line for line in messages(client, model_id, deployment_id))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"runtime": {"predict_concurrency": "many"}}, "predict_concurrency must be"),
        ({"secrets": ["token"]}, "secrets must be a mapping"),
        ({"environment_variables": "A=1"}, "environment_variables must be a mapping"),
    ],
)
def test_a_config_of_wrong_types_fails_the_build(
    client: Client, config: dict[str, Any], message: str
) -> None:
    truss = python_truss()
    truss["config"] |= config
    made = client.create(truss)
    client.emulator.advance(100)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "BUILD_FAILED"
    assert any(message in line for line in messages(client, model_id, deployment_id))


def test_a_process_that_cannot_be_started_fails_the_deployment(client: Client) -> None:
    truss = python_truss()
    truss["config"]["environment_variables"] = {"A": "nul\0byte"}
    made = client.create(truss)
    client.emulator.advance(300)
    model_id, deployment_id = made["model"]["id"], made["deployment"]["id"]
    assert client.deployment(model_id, deployment_id)["status"] == "FAILED"
    found = messages(client, model_id, deployment_id)
    assert any("could not be started" in line for line in found)


def test_an_archive_that_leaves_its_folder_fails_the_build(client: Client) -> None:
    truss = python_truss()
    truss["files"]["../escape"] = "x"
    made = client.create(truss)
    client.emulator.advance(100)
    assert client.deployment(made["model"]["id"], made["deployment"]["id"])["status"] == (
        "BUILD_FAILED"
    )


def test_packages_secrets_and_async_steps_are_there(client: Client) -> None:
    code = """
import helper
class Model:
    def __init__(self, **kwargs):
        self.secret = kwargs["secrets"]["token"]
        self.data = (kwargs["data_dir"] / "words.txt").read_text()
    async def preprocess(self, model_input):
        return helper.double(model_input)
    async def predict(self, model_input, request):
        return [model_input, request.headers["x-name"]]
    def postprocess(self, result):
        return {"result": result, "secret": self.secret, "data": self.data}
"""
    truss = python_truss(model_py=code)
    truss["config"]["secrets"] = {"token": None}
    truss["files"] |= {"packages/helper.py": "def double(x): return 2 * x", "data/words.txt": "w"}
    client.post("/v1/secrets", name="token", value="s3cret")
    client.post("/v1/secrets", name="other", value="hidden")
    model_id, _ = client.live(truss)
    url = client.emulator.inference_url.format(model_id=model_id) + "/production/predict"
    answer = client.http.post(url, json=21, headers={"X-Name": "n"}).json()
    assert answer == {"result": [42, "n"], "secret": "s3cret", "data": "w"}


def test_a_step_takes_the_request_alone_where_it_is_annotated_whatever_it_is_called(
    client: Client,
) -> None:
    code = """
from starlette.requests import Request
class Model:
    def preprocess(self, request):
        return request["name"]
    def predict(self, name, request):
        return [name, request.headers["x-name"]]
    def postprocess(self, incoming: Request):
        return incoming.headers["x-name"] + " alone"
"""
    truss = python_truss(model_py=code)
    truss["files"]["packages/starlette/__init__.py"] = ""
    truss["files"]["packages/starlette/requests.py"] = "class Request:\n    pass\n"
    model_id, _ = client.live(truss)
    truss["files"]["model/model.py"] = code.partition("    def post")[0]
    other = client.ready(model_id, truss)
    base = client.emulator.inference_url.format(model_id=model_id)
    headers = {"X-Name": "n"}

    def asked(path: str) -> object:
        return client.http.post(f"{base}/{path}", json={"name": "you"}, headers=headers).json()

    assert asked("production/predict") == "n alone"
    assert asked(f"deployment/{other}/predict") == ["you", "n"]


def test_a_generator_streams(client: Client) -> None:
    code = "class Model:\n    def predict(self, n):\n        yield from map(str, range(n))\n"
    model_id, _ = client.live(python_truss(model_py=code))
    assert client.predict(model_id, 5).text == "01234"


@pytest.mark.fact("B-238")
def test_a_crash_is_a_502_and_the_process_is_started_again(client: Client) -> None:
    code = (
        "import os\nclass Model:\n    def predict(self, x):\n"
        "        if x: os._exit(3)\n        return 1\n"
    )
    model_id, _ = client.live(python_truss(model_py=code))
    assert client.predict(model_id, True).status_code == 502
    assert client.predict(model_id, False).json() == 1
    assert client.deployment(model_id)["status"] == "ACTIVE"


@pytest.mark.fact("B-238")
@pytest.mark.parametrize("options", [{"request_seconds": 0.5}])
def test_a_request_that_hangs_is_a_504_and_does_not_stay(client: Client) -> None:
    code = (
        "import threading\nclass Model:\n    def predict(self, x):\n"
        "        if x: threading.Event().wait()\n        return 1\n"
    )
    model_id, _ = client.live(python_truss(model_py=code))
    assert client.predict(model_id, True).status_code == 504
    assert client.predict(model_id, False).json() == 1


@pytest.mark.parametrize("options", [{"worker_memory_mib": 256}])
def test_memory_is_limited(client: Client) -> None:
    code = "class Model:\n    def predict(self, n):\n        return len(bytearray(n))\n"
    model_id, deployment_id = client.live(python_truss(model_py=code))
    assert client.predict(model_id, 1000).json() == 1000
    assert client.predict(model_id, 400 * 1024 * 1024).status_code == 500
    assert "MemoryError" in messages(client, model_id, deployment_id, min_level="ERROR")


@pytest.mark.parametrize("options", [{"worker_limit": 1}])
def test_more_deployments_than_processes_take_turns(client: Client, emulator: Running) -> None:
    model_id, first = client.live(python_truss("one"))
    second = client.ready(model_id, python_truss("two"))
    for deployment_id, said in ((first, "one"), (second, "two"), (first, "one")):
        answer = client.predict(model_id, {"name": "x"}, f"deployment/{deployment_id}/predict")
        assert answer.json()["said"] == said
        assert emulator.emulator.pool.live == 1


PID = "import os\nclass Model:\n    def predict(self, x):\n        return os.getpid()\n"


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.fact("B-113")
def test_a_stopped_deployment_leaves_no_process(client: Client, emulator: Running) -> None:
    model_id, _ = client.live(python_truss(model_py=PID))
    pid = client.predict(model_id, 0).json()
    assert not gone(pid)
    client.post(f"/v1/models/{model_id}/deployments/production/deactivate")
    emulator.wait(emulator.emulator.pool.retired())
    assert emulator.emulator.pool.live == 0
    assert gone(pid)
    refused = client.predict(model_id, 0)
    assert refused.status_code == 404
    assert refused.json()["error_code"] == "model_does_not_exist"


def test_a_request_that_runs_when_traffic_moves_is_finished(client: Client, tmp_path: Path) -> None:
    started, release = tmp_path / "started", tmp_path / "release"
    for pipe in (started, release):
        os.mkfifo(pipe)
    code = (
        "class Model:\n    def predict(self, x):\n"
        f"        open({str(started)!r}, 'w').close()\n        open({str(release)!r}).close()\n"
        "        return 'old'\n"
    )
    model_id, first = client.live(python_truss(model_py=code))
    second = client.ready(model_id)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.predict, model_id, 0)
        started.open().close()
        override = {"rolling_deploy": False}
        client.promote(model_id, second, promotion_settings_override=override)
        client.emulator.advance(30)
        assert client.environment(model_id)["current_deployment"]["id"] == second
        assert client.deployment(model_id, first)["status"] == "SCALED_TO_ZERO"
        release.open("w").close()
        assert answer.result().json() == "old"


@pytest.mark.fact("B-110", "B-237")
def test_a_deployment_scales_to_zero_and_a_request_wakes_it(client: Client) -> None:
    model_id, _ = client.live(python_truss())
    client.emulator.advance(1000)
    assert client.deployment(model_id)["status"] == "SCALED_TO_ZERO"
    waiting = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        def ask() -> Any:
            waiting.set()
            return client.predict(model_id, {"name": "x"})

        answer = pool.submit(ask)
        waiting.wait()
        while client.deployment(model_id)["status"] == "SCALED_TO_ZERO":
            continue
        assert client.deployment(model_id)["status"] == "WAKING_UP"
        assert not answer.done()
        client.emulator.advance(15)
        assert answer.result().status_code == 200
    assert client.deployment(model_id)["status"] == "ACTIVE"


@pytest.mark.fact("B-111")
def test_wake_starts_a_replica_and_may_be_repeated(client: Client) -> None:
    model_id, _ = client.live()
    client.emulator.advance(1000)
    for _ in range(2):
        reply = client.predict(model_id, None, "production/wake")
        assert (reply.status_code, reply.content) == (202, b"")
    client.emulator.advance(15)
    assert client.deployment(model_id)["status"] == "ACTIVE"


@pytest.mark.fact("B-231", "B-232")
@pytest.mark.parametrize(
    "path",
    [
        "environments/nowhere/predict",
        "deployment/unknown/predict",
        "development/predict",
        "production/other",
        "production",
    ],
)
def test_unknown_targets_are_404_with_an_error(client: Client, path: str) -> None:
    model_id, _ = client.live()
    reply = client.predict(model_id, {}, path)
    assert reply.status_code == 404
    assert set(reply.json()) == {"error", "error_code"}
    assert client.predict("unknown", {}).status_code == 404


@pytest.mark.fact("B-236")
def test_the_echo_speaks_openai_on_its_routes(client: Client) -> None:
    model_id, _ = client.live(echo_truss())
    ask = {"messages": [{"role": "user", "content": "a b"}], "max_tokens": 2}
    chat = client.predict(model_id, ask, "production/sync/v1/chat/completions").json()
    assert chat["choices"][0]["message"] == {"role": "assistant", "content": "echo: a"}
    assert chat["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
    completion = client.predict(model_id, {"prompt": "x"}, "production/sync/v1/completions")
    assert completion.json()["choices"][0]["text"] == "echo: x"
    texts = {"input": ["one", "two", "one"]}
    data = client.predict(model_id, texts, "production/sync/v1/embeddings").json()["data"]
    assert data[0]["embedding"] == data[2]["embedding"] != data[1]["embedding"]
    assert sum(x * x for x in data[0]["embedding"]) == pytest.approx(1, abs=1e-4)
    base = client.emulator.inference_url.format(model_id=model_id)
    listed = client.http.get(f"{base}/production/sync/v1/models").json()
    assert listed["data"][0]["id"] == "echo"
    assert client.predict(model_id, {"x": [1]}, "production/sync/any/route").json() == {"x": [1]}
    assert client.predict(model_id, {}, "production/sync/v1/chat/completions").status_code == 400
    stream = client.predict(model_id, {**ask, "stream": True})
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.text.endswith("data: [DONE]\n\n")
    assert stream.text.count("chat.completion.chunk") == 3


def test_the_echo_is_as_bad_as_its_truss_says(client: Client) -> None:
    model_id, first = client.live(echo_truss(error_rate=0.25))
    statuses = [client.predict(model_id, {"messages": [{}]}).status_code for _ in range(12)]
    assert statuses.count(500) == 3
    late = client.ready(model_id, echo_truss(fails_after_requests=2, reply={"ok": True}))
    path = f"deployment/{late}/predict"
    assert [client.predict(model_id, {}, path).status_code for _ in range(4)] == [
        200,
        200,
        500,
        500,
    ]
    sick = client.ready(model_id, echo_truss(unhealthy_after_requests=0))
    client.predict(model_id, {}, f"deployment/{sick}/predict")
    assert client.deployment(model_id, sick)["status"] == "UNHEALTHY"
    dead = client.push(model_id, echo_truss(fails_to_load=True))["id"]
    slow = client.push(model_id, echo_truss(load_seconds=500))["id"]
    client.emulator.advance(300)
    assert client.deployment(model_id, dead)["status"] == "FAILED"
    assert client.deployment(model_id, slow)["status"] == "LOADING_MODEL"
    typo = client.push(model_id, echo_truss(error_rat=0.1))["id"]
    client.emulator.advance(100)
    assert client.deployment(model_id, typo)["status"] == "BUILD_FAILED"
    assert any("error_rat" in line for line in messages(client, model_id, typo))
    assert client.deployment(model_id)["id"] == first


def test_the_sdk_predicts(client: Client, emulator: Running) -> None:
    model_id, _ = client.live(python_truss())
    url = emulator.inference_url.format(model_id=model_id)
    with InferenceClient(api_key=emulator.api_key, base_url_override=url) as sdk:
        answer = sdk.api.predict_production(request=PredictInput.model_validate({"name": "x"}))
        assert answer.model_dump()["said"] == "hello"
        sdk.api.wake_production()
