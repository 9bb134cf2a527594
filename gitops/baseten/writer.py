"""Writes of the management API: the ``LiveWriter`` of the drivers.

Each write is sent once; one whose result is not known raises ``ResponseLost``, and has to be
looked up before it is repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gitops.baseten import bodies, reading, resolving, upload
from gitops.baseten.transport import Call, Transport
from gitops.errors import BasetenError, RequestRefused, ResponseLost
from gitops.state.artifact import Artifact
from gitops.state.json import Json, JsonObject
from gitops.state.live import Deployment
from gitops.state.names import ModelKey

if TYPE_CHECKING:
    from gitops.apply.ports import Permit


class Writer:
    """Writes; every method may raise ``BasetenError``. Safe to share between threads."""

    def __init__(self, transport: Transport, permit: Permit | None = None) -> None:
        self._transport = transport
        self._permit = permit

    def under(self, permit: Permit) -> Writer:
        """The same, asking before each write."""
        return Writer(self._transport, permit)

    def push(
        self,
        key: ModelKey,
        model_id: str | None,
        artifact: Artifact,
        *,
        name: str,
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        """Prepare, upload and create a deployment, and the model where ``model_id`` is None.

        Whatever fails or is interrupted before the last request leaves nothing behind.
        ``ResponseLost`` from the last one: look for a deployment of that name or with the
        artifact's labels before pushing again.
        """
        return self._push(key, model_id, bodies.deployment_payload(artifact, name), archive)

    def push_development(
        self,
        key: ModelKey,
        model_id: str | None,
        artifact: Artifact,
        *,
        labels: Mapping[str, str],
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        """As ``push``, into the model's one development deployment, whose content is replaced.

        ``labels`` replace the artifact's own: nothing that serves is recognised by them.
        """
        payload = bodies.development_payload(artifact, labels)
        return self._push(key, model_id, payload, archive)

    def delete_deployment(self, model_id: str, deployment_id: str) -> None:
        """Delete a deployment. It cannot be undone."""
        self._write("DELETE", "/v1/models/{}/deployments/{}", model_id, deployment_id)

    def delete_model(self, model_id: str) -> None:
        """Delete a model with all its deployments and environments. It cannot be undone."""
        self._write("DELETE", "/v1/models/{}", model_id)

    def _push(
        self,
        key: ModelKey,
        model_id: str | None,
        payload: Mapping[str, Any],
        archive: Callable[[], Iterator[bytes]],
    ) -> Deployment:
        team_id = self._team_id(key) if model_id is None else None
        subject: dict[str, Any] = {"model_id": model_id} if model_id else {"name": key.name}
        if team_id:
            subject["team_id"] = team_id
        # Preparing has no effect but credentials that end by themselves, so it may be repeated.
        prepared = self._transport.send(
            Call(
                method="POST",
                form="/v1/prepare_model_upload",
                body={**subject, "deployment": payload, "dry_run": False},
            )
        )
        where = upload.target(prepared)
        if where is None:
            raise upload.no_target()
        pieces = self._stoppable(archive())
        upload.upload(where, pieces, endpoint=self._transport.endpoint.s3_endpoint)
        source: dict[str, Any] = {
            "kind": "model_archive",
            "deployment": payload,
            "s3_key": where.key,
        }
        if model_id:
            answer = self._write(
                "POST", "/v1/models/{}/deployments", model_id, body={"source": source}
            )
        else:
            source |= {"name": key.name, "disable_archive_download": False}
            answer = (
                self._write("POST", "/v1/teams/{}/models", team_id, body={"source": source})
                if team_id
                else self._write("POST", "/v1/models", body={"source": source})
            )
        return self._created(answer, "POST", "/v1/models")

    def create_environment(self, model_id: str, name: str, settings: JsonObject) -> None:
        """Create an environment; ``settings`` are the blocks of the request.

        ``rolling_deploy`` is sent as false where they do not say: Baseten's default has changed.
        """
        body = bodies.new_environment(name, settings)
        self._write("POST", "/v1/models/{}/environments", model_id, body=body)

    def update_environment(self, model_id: str, name: str, settings: JsonObject) -> None:
        """Change settings; without any nothing is sent. Accepted is not applied: read back."""
        body = bodies.blocks(settings)
        if body:
            self._write("PATCH", "/v1/models/{}/environments/{}", model_id, name, body=body)

    def promote(
        self,
        model_id: str,
        environment: str,
        deployment_id: str,
        *,
        settings: JsonObject | None = None,
        override: JsonObject | None = None,
        preserve_instance_type: bool = True,
    ) -> Deployment:
        """Start a promotion; the reply is the deployment that will serve, a copy perhaps.

        What becomes of the previous one is the environment's ``promotion_cleanup_strategy``, unless
        ``override`` says KEEP. An older API does not know overrides, but a flag that says the same.
        """
        body: dict[str, Json] = {
            "deployment_id": deployment_id,
            "preserve_env_instance_type": preserve_instance_type,
        }
        if settings and (update := bodies.blocks(settings)):
            body["environment_settings_update"] = update
        if override:
            body["promotion_settings_override"] = bodies.promotion_settings(override)
            if override.get("promotion_cleanup_strategy") == "KEEP":
                body["scale_down_previous_deployment"] = False
        form = "/v1/models/{}/environments/{}/promote"
        answer = self._write("POST", form, model_id, environment, body=body)
        return self._deployment(answer, "POST", form)

    def cancel_promotion(self, model_id: str, environment: str, *, force: bool = False) -> None:
        """Cancel gracefully, or give all traffic back at once."""
        verb = "force_cancel_promotion" if force else "cancel_promotion"
        self._signal(verb, model_id, environment)

    def resume_promotion(self, model_id: str, environment: str) -> None:
        """Resume a paused promotion."""
        self._signal("resume_promotion", model_id, environment)

    def force_roll_forward(self, model_id: str, environment: str) -> None:
        """Move all traffic to the candidate now."""
        self._signal("force_roll_forward_promotion", model_id, environment)

    def activate(self, model_id: str, deployment_id: str) -> None:
        """Start an inactive deployment; harmless when it runs already."""
        form = "/v1/models/{}/deployments/{}/activate"
        answer = self._write("POST", form, model_id, deployment_id)
        _taken(answer, "POST", form, f"Baseten did not activate deployment {deployment_id}")

    def deactivate(self, model_id: str, deployment_id: str) -> None:
        """Stop a deployment; harmless when it is stopped already."""
        form = "/v1/models/{}/deployments/{}/deactivate"
        answer = self._write("POST", form, model_id, deployment_id)
        _taken(answer, "POST", form, f"Baseten did not deactivate deployment {deployment_id}")

    def scale(self, model_id: str, deployment_id: str, autoscaling: JsonObject) -> None:
        """Change a deployment's own autoscaling settings; accepted is not applied."""
        form = "/v1/models/{}/deployments/{}/autoscaling_settings"
        body = {name: bodies.normalised(value) for name, value in autoscaling.items()}
        self._write("PATCH", form, model_id, deployment_id, body=body)

    def retry(self, model_id: str, deployment_id: str) -> str | None:
        """Retry a failed deployment; None when it was taken, else the reason for the refusal."""
        answer = self._write("POST", "/v1/models/{}/deployments/{}/retry", model_id, deployment_id)
        if answer.get("retried") is False:
            reason = answer.get("reason")
            return reason if isinstance(reason, str) and reason else "Baseten gave no reason"
        return None

    def _stoppable(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces, until we are asked to stop: an upload may take long and leaves nothing."""
        for piece in pieces:
            self._transport.clock.sleep(0)
            yield piece

    def _write(self, method: str, form: str, *ids: str, body: Any = None) -> dict[str, Any]:
        return self._transport.write(method, form, *ids, body=body, permit=self._permit)

    def _signal(self, verb: str, model_id: str, environment: str) -> None:
        form = "/v1/models/{}/environments/{}/" + verb
        answer = self._write("POST", form, model_id, environment)
        words = verb.replace("_", " ")
        _taken(answer, "POST", form, f"Baseten did not {words} in {environment}")

    def _team_id(self, key: ModelKey) -> str | None:
        """The id of the team to create a model in; None is the key's default team."""
        if key.team is None:
            return None
        teams = [
            reading.team(each) for each in reading.items(self._transport.get("/v1/teams"), "teams")
        ]
        team = resolving.teams_of([key], teams)[key]
        return team.id if team else None

    def _created(self, answer: Mapping[str, Any], method: str, path: str) -> Deployment:
        nested = answer.get("deployment")
        return self._deployment(nested if isinstance(nested, Mapping) else {}, method, path)

    def _deployment(self, answer: Mapping[str, Any], method: str, path: str) -> Deployment:
        try:
            return reading.deployment(answer)
        except BasetenError:
            pass
        raise ResponseLost(
            f"{method} {path} was answered without saying which deployment it made",
            method=method,
            path=path,
            hint="look at what is there before sending it again",
        )


def _taken(answer: Mapping[str, Any], method: str, path: str, otherwise: str) -> None:
    if answer.get("success") is False:
        message = answer.get("message")
        said = f": {message}" if isinstance(message, str) and message else ""
        raise RequestRefused(otherwise + said, method=method, path=path, status=200)
