"""Deployments."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from gitops.emulator.http.bodies import AutoscalingUpdate, BackpressureUpdate, Rename, given
from gitops.emulator.http.call import Call, Route
from gitops.emulator.uploads import BUCKET
from gitops.emulator.world import deeds, deployments, views
from gitops.emulator.world.entities import Deployment, Model
from gitops.emulator.world.refusal import invalid

_SLOTS = ("production", "development")
_ONE = "/v1/models/{model_id}/deployments/{deployment_id}"


def _target(call: Call) -> tuple[Model, Deployment]:
    return call.world.deployment(call.params["model_id"], call.params["deployment_id"])


def _list(call: Call) -> dict[str, Any]:
    """The deployments of a model; `name` picks one."""
    model = call.world.model(call.params["model_id"])
    return {
        "deployments": call.listed(
            [views.deployment(call.world, item) for item in model.deployments.values()]
        )
    }


def _get(call: Call) -> dict[str, Any]:
    """One deployment, by id or slot.

    Differs: 404 for a new one for `durations.not_found`; its true length is not known.
    """
    return views.deployment(call.world, _target(call)[1])


def _rename(call: Call) -> dict[str, Any]:
    """Rename a deployment.

    Differs: Leaves no entry in the audit log, for which no event is known.
    """
    model, deployment = _target(call)
    name = call.read(Rename).name
    if name is not None:
        deployments.rename(call.world, model, deployment, name)
    return views.deployment(call.world, deployment)


def _delete(call: Call) -> dict[str, Any]:
    """Delete a deployment that serves nowhere."""
    model, deployment = _target(call)
    deployments.delete(call.world, call.actor, model, deployment)
    return {"id": deployment.id, "deleted": True, "model_id": model.id}


def _autoscaling(call: Call) -> dict[str, Any]:
    """Change the autoscaling settings of a deployment.

    Differs: In force after `durations.settings`; replicas come and go as the traffic here
    demands.
    """
    model, deployment = _target(call)
    update = given(call.read(AutoscalingUpdate)) or {}
    status = deployments.update_autoscaling(call.world, call.actor, model, deployment, update)
    return {"status": status, "message": settings_message(status)}


def settings_message(status: str) -> str:
    """A sentence for the status of a settings change."""
    return {
        "ACCEPTED": "The settings are being applied.",
        "QUEUED": "The settings will be applied when the deployment is up.",
        "UNCHANGED": "The settings are already in force.",
    }[status]


def _backpressure(call: Call) -> dict[str, Any]:
    """Change what happens to requests when the deployment is full.

    Differs: How a full deployment is told is a guess.
    """
    model, deployment = _target(call)
    sent = given(call.read(BackpressureUpdate)) or {}
    if "policy" in sent:
        previous, deployment.backpressure = deployment.backpressure, sent["policy"]
        deeds.record(
            call.world,
            call.actor,
            "MODEL_DEPLOYMENT_REQUEST_BACKPRESSURE_SETTINGS_CHANGED",
            model,
            deployment,
            policy=deployment.backpressure,
            previous_policy=previous,
        )
    return {"policy": deployment.backpressure}


def _activate(call: Call) -> dict[str, Any]:
    """Start an inactive deployment."""
    model, deployment = _target(call)
    did = deployments.activate(call.world, call.actor, model, deployment)
    return switched(call, did=did)


def _deactivate(call: Call) -> dict[str, Any]:
    """Stop a deployment."""
    model, deployment = _target(call)
    did = deployments.deactivate(call.world, call.actor, model, deployment)
    return switched(call, did=did)


def switched(call: Call, *, did: bool) -> dict[str, Any]:
    """The answer of activate and deactivate."""
    return {"success": True, "no_op": not did} if call.newest else {"success": True}


def _retry(call: Call) -> dict[str, Any]:
    """Build or start a failed deployment again; `retried` says whether it does."""
    model, deployment = _target(call)
    reason = deployments.retry(call.world, call.actor, model, deployment)
    return {
        "retried": reason is None,
        "reason": reason,
        "deployment": views.deployment(call.world, deployment),
    }


def _config(call: Call) -> dict[str, Any]:
    """The config.yaml of a deployment, as text, parsed, or both.

    Differs: `config` is what was sent with the push, without Baseten's own defaults.
    """
    artifact = _target(call)[1].artifact
    wanted = call.query.get("output_format", "both")
    if wanted not in {"raw", "parsed", "both"}:
        raise invalid("output_format must be raw, parsed or both.")
    return {
        "config": dict(artifact.config) if wanted != "raw" else None,
        "raw_config": artifact.raw_config if wanted != "parsed" else None,
    }


def _download(call: Call) -> dict[str, Any]:
    """A link to the archive that was pushed.

    Differs: It leads to the emulator's own store and does not expire.
    """
    model, deployment = _target(call)
    archive = deployment.artifact.archive
    if not model.archive_download:
        raise invalid("The archives of this model cannot be downloaded.")
    key = next(
        (key for key, stored in call.uploads.objects.items() if stored.path == archive), None
    )
    if archive is None or key is None:
        raise invalid("The deployment has no archive.")
    token = call.uploads.sign_download(key)
    url = f"{call.base_url}/{BUCKET}/{quote(key)}?X-Amz-Security-Token={token}"
    return {"download_url": url}


def _terminate(call: Call) -> dict[str, Any]:
    """End one replica; another one starts where it is needed.

    Differs: Replicas are named here by number, and share one truss process.
    """
    model, deployment = _target(call)
    deployments.terminate_replica(
        call.world, call.actor, model, deployment, call.params["replica_id"]
    )
    return {"success": True}


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/models/{model_id}/deployments", handler=_list),
    Route(method="GET", path=_ONE, handler=_get, aliases=_SLOTS),
    Route(method="PATCH", path=_ONE, handler=_rename, since="newest"),
    Route(method="DELETE", path=_ONE, handler=_delete),
    Route(
        method="PATCH", path=f"{_ONE}/autoscaling_settings", handler=_autoscaling, aliases=_SLOTS
    ),
    Route(
        method="PATCH",
        path=f"{_ONE}/request_backpressure_settings",
        handler=_backpressure,
        since="newest",
    ),
    Route(
        method="POST",
        path=f"{_ONE}/activate",
        handler=_activate,
        limit="activate",
        aliases=_SLOTS,
    ),
    Route(
        method="POST",
        path=f"{_ONE}/deactivate",
        handler=_deactivate,
        limit="deactivate",
        aliases=_SLOTS,
    ),
    Route(method="POST", path=f"{_ONE}/retry", handler=_retry, limit="retry", aliases=_SLOTS),
    Route(method="GET", path=f"{_ONE}/config", handler=_config),
    Route(method="GET", path=f"{_ONE}/download", handler=_download),
    Route(method="DELETE", path=f"{_ONE}/replicas/{{replica_id}}", handler=_terminate),
)
