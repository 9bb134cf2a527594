"""The official SDK, pointed at the emulator: every answer passes its models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from baseten.client import AsyncManagementClient, ManagementClient
from baseten.client import managementapi as api
from baseten.client.managementapi import ResponseError

from gitops.emulator import Running
from tests.emulator.client import Client, echo_truss


@pytest.fixture
def sdk(emulator: Running) -> Iterator[api.ApiClient]:
    with ManagementClient(api_key=emulator.api_key, base_url_override=emulator.api_url) as it:
        yield it.api


def test_a_push_a_promotion_and_all_reads(client: Client, sdk: api.ApiClient) -> None:
    truss = echo_truss()
    payload = api.DeploymentArchivePayload(config=truss["config"], labels={"gitops.digest": "x"})
    prepared = sdk.post_prepare_model_upload(
        request=api.PrepareModelUploadRequest(deployment=payload, name="dry", dry_run=True)
    )
    assert prepared.creds is None
    key = client.upload(truss, name="echo")
    made = sdk.post_models(
        request=api.CreateModelRequest(
            source=api.ModelArchiveSource(name="echo", deployment=payload, s3_key=key)
        )
    )
    model_id = made.model.id
    client.emulator.advance(300)
    assert [model.id for model in sdk.get_models().models] == [model_id]
    assert [m.name for m in sdk.get_models(params=api.GetModelsParams(name="no")).models] == []
    assert sdk.get_models_model_id(model_id=model_id).production_deployment_id

    sdk.post_models_environments(
        model_id=model_id, request=api.CreateEnvironmentRequest(name="staging")
    )
    second = client.ready(model_id)
    promoted = sdk.post_models_environments_promote(
        model_id=model_id,
        env_name="production",
        request=api.PromoteToEnvironmentRequest(
            deployment_id=second,
            environment_settings_update=api.PromotionEnvironmentSettingsUpdate(
                autoscaling_settings=api.UpdateAutoscalingSettings(max_replica=3)
            ),
        ),
    )
    assert promoted.id == second
    environments = sdk.get_models_environments(model_id=model_id).environments
    assert {each.name for each in environments} == {"production", "staging"}
    running = next(each for each in environments if each.name == "production")
    assert running.in_progress_promotion is not None
    assert running.in_progress_promotion.status == "RELEASING"
    client.emulator.advance(300)
    production = sdk.get_models_environments_env_name(model_id=model_id, env_name="production")
    assert production.current_deployment is not None
    assert production.current_deployment.id == second
    assert production.autoscaling_settings.max_replica == 3

    patched = sdk.patch_models_environments(
        model_id=model_id,
        env_name="production",
        request=api.UpdateEnvironmentRequest(
            autoscaling_settings=api.UpdateAutoscalingSettings(min_replica=1)
        ),
    )
    assert patched.environment.name == "production"

    deployments = sdk.get_models_deployments(model_id=model_id).deployments
    assert len(deployments) == 2
    assert sdk.get_models_deployments_production(model_id=model_id).id == second
    where = {"model_id": model_id, "deployment_id": second}
    assert sdk.get_models_deployments_config(**where).config == truss["config"]
    assert sdk.get_models_deployments_download(**where).download_url.startswith("http://127.0.0.1")
    assert sdk.get_models_deployments_logs(**where).logs
    for mode in ("CURRENT", "SUMMARY", "SERIES"):
        metrics = sdk.get_models_deployments_metrics(
            **where, params=api.GetModelsDeploymentsMetricsParams(mode=mode)
        )
        assert metrics.mode == mode
    assert sdk.get_models_environments_metrics(model_id=model_id, env_name="production")
    assert sdk.get_models_environments_logs(model_id=model_id, env_name="production").logs


@pytest.mark.fact("B-095", "B-097", "B-100", "B-103", "B-104", "B-105")
def test_the_rest_of_the_workspace(sdk: api.ApiClient, emulator: Running) -> None:
    assert sdk.get_users_me().workspace_name == emulator.world.workspace
    assert sdk.get_organizations_me().name == emulator.world.workspace
    team = sdk.get_teams().teams[0]
    assert team.default
    assert sdk.get_teams_team_id(team_id=team.id).name == team.name
    assert sdk.get_teams_models(team_id=team.id).models == []
    slugs = [each.slug for each in sdk.get_regions().regions]
    assert slugs == [each.slug for each in sdk.get_teams_regions(team_id=team.id).regions]
    assert sdk.get_instance_types().instance_types[0].id == "1x2"
    assert sdk.get_instance_type_prices().instance_types[0].price > 0
    request = api.UpsertSecretRequest(name="token", value="v")
    secret = sdk.post_secrets(request=request)
    assert sdk.post_teams_secrets(team_id=team.id, request=request).id == secret.id
    assert [each.name for each in sdk.get_secrets().secrets] == ["token"]
    assert sdk.delete_secrets(secret_name="token").name == "token"
    assert sdk.get_teams_secrets(team_id=team.id).secrets == []
    assert sdk.get_users().items[0].email


@pytest.mark.fact("B-005", "B-223", "B-224")
def test_the_audit_log_passes_the_sdks_models(client: Client, sdk: api.ApiClient) -> None:
    model_id, first = client.live()
    path = f"/v1/models/{model_id}"
    client.post(f"{path}/environments", name="staging")
    client.ask(
        "PATCH", f"{path}/environments/staging", {"autoscaling_settings": {"max_replica": 2}}
    )
    client.ask("PATCH", f"{path}/deployments/{first}/autoscaling_settings", {"max_replica": 2})
    client.ask(
        "PATCH",
        f"{path}/deployments/{first}/request_backpressure_settings",
        {"policy": "REJECT_ON_FULL"},
    )
    second = client.ready(model_id)
    client.promote(
        model_id,
        second,
        environment_settings_update={"autoscaling_settings": {"max_replica": 4}},
        promotion_settings_override={"rolling_deploy_config": {"max_surge_percent": 50}},
    )
    client.post(f"{path}/environments/production/pause_promotion")
    client.post(f"{path}/environments/production/force_cancel_promotion")
    client.post(f"{path}/deployments/{second}/deactivate")
    client.emulator.advance(20)
    client.post(f"{path}/deployments/{second}/activate")
    client.post(f"{path}/deployments/{second}/retry")
    client.ask("DELETE", f"{path}/deployments/{first}/replicas/{first}-0")
    client.ask("DELETE", f"{path}/environments/staging")
    client.ask("DELETE", f"{path}/deployments/{second}")
    client.ask("PATCH", path, {"name": "renamed"})
    client.post("/v1/secrets", name="token", value="v")
    client.ask("DELETE", "/v1/secrets/token")
    entries = sdk.get_audit_logs(params=api.GetAuditLogsParams(limit=200, direction="ASC")).items
    assert [entry.event_type for entry in entries] == [
        "MODEL_DEPLOYED",
        "ENVIRONMENT_CREATED",
        "ENVIRONMENT_UPDATED",
        "MODEL_DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED",
        "MODEL_DEPLOYMENT_REQUEST_BACKPRESSURE_SETTINGS_CHANGED",
        "MODEL_DEPLOYED",
        "MODEL_DEPLOYMENT_PROMOTED",
        "MODEL_PROMOTION_CONTROL_ACTION",
        "MODEL_PROMOTION_CONTROL_ACTION",
        "MODEL_DEPLOYMENT_DEACTIVATED",
        "MODEL_DEPLOYMENT_ACTIVATED",
        "MODEL_DEPLOYMENT_RETRIED",
        "REPLICA_TERMINATED",
        "ENVIRONMENT_DELETED",
        "MODEL_DEPLOYMENT_DELETED",
        "MODEL_RENAMED",
        "SECRET_UPDATED",
        "SECRET_DELETED",
    ]
    for entry in entries:
        assert not isinstance(entry.event_data, dict), entry.event_type
        assert entry.actor.type == "API_KEY"
        assert entry.actor.api_key_prefix == "emulator"


@pytest.mark.fact("B-011")
def test_refusals_reach_the_sdk_with_their_status(sdk: api.ApiClient) -> None:
    with pytest.raises(ResponseError) as refused:
        sdk.get_models_model_id(model_id="unknown")
    assert refused.value.status_code == 404
    assert "not found" in refused.value.body


def test_the_asynchronous_sdk_lists_a_seeded_fleet(emulator: Running) -> None:
    emulator.seed(25)

    async def read() -> int:
        async with AsyncManagementClient(
            api_key=emulator.api_key, base_url_override=emulator.api_url
        ) as sdk:
            models = (await sdk.api.get_models()).models
            replies = await asyncio.gather(
                *(sdk.api.get_models_environments(model_id=model.id) for model in models)
            )
        return sum(len(reply.environments) for reply in replies)

    assert asyncio.run(read()) == 50
