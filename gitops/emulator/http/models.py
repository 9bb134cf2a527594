"""Models, and the two steps of a push: prepare and commit."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import (
    CreateDeployment,
    CreateModel,
    DeploymentPayload,
    PrepareUpload,
    Rename,
    given,
)
from gitops.emulator.http.call import Call, Route
from gitops.emulator.uploads import BUCKET, REGION
from gitops.emulator.world import models, pushes, views
from gitops.emulator.world.entities import Artifact
from gitops.emulator.world.pushes import Push
from gitops.emulator.world.refusal import invalid


def _list(call: Call) -> dict[str, Any]:
    """The models, of one team or of all; `name` picks one."""
    scoped = "team_id" in call.params
    only = call.world.team(call.params["team_id"]).id if scoped else call.identity.team_id
    return {
        "models": call.listed(
            [
                views.model(call.world, model)
                for model in call.world.models.values()
                if only is None or model.team_id == only
            ]
        )
    }


def _get(call: Call) -> dict[str, Any]:
    """One model."""
    return views.model(call.world, call.world.model(call.params["model_id"]))


def _rename(call: Call) -> dict[str, Any]:
    """Rename a model; its id stays."""
    model = call.world.model(call.params["model_id"])
    name = call.read(Rename).name
    if name is not None:
        models.rename_model(call.world, call.actor, model, name)
    return views.model(call.world, model)


def _delete(call: Call) -> dict[str, Any]:
    """Delete a model with its deployments and environments.

    Differs: At once, whatever serves.
    """
    model = call.world.model(call.params["model_id"])
    models.delete_model(call.world, call.actor, model)
    return {"id": model.id, "deleted": True}


def _prepare(call: Call) -> dict[str, Any]:
    """Begin a push: check it and give credentials for the upload.

    Differs: The credentials are good for the emulator's own store, one key, and an hour.
    """
    body = call.read(PrepareUpload)
    if (body.name is None) == (body.model_id is None):
        raise invalid("Exactly one of name and model_id is required.")
    wanted = push_of(call, body.deployment)
    if body.name is not None:
        team = call.team(body.team_id)
        models.check_model_name(call.world, team, body.name)
        pushes.check_push(call.world, None, wanted)
    else:
        if body.team_id is not None:
            raise invalid("team_id is only valid together with name.")
        model = call.world.model(body.model_id or "")
        pushes.check_push(call.world, model, wanted)
    if body.dry_run:
        return {"creds": None, "s3_bucket": None, "s3_key": None, "s3_region": None}
    credentials = call.uploads.prepare()
    return {
        "creds": {
            "aws_access_key_id": credentials.access_key_id,
            "aws_secret_access_key": credentials.secret_access_key,
            "aws_session_token": credentials.session_token,
        },
        "s3_bucket": BUCKET,
        "s3_key": credentials.key,
        "s3_region": REGION,
    }


def _create(call: Call) -> dict[str, Any]:
    """Make a model with its first deployment, from an uploaded archive.

    Differs: Only `model_archive` sources. What becomes of the first deployment is the option
    `first_push`; nothing is installed or built into an image.
    """
    source = call.read(CreateModel).source
    team = call.team(call.params.get("team_id"))
    model, deployment = models.create_model(
        call.world,
        call.actor,
        team,
        source.name,
        wanted=push_of(call, source.deployment),
        artifact=_artifact(call, source.deployment, source.s3_key),
        archive_download=not source.disable_archive_download,
    )
    return {
        "model": views.model(call.world, model),
        "deployment": views.deployment(call.world, deployment),
    }


def _add_deployment(call: Call) -> dict[str, Any]:
    """Make another deployment, or push to the development slot; may name an environment.

    Differs: As for a new model.
    """
    model = call.world.model(call.params["model_id"])
    source = call.read(CreateDeployment).source
    if source.deployment.environment_name:
        call.manages(model.id, source.deployment.environment_name)
    deployment = pushes.push(
        call.world,
        call.actor,
        model,
        push_of(call, source.deployment),
        _artifact(call, source.deployment, source.s3_key),
    )
    return {
        "model": views.model(call.world, model),
        "deployment": views.deployment(call.world, deployment),
    }


def push_of(call: Call, payload: DeploymentPayload) -> Push:
    """The payload as the world takes it; July ignores what it did not know."""
    newest = call.newest
    if newest and payload.region:
        views.region(call.world, payload.region)
    creates = payload.create_environment_if_missing
    if creates is None:
        creates = call.world.options.create_environments is not False
    return Push(
        config=payload.config,
        raw_config=payload.raw_config,
        environment_name=payload.environment_name,
        create_environment_if_missing=creates or not newest,
        preserve_env_instance_type=payload.preserve_env_instance_type,
        instance_type_id=payload.instance_type_id if newest else None,
        deploy_timeout_minutes=payload.deploy_timeout_minutes,
        deployment_name=payload.deployment_name,
        labels=payload.labels,
        is_development=payload.is_development,
        autoscaling=given(payload.autoscaling_settings) if newest else None,
        backpressure=given(payload.request_backpressure_settings) if newest else None,
        promotion_override=given(payload.promotion_settings_override) if newest else None,
        schedule_settings=given(payload.autoscaling_schedule_settings) if newest else None,
        region=(payload.region or None) if newest else None,
    )


def _artifact(call: Call, payload: DeploymentPayload, s3_key: str | None) -> Artifact:
    stored = call.uploads.objects.get(s3_key) if s3_key else None
    if stored is None:
        raise invalid(f"No archive was uploaded to s3_key {s3_key!r}.")
    return Artifact(
        config=payload.config, raw_config=_readable(payload.raw_config), archive=stored.path
    )


def _readable(raw_config: str | None) -> str | None:
    """The original text of a config; one that is none is dropped without a word."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        found = yaml.load(raw_config or "", loader)  # noqa: S506 - both loaders are safe ones
    except yaml.YAMLError:
        return None
    return raw_config if isinstance(found, dict) else None


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/models", handler=_list),
    Route(method="POST", path="/v1/models", handler=_create),
    Route(method="GET", path="/v1/teams/{team_id}/models", handler=_list),
    Route(method="POST", path="/v1/teams/{team_id}/models", handler=_create),
    Route(method="GET", path="/v1/models/{model_id}", handler=_get),
    Route(method="PATCH", path="/v1/models/{model_id}", handler=_rename, since="newest"),
    Route(method="DELETE", path="/v1/models/{model_id}", handler=_delete),
    Route(method="POST", path="/v1/models/{model_id}/deployments", handler=_add_deployment),
    Route(method="POST", path="/v1/prepare_model_upload", handler=_prepare),
)
