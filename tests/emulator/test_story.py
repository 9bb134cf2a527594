"""The whole story with the official SDK, its synchronous and its asynchronous clients."""

from __future__ import annotations

import asyncio
import inspect
import io
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from baseten.client import (
    AsyncInferenceClient,
    AsyncManagementClient,
    InferenceClient,
    ManagementClient,
)
from baseten.client import managementapi as api
from baseten.client.inferenceapi import AsyncPredictRequest, PredictInput
from baseten.client.managementapi import ResponseError
from botocore.config import Config

from gitops.emulator import Running
from tests.emulator.client import echo_truss, tar


class Sdk:
    """The operations of either kind of client, called by name; coroutines are waited for."""

    def __init__(self, emulator: Running, kind: str) -> None:
        self._emulator = emulator
        self._kind = kind
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner())
        given = {"api_key": emulator.api_key, "base_url_override": emulator.api_url}
        is_async = kind == "asynchronous"
        self._management: Any = (AsyncManagementClient if is_async else ManagementClient)(**given)

    def ask(self, operation: str, **arguments: Any) -> Any:
        return self._waited(getattr(self._management.api, operation)(**arguments))

    def infer(self, model_id: str, operation: str, **arguments: Any) -> Any:
        url = self._emulator.inference_url.format(model_id=model_id)
        kind: Any = AsyncInferenceClient if self._kind == "asynchronous" else InferenceClient
        client = kind(api_key=self._emulator.api_key, base_url_override=url)
        try:
            return self._waited(getattr(client.api, operation)(**arguments))
        finally:
            self._waited(client.close())

    def _waited(self, result: Any) -> Any:
        async def wait() -> Any:
            return await result

        return self._runner.run(wait()) if inspect.isawaitable(result) else result

    def close(self) -> None:
        self._waited(self._management.close())
        self._stack.close()


@pytest.fixture(params=["synchronous", "asynchronous"])
def sdk(request: pytest.FixtureRequest, emulator: Running) -> Iterator[Sdk]:
    it = Sdk(emulator, request.param)
    yield it
    it.close()


def upload(emulator: Running, sdk: Sdk, truss: dict[str, Any], **target: Any) -> str:
    payload = api.DeploymentArchivePayload(config=truss["config"])
    request = api.PrepareModelUploadRequest(deployment=payload, **target)
    place = sdk.ask("post_prepare_model_upload", request=request)
    assert place.creds is not None
    store = boto3.client(
        "s3",
        endpoint_url=emulator.s3_url,
        region_name=place.s3_region,
        config=Config(retries={"total_max_attempts": 1}),
        **place.creds.model_dump(),
    )
    store.upload_fileobj(io.BytesIO(tar(truss["files"])), place.s3_bucket, place.s3_key)
    store.close()
    return str(place.s3_key)


def created(emulator: Running, sdk: Sdk, name: str) -> Any:
    truss = echo_truss()
    key = upload(emulator, sdk, truss, name=name)
    deployment = api.DeploymentArchivePayload(config=truss["config"])
    archive = api.ModelArchiveSource(name=name, deployment=deployment, s3_key=key)
    return sdk.ask("post_models", request=api.CreateModelRequest(source=archive))


def pushed(emulator: Running, sdk: Sdk, model_id: str, **payload: Any) -> Any:
    truss = echo_truss()
    key = upload(emulator, sdk, truss, model_id=model_id)
    deployment = api.DeploymentArchivePayload(config=truss["config"], **payload)
    archive = api.DeploymentArchiveSource(deployment=deployment, s3_key=key)
    request = api.CreateModelDeploymentRequest(source=archive)
    return sdk.ask("post_models_deployments", model_id=model_id, request=request).deployment


def ready(emulator: Running, sdk: Sdk, model_id: str, deployment_id: str) -> None:
    """Wait as clients do: a 404 in the beginning is no end."""
    where = {"model_id": model_id, "deployment_id": deployment_id}
    with pytest.raises(ResponseError, match="404"):
        sdk.ask("get_models_deployments_deployment_id", **where)
    seen = []
    while not seen or seen[-1] != "ACTIVE":
        emulator.advance(5)
        seen.append(sdk.ask("get_models_deployments_deployment_id", **where).status)
        assert len(seen) < 60
    assert list(dict.fromkeys(seen)) == ["BUILDING", "DEPLOYING", "LOADING_MODEL", "ACTIVE"]


def production(sdk: Sdk, model: str) -> Any:
    where = {"model_id": model, "env_name": "production"}
    return sdk.ask("get_models_environments_env_name", **where)


def status(sdk: Sdk, model: str) -> tuple[str, int]:
    running = production(sdk, model).in_progress_promotion
    return running.status, running.percent_traffic_to_new_version


def test_the_whole_story(emulator: Running, sdk: Sdk) -> None:
    made = created(emulator, sdk, "story")
    model, first = made.model.id, made.deployment.id
    ready(emulator, sdk, model, first)
    emulator.advance(30)
    assert production(sdk, model).current_deployment.id == first
    change_the_settings(emulator, sdk, model)
    second = pushed(emulator, sdk, model, labels={"release": "2"}).id
    ready(emulator, sdk, model, second)
    promote_and_cancel(emulator, sdk, model, second)
    assert production(sdk, model).current_deployment.id == first
    promote(sdk, model, second)
    emulator.advance(120)
    assert production(sdk, model).current_deployment.id == second
    use(sdk, model)
    emulator.advance(70)
    look(emulator, sdk, model, second)
    promote(sdk, model, first)
    emulator.advance(6)
    steer(sdk, model, "force_roll_forward")
    assert production(sdk, model).current_deployment.id == first
    read_who_did_it(sdk, model)


def change_the_settings(emulator: Running, sdk: Sdk, model: str) -> None:
    rolling = api.UpdateRollingDeployConfig(max_surge_percent=50, max_unavailable_percent=0)
    change = api.UpdateEnvironmentRequest(
        autoscaling_settings=api.UpdateAutoscalingSettings(max_replica=3),
        promotion_settings=api.UpdateModelPromotionSettings(
            rolling_deploy=True, rolling_deploy_config=rolling, promotion_cleanup_strategy="KEEP"
        ),
    )
    where = {"model_id": model, "env_name": "production"}
    sdk.ask("patch_models_environments", **where, request=change)
    emulator.advance(5)
    assert production(sdk, model).autoscaling_settings.max_replica == 3


def promote(sdk: Sdk, model: str, deployment: str) -> None:
    request = api.PromoteToEnvironmentRequest(deployment_id=deployment)
    where = {"model_id": model, "env_name": "production"}
    assert sdk.ask("post_models_environments_promote", **where, request=request).id == deployment


def steer(sdk: Sdk, model: str, how: str) -> None:
    where = {"model_id": model, "env_name": "production"}
    assert sdk.ask(f"post_models_environments_{how}_promotion", **where).success


def promote_and_cancel(emulator: Running, sdk: Sdk, model: str, deployment: str) -> None:
    promote(sdk, model, deployment)
    emulator.advance(6)
    assert status(sdk, model) == ("RAMPING_UP", 50)
    steer(sdk, model, "pause")
    emulator.advance(100)
    assert status(sdk, model) == ("PAUSED", 50)
    steer(sdk, model, "resume")
    where = {"model_id": model, "env_name": "production"}
    cancelled = sdk.ask("post_models_environments_cancel_promotion", **where)
    assert cancelled.status == "RAMPING_DOWN"
    emulator.advance(60)


def use(sdk: Sdk, model: str) -> None:
    request = PredictInput({"messages": [{"content": "one"}]})
    assert sdk.infer(model, "predict_production", request=request).root["choices"]
    queued = sdk.infer(
        model,
        "async_predict_production",
        request=AsyncPredictRequest(model_input={"messages": [{"content": "two"}]}),
    )
    state = None
    for _ in range(1000):
        state = sdk.infer(model, "get_async_request_status", request_id=queued.request_id)
        if state.status == "SUCCEEDED":
            break
    assert state is not None
    assert (state.status, state.webhook_status) == ("SUCCEEDED", "NO_WEBHOOK_PROVIDED")
    queue = sdk.infer(model, "get_async_queue_status_production")
    assert (queue.num_queued_requests, queue.num_in_progress_requests) == (0, 0)


def look(emulator: Running, sdk: Sdk, model: str, deployment: str) -> None:
    since = {"start_epoch_millis": int((emulator.world.now - 1800) * 1000)}
    until = {"end_epoch_millis": int(emulator.world.now * 1000) + 1}
    where = {"model_id": model, "env_name": "production"}
    wanted = api.GetModelsEnvironmentsMetricsParams(
        mode="SUMMARY", metrics=["baseten_inference_requests_total"], **since
    )
    metrics = sdk.ask("get_models_environments_metrics", **where, params=wanted)
    assert metrics.metric_descriptors[0].label_sets == [{"status": "2xx"}]
    assert metrics.metric_values[0].values[0][0] > 0
    lines = sdk.ask("get_models_environments_logs", **where).logs
    assert any("ready for requests" in line.message for line in lines)
    startups = sdk.ask(
        "get_models_deployments_startups",
        model_id=model,
        deployment_id=deployment,
        params=api.GetModelsDeploymentsStartupsParams(**since, **until),
    )
    assert [each.outcome for each in startups.items] == ["SUCCESS"]


def read_who_did_it(sdk: Sdk, model: str) -> None:
    params = api.GetModelsAuditLogsParams(direction="ASC", limit=50)
    entries = sdk.ask("get_models_audit_logs", model_id=model, params=params).items
    assert [getattr(entry.event_data, "action", None) or entry.event_type for entry in entries] == [
        "MODEL_DEPLOYED",
        "ENVIRONMENT_UPDATED",
        "MODEL_DEPLOYED",
        "MODEL_DEPLOYMENT_PROMOTED",
        "PAUSE",
        "RESUME",
        "GRACEFUL_CANCEL",
        "MODEL_DEPLOYMENT_PROMOTED",
        "MODEL_DEPLOYMENT_PROMOTED",
        "FORCE_ROLL_FORWARD",
    ]
    assert {entry.actor.api_key_prefix for entry in entries} == {"emulator"}
