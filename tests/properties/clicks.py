"""What people and the platform do meanwhile: clicks in the UI, and what goes down by itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import httpx

from gitops.baseten import bodies
from tests.properties.asked import MODEL, Content

if TYPE_CHECKING:
    from tests.properties.stage import Stage

_SIGNALS: Final = {
    "cancels": "cancel_promotion",
    "pauses": "pause_promotion",
    "resumes": "resume_promotion",
    "forces forward": "force_roll_forward_promotion",
}
_PROMOTABLE: Final = frozenset({"ACTIVE", "SCALED_TO_ZERO"})
_DOWN: Final = frozenset({"deactivates", "fails", "idles"})


def possible(stage: Stage) -> list[tuple[str, str, int]]:
    """What could be done now: what, in which environment, with which of the deployments."""
    platform, found = stage.platform, []
    model = platform.model
    if model is None:
        return [("pushes", "", 0)]
    if all(each.name != "hotfix" for each in model.deployments.values()):
        found.append(("pushes", "", 0))
    for env, environment in platform.environments().items():
        promotion, serving = environment.promotion, platform.serving(env)
        if promotion is not None and promotion.running:
            paused = promotion.status == "PAUSED"
            found += [(each, env, 0) for each in ("cancels", "forces forward")]
            found += [("resumes" if paused else "pauses", env, 0)] * 2
        else:
            found += [
                ("promotes", env, number)
                for number, each in enumerate(model.deployments.values())
                if each.status in _PROMOTABLE and each is not serving
            ]
        if serving is not None:
            found += [(each, env, 0) for each in ("fails", "idles", "deactivates")]
            if serving.status == "INACTIVE":
                found += [("activates", env, 0)] * 3
        found.append(("sets", env, 0))
    found.append(("deletes the model", "", 0))
    return found


def click(stage: Stage, what: str, env: str, number: int = 0) -> None:
    """Do it, where the platform takes it."""
    stage.judge.disturbed = True
    if what in _DOWN:
        _down(stage, env)
    try:
        answer = _do(stage, what, env, number)
    except httpx.TransportError:
        answer = "no answer"
    told = answer.status_code if isinstance(answer, httpx.Response) else answer
    where = f" in {env}" if env else ""
    which = f" deployment {number}" if what == "promotes" else ""
    stage.story.append(f"somebody {what}{which}{where}: {told}")
    stage.counts["clicks"] += 1
    stage.counts[f"somebody {what}"] += 1


def _do(stage: Stage, what: str, env: str, number: int) -> Any:
    platform = stage.platform
    model, serving = platform.model, platform.serving(env)
    if what == "pushes":
        return _push(stage)
    assert model is not None
    path = f"/v1/models/{model.id}"
    match what:
        case "promotes":
            ids = list(model.deployments)
            body = {"deployment_id": ids[number % len(ids)]}
            return platform.act("POST", f"{path}/environments/{env}/promote", body=body)
        case "deactivates" | "activates" if serving is not None:
            verb = what.removesuffix("s")
            return platform.act("POST", f"{path}/deployments/{serving.id}/{verb}")
        case "sets":
            body = {"autoscaling_settings": {"min_replica": 4}}
            return platform.act("PATCH", f"{path}/environments/{env}", body=body)
        case "deletes the model":
            stage.judge.forget()
            return platform.act("DELETE", path)
        case "fails" if serving is not None and serving.status in {"ACTIVE", "UNHEALTHY"}:
            platform.set_status(serving.id, "FAILED")
            return "done"
        case "idles" if serving is not None and serving.status == "ACTIVE":
            platform.set_status(serving.id, "INACTIVE")
            return "done"
        case signal if signal in _SIGNALS:
            return platform.act("POST", f"{path}/environments/{env}/{_SIGNALS[signal]}")
    return "nothing to do it to"


def _down(stage: Stage, env: str) -> None:
    """What goes down in one environment may serve in others too."""
    serving = stage.platform.serving(env)
    for name in stage.platform.environments():
        there = stage.platform.serving(name)
        if serving is not None and there is not None and there.id == serving.id:
            stage.judge.harm(name)


def _push(stage: Stage) -> Any:
    """F: somebody's own deployment of a truss that is good, unknown to Git."""
    platform = stage.platform
    (desired,) = stage.template.desired(Content("A", "A")).models
    artifact = desired.environments[0].artifact
    assert artifact is not None
    model = platform.model
    subject: dict[str, Any] = {"model_id": model.id} if model is not None else {"name": MODEL}
    payload = {**bodies.deployment_payload(artifact, "hotfix"), "labels": None}
    prepared = platform.act(
        "POST",
        "/v1/prepare_model_upload",
        body={**subject, "deployment": payload, "dry_run": False},
    )
    if prepared.status_code >= 300:
        return prepared
    key = prepared.json()["s3_key"]
    content = b"".join(stage.template.archive(artifact))
    uploads = platform.emulator.uploads
    path = uploads.new_file()
    path.write_bytes(content)
    uploads.put(key, path, hashlib.md5(content).hexdigest())  # noqa: S324
    source = {"kind": "model_archive", "deployment": payload, "s3_key": key}
    if model is not None:
        place = f"/v1/models/{model.id}/deployments"
    else:
        source |= {"name": MODEL, "disable_archive_download": False}
        place = "/v1/models"
    return platform.act("POST", place, body={"source": source})
