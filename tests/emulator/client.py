"""A client in the plain words of the API: what the tests say to the emulator."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from gzip import compress
from typing import Any, Self

import httpx

from gitops.emulator import Running
from tests.emulator import contract
from tests.patience import HANGS

MODEL_PY = """
class Model:
    def __init__(self, config, secrets, environment):
        self.greeting = config["model_metadata"]["greeting"]
        self.secrets = secrets
        self.environment = environment

    def load(self):
        print("loading", self.greeting)

    def predict(self, model_input):
        print("asked", model_input)
        if model_input.get("raise"):
            raise ValueError("asked to fail")
        where = self.environment and self.environment["name"]
        return {"said": self.greeting, "to": model_input["name"], "in": where}
"""


def tar(files: Mapping[str, str], *, gzip: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    data = buffer.getvalue()
    return compress(data, mtime=0) if gzip else data


def python_truss(greeting: str = "hello", model_py: str = MODEL_PY) -> dict[str, Any]:
    return {
        "config": {"model_name": "greeter", "model_metadata": {"greeting": greeting}},
        "files": {
            "config.yaml": f"model_name: greeter\nmodel_metadata: {{greeting: {greeting}}}\n",
            "model/__init__.py": "",
            "model/model.py": model_py,
        },
    }


def echo_truss(**behaviour: Any) -> dict[str, Any]:
    return {
        "config": {
            "model_name": "echo",
            "docker_server": {"predict_endpoint": "/v1/chat/completions"},
            "model_metadata": {"emulator": behaviour},
        },
        "files": {"config.yaml": "model_name: echo\ndocker_server: {}\n"},
    }


class Client:
    """Requests that are refused raise `httpx.HTTPStatusError`, unless sent by `send`.

    Every answer is held to Baseten's OpenAPI document; `used` names the operations so far.
    """

    def __init__(self, emulator: Running) -> None:
        self.emulator = emulator
        self.used: set[tuple[str, str]] = set()
        self.http = httpx.Client(
            base_url=emulator.api_url,
            headers={"Authorization": f"Bearer {emulator.api_key}"},
            timeout=HANGS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.http.close()

    def send(self, method: str, path: str, body: Any = None, **named: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, **named)

    def ask(self, method: str, path: str, body: Any = None, **named: Any) -> Any:
        response = self.send(method, path, body, **named)
        response.raise_for_status()
        assert response.status_code == 200
        answer = response.json()
        operation = contract.check_answer(method, path, answer)
        if operation is not None:
            self.used.add(operation)
        return answer

    def get(self, path: str, **query: Any) -> Any:
        return self.ask("GET", path, params=query)

    def post(self, path: str, **body: Any) -> Any:
        return self.ask("POST", path, body)

    def upload(self, truss: dict[str, Any], *, gzip: bool = False, **target: Any) -> str:
        payload = {"config": truss["config"]}
        prepared = self.post("/v1/prepare_model_upload", deployment=payload, **target)
        data = tar(truss["files"], gzip=gzip)
        self.emulator.call(self._store, prepared["s3_key"], data)
        return str(prepared["s3_key"])

    def _store(self, key: str, data: bytes) -> None:
        """What an upload leaves behind; real ones are in test_s3."""
        uploads = self.emulator.emulator.uploads
        path = uploads.new_file()
        path.write_bytes(data)
        uploads.put(key, path, hashlib.md5(data, usedforsecurity=False).hexdigest())

    def create(self, truss: dict[str, Any], name: str = "model", **payload: Any) -> Any:
        """A new model by its first push."""
        key = self.upload(truss, name=name)
        source = {
            "kind": "model_archive",
            "name": name,
            "s3_key": key,
            "deployment": {"config": truss["config"], **payload},
        }
        return self.post("/v1/models", source=source)

    def push(self, model_id: str, truss: dict[str, Any], **payload: Any) -> Any:
        """Another deployment of a model."""
        key = self.upload(truss, model_id=model_id)
        source = {
            "kind": "model_archive",
            "s3_key": key,
            "deployment": {"config": truss["config"], **payload},
        }
        path = f"/v1/models/{model_id}/deployments"
        return self.post(path, source=source)["deployment"]

    def live(self, truss: dict[str, Any] | None = None, **payload: Any) -> tuple[str, str]:
        """A model that serves production; its id and its deployment's."""
        made = self.create(truss or echo_truss(), **payload)
        self.emulator.advance(300)
        return made["model"]["id"], made["deployment"]["id"]

    def ready(self, model_id: str, truss: dict[str, Any] | None = None, **payload: Any) -> str:
        """A further deployment, active and in no environment."""
        deployment = self.push(model_id, truss or echo_truss(), **payload)
        self.emulator.advance(200)
        assert self.deployment(model_id, deployment["id"])["status"] == "ACTIVE"
        return str(deployment["id"])

    def deployment(self, model_id: str, deployment_id: str = "production") -> Any:
        return self.get(f"/v1/models/{model_id}/deployments/{deployment_id}")

    def environment(self, model_id: str, name: str = "production") -> Any:
        return self.get(f"/v1/models/{model_id}/environments/{name}")

    def promote(
        self, model_id: str, deployment_id: str, environment: str = "production", **body: Any
    ) -> Any:
        path = f"/v1/models/{model_id}/environments/{environment}/promote"
        return self.post(path, deployment_id=deployment_id, **body)

    def predict(self, model_id: str, body: Any, path: str = "production/predict") -> httpx.Response:
        base = self.emulator.inference_url.format(model_id=model_id)
        return self.http.post(f"{base}/{path}", json=body)
