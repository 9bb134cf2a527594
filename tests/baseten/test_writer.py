"""Each write as one request with exactly the body it should have, and what its answers mean."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from baseten.client import managementapi as sdk

from gitops.baseten.client import Baseten
from gitops.baseten.endpoint import ApiKey, Endpoint
from gitops.errors import BasetenError, NotFound, RequestRefused, ResponseLost, Unavailable
from gitops.state.artifact import Artifact
from gitops.state.names import ModelKey
from tests.baseten import samples
from tests.baseten.fakes import KEY, FakeClock, baseten, in_turn

Write = Callable[[Any], Any]
ARTIFACT = Artifact(digest="a" * 64, commit="b" * 40, truss="trusses/x")


def sent(answer: Any, write: Write) -> tuple[str, Any]:
    """The one request of a write, and its body."""
    client, server = baseten(lambda _: answer)
    write(client.writer)
    (request,) = server.requests
    body = json.loads(request.content) if request.content else None
    return f"{request.method} {request.url.path}", body


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "ACCEPTED", "message": "ok"},
        {"status": "QUEUED", "message": "later"},
        {"status": "UNCHANGED", "message": "same"},
        {"environment": samples.environment(), "status": "ACCEPTED", "message": "ok"},
        {},
    ],
)
def test_settings_are_changed_whatever_the_shape_of_the_answer(answer: Any) -> None:
    blocks = {"autoscaling_settings": {"max_replica": 4.0}, "promotion_settings": {}}
    assert sent(answer, lambda writer: writer.update_environment("m1", "production", blocks)) == (
        "PATCH /v1/models/m1/environments/production",
        {"autoscaling_settings": {"max_replica": 4}},
    )


def test_nothing_to_change_is_not_sent() -> None:
    client, server = baseten(lambda _: {})
    client.writer.update_environment("m1", "production", {"promotion_settings": {}})
    assert server.requests == []


def test_an_environment_is_created_with_all_that_has_to_be_said() -> None:
    assert sent(
        samples.environment(),
        lambda writer: writer.create_environment("m1", "Staging", {}),
    ) == (
        "POST /v1/models/m1/environments",
        {"name": "staging", "promotion_settings": {"rolling_deploy": False}},
    )


def test_a_promotion_with_everything() -> None:
    path, body = sent(
        samples.deployment("copy"),
        lambda writer: writer.promote(
            "m1",
            "production",
            "d1",
            settings={"instance_type_id": "1x4", "autoscaling_settings": {"min_replica": 2}},
            override={"rolling_deploy": False, "redeploy_on_promotion": False},
            preserve_instance_type=False,
        ),
    )
    assert path == "POST /v1/models/m1/environments/production/promote"
    assert body == {
        "deployment_id": "d1",
        "preserve_env_instance_type": False,
        "environment_settings_update": {
            "instance_type_id": "1x4",
            "autoscaling_settings": {"min_replica": 2},
        },
        "promotion_settings_override": {"rolling_deploy": False, "redeploy_on_promotion": False},
    }


def test_a_promotion_with_nothing_more() -> None:
    client, server = baseten(lambda _: samples.deployment("copy"))
    promoted = client.writer.promote("m1", "production", "d1")
    assert promoted.id == "copy"
    assert json.loads(server.requests[0].content) == {
        "deployment_id": "d1",
        "preserve_env_instance_type": True,
    }


def test_a_promotion_that_keeps_the_previous_says_so_to_older_apis_too() -> None:
    _, body = sent(
        samples.deployment("copy"),
        lambda writer: writer.promote(
            "m1", "production", "d1", override={"promotion_cleanup_strategy": "KEEP"}
        ),
    )
    assert body == {
        "deployment_id": "d1",
        "preserve_env_instance_type": True,
        "promotion_settings_override": {"promotion_cleanup_strategy": "KEEP"},
        "scale_down_previous_deployment": False,
    }
    assert "scale_down_previous_deployment" in sdk.PromoteToEnvironmentRequest.model_fields


def test_what_became_superfluous_is_stopped_deleted_or_scaled_down() -> None:
    assert sent({"success": True}, lambda writer: writer.deactivate("m1", "d1")) == (
        "POST /v1/models/m1/deployments/d1/deactivate",
        None,
    )
    gone = {"id": "d1", "deleted": True, "model_id": "m1"}
    assert sent(gone, lambda writer: writer.delete_deployment("m1", "d1")) == (
        "DELETE /v1/models/m1/deployments/d1",
        None,
    )
    with pytest.raises(RequestRefused, match="did not deactivate deployment d1: busy"):
        sent(
            {"success": False, "message": "busy"},
            lambda writer: writer.deactivate("m1", "d1"),
        )
    assert sent(
        {"status": "ACCEPTED", "message": ""},
        lambda writer: writer.scale("m1", "d1", {"min_replica": 0.0}),
    ) == ("PATCH /v1/models/m1/deployments/d1/autoscaling_settings", {"min_replica": 0})


def test_a_promotion_that_does_not_say_what_it_made_has_to_be_looked_up() -> None:
    client, server = baseten(lambda _: {"name": "x"})
    with pytest.raises(ResponseLost, match="without saying which deployment"):
        client.writer.promote("m1", "production", "d1")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("verb", "write"),
    [
        ("cancel_promotion", lambda writer: writer.cancel_promotion("m1", "production")),
        (
            "force_cancel_promotion",
            lambda writer: writer.cancel_promotion("m1", "production", force=True),
        ),
        ("resume_promotion", lambda writer: writer.resume_promotion("m1", "production")),
        (
            "force_roll_forward_promotion",
            lambda writer: writer.force_roll_forward("m1", "production"),
        ),
    ],
)
def test_signals(verb: str, write: Write) -> None:
    for answer in ({"success": True}, {"status": "RAMPING_DOWN", "message": "ok"}):
        path, body = sent(answer, write)
        assert path == f"POST /v1/models/m1/environments/production/{verb}"
        assert body is None
    with pytest.raises(RequestRefused, match=r"did not .* in production: too late"):
        sent({"success": False, "message": "too late"}, write)


def test_activating() -> None:
    path, _ = sent({"success": True, "no_op": True}, lambda writer: writer.activate("m1", "d1"))
    assert path == "POST /v1/models/m1/deployments/d1/activate"
    with pytest.raises(RequestRefused, match="did not activate deployment d1"):
        sent({"success": False}, lambda writer: writer.activate("m1", "d1"))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"retried": True, "reason": None}, None),
        ({"retried": False, "reason": "it did not fail"}, "it did not fail"),
        ({"retried": False}, "Baseten gave no reason"),
    ],
)
def test_retrying_may_be_refused_with_a_good_status(answer: Any, reason: str | None) -> None:
    client, server = baseten(lambda _: answer)
    assert client.writer.retry("m1", "d1") == reason
    assert server.paths == ["POST /v1/models/m1/deployments/d1/retry"]


def unread() -> Any:
    raise AssertionError("the archive must not be read")


def test_preparing_may_be_repeated_and_creates_nothing() -> None:
    client, server = baseten(in_turn(httpx.ReadTimeout(""), httpx.Response(503), {"creds": None}))
    with pytest.raises(BasetenError, match="without a place to upload to"):
        client.writer.push(ModelKey(None, "x"), "m1", ARTIFACT, name="git-a", archive=unread)
    assert server.paths == ["POST /v1/prepare_model_upload"] * 3
    first = json.loads(server.requests[0].content)
    assert first["model_id"] == "m1"
    assert "name" not in first
    assert "team_id" not in first


def test_a_new_model_is_prepared_for_its_team() -> None:
    teams = {"teams": [samples.team(), samples.team("t2", "ml", default=False)]}
    client, server = baseten(in_turn(teams, {"creds": None}))
    with pytest.raises(BasetenError):
        client.writer.push(ModelKey("ml", "x"), None, ARTIFACT, name="git-a", archive=unread)
    prepared = json.loads(server.requests[1].content)
    assert (prepared["name"], prepared["team_id"]) == ("x", "t2")
    assert "model_id" not in prepared


def test_a_team_that_is_not_there_is_not_pushed_to() -> None:
    client, server = baseten(lambda _: {"teams": [samples.team()]})
    with pytest.raises(NotFound):
        client.writer.push(ModelKey("ml", "x"), None, ARTIFACT, name="git-a", archive=unread)
    assert server.paths == ["GET /v1/teams"]


def test_an_api_that_does_not_listen() -> None:
    # Bound but not listening: nobody else can take the port, and nobody answers.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        endpoint = Endpoint(api_key=ApiKey(KEY), api_url=f"http://{host}")
        with Baseten(endpoint, FakeClock()) as client:
            with pytest.raises(Unavailable, match=f"cannot reach Baseten at {host}"):
                client.reader.workspace()
            with pytest.raises(Unavailable, match="cannot reach Baseten"):
                client.writer.activate("m1", "d1")
