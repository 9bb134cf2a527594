"""A deployment pushed the old way: three requests and an upload, with none of this tool's code."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from gitops.errors import GitopsError

if TYPE_CHECKING:
    import httpx

SERVES_WITHIN: Final = 60.0
LOOKS_EVERY: Final = 0.1

CONFIG: Final = """\
model_name: call-transcriber
base_image:
  image: openai/whisper-server:1.2
docker_server:
  start_command: whisper-server --model large-v3
  server_port: 8000
  predict_endpoint: /v1/audio/transcriptions
  readiness_endpoint: /health
  liveness_endpoint: /health
resources:
  accelerator: T4
  use_gpu: true
"""


def archive() -> bytes:
    """The tar of a truss that is nothing but its config.yaml."""
    content = CONFIG.encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("config.yaml")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def push(environ: Mapping[str, str], *, model: str, name: str) -> str:
    """Prepare, upload, create, and wait until it serves production; returns the deployment's id.

    Raises httpx's errors as they come, and ``GitopsError`` where it does not serve in time.
    """
    import boto3
    import httpx
    from ruamel.yaml import YAML

    deployment = {
        "config": YAML(typ="safe").load(CONFIG),
        "raw_config": CONFIG,
        "deployment_name": name,
    }
    with httpx.Client(
        base_url=environ["BASETEN_API_URL"],
        headers={"Authorization": f"Bearer {environ['BASETEN_API_KEY']}"},
        timeout=30,
    ) as client:
        prepared = client.post(
            "/v1/prepare_model_upload", json={"name": model, "deployment": deployment}
        )
        upload = prepared.raise_for_status().json()
        credentials = upload["creds"]
        boto3.client(
            "s3",
            region_name=upload["s3_region"],
            endpoint_url=environ["AWS_ENDPOINT_URL_S3"],
            aws_access_key_id=credentials["aws_access_key_id"],
            aws_secret_access_key=credentials["aws_secret_access_key"],
            aws_session_token=credentials["aws_session_token"],
        ).put_object(Bucket=upload["s3_bucket"], Key=upload["s3_key"], Body=archive())
        created = client.post(
            "/v1/models",
            json={
                "source": {
                    "kind": "model_archive",
                    "name": model,
                    "deployment": deployment,
                    "s3_key": upload["s3_key"],
                }
            },
        )
        answer = created.raise_for_status().json()
        _wait_until_it_serves(client, answer["model"]["id"])
        return str(answer["deployment"]["id"])


def _wait_until_it_serves(client: httpx.Client, model_id: str) -> None:
    # A release file that adopts it while it is still on its way would have it watched.
    deadline = time.monotonic() + SERVES_WITHIN
    while time.monotonic() < deadline:
        answer = client.get(f"/v1/models/{model_id}/environments/production")
        production = answer.raise_for_status().json()
        current = production["current_deployment"]
        if current and current["status"] == "ACTIVE" and not production["candidate_deployment"]:
            return
        time.sleep(LOOKS_EVERY)
    raise GitopsError(f"what was pushed by hand does not serve after {SERVES_WITHIN:g} s")
