"""What is sent, held to the official SDK's models; and so are the samples that the readers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from baseten.client import managementapi as sdk
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from gitops.apply import blocks
from gitops.baseten import bodies, reading
from gitops.state.artifact import Artifact
from gitops.state.differences import flatten
from gitops.state.settings import Change
from tests.baseten import samples

ARTIFACT = Artifact(
    digest="ab" * 32,
    commit="c" * 40,
    truss="trusses/qwen",
    config={"model_name": "qwen", "resources": {"cpu": "1"}, "runtime": {"x": 1.0}},
    raw_config="model_name: qwen\n",
)


def strict(model: type[BaseModel], body: Any) -> BaseModel:
    """The body as the SDK's model; a key that the model does not know is an error."""
    read = model.model_validate(body)
    unknown = _unknown(read, body, model.__name__)
    assert not unknown, unknown
    return read


def _unknown(read: Any, body: Any, where: str) -> list[str]:
    if isinstance(read, BaseModel) and isinstance(body, Mapping):
        fields = type(read).model_fields
        found = [f"{where}.{key}" for key in body if key not in fields]
        for key in body:
            if key in fields:
                found += _unknown(read.__dict__[key], body[key], f"{where}.{key}")
        return found
    if isinstance(read, list) and isinstance(body, list):
        return [
            each
            for index, (one, raw) in enumerate(zip(read, body, strict=True))
            for each in _unknown(one, raw, f"{where}[{index}]")
        ]
    return []


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (sdk.Team, samples.team()),
        (sdk.Model, samples.model()),
        (sdk.Deployment, samples.deployment()),
        (sdk.Environment, samples.environment()),
        (sdk.AuditLogEntry, samples.audit_entry()),
        (sdk.InstanceType, samples.INSTANCE_TYPE),
        (
            sdk.GetModelMetricsResponse,
            samples.metrics([samples.descriptor("a", {"status": "2xx"})], [(0, [[1.0]])]),
        ),
    ],
)
def test_the_samples_are_what_baseten_sends(model: type[BaseModel], body: Any) -> None:
    strict(model, body)


@pytest.mark.parametrize("fields", ["all", "fewest"])
def test_the_readers_read_what_the_sdk_writes(fields: str) -> None:
    environment = sdk.Environment.model_validate(samples.environment())
    dumped = environment.model_dump(mode="json", exclude_unset=fields == "fewest")
    read = reading.environment(dumped)
    assert environment.current_deployment is not None
    assert read.current is not None
    assert read.current.created_at == environment.current_deployment.created_at
    assert read.current.status == environment.current_deployment.status
    assert read.settings.autoscaling == environment.autoscaling_settings.model_dump()
    assert read.settings.promotion == environment.promotion_settings.model_dump()
    assert read.settings.schedules is not None
    entry = sdk.AuditLogEntry.model_validate(samples.audit_entry())
    audited = reading.audit_entry(entry.model_dump(mode="json"), own_prefix="pRefix01")
    assert audited.own
    assert audited.by_tool
    other_key = reading.audit_entry(entry.model_dump(mode="json"), own_prefix="another0")
    assert (other_key.own, other_key.by_tool) == (False, True)
    nameless = {**entry.model_dump(mode="json"), "client_name": None}
    assert not reading.audit_entry(nameless, own_prefix="another0").by_tool
    assert audited.environment == "production"


def test_schedules_are_sent_whole_and_by_their_ids() -> None:
    live = reading.environment(samples.environment()).settings
    assert live.schedules is not None
    (name,) = live.schedules
    there = flatten(live)[f"schedules.{name}"]
    once = {
        "enabled": True,
        "cadence": "ONE_TIME",
        "start_at": "2126-12-24T18:00:00Z",
        "end_at": "2126-12-24T19:00:00Z",
        "timezone": "Europe/Berlin",
        "autoscaling": {"min_replica": 1, "max_replica": 2},
    }
    kept = Change(path=f"schedules.{name}", before=None, after=there)
    made = Change(path="schedules.a.b", before=None, after=once)
    block = blocks.of_changes([kept, made], live)["autoscaling_schedule_settings"]
    strict(sdk.UpdateAutoscalingScheduleSettings, block)
    assert isinstance(block, dict)
    assert block["timezone"] == "Europe/Berlin"
    new, old = block["schedules"]
    assert "id" not in new
    assert new["name"] == "a.b"
    assert {**old, "autoscaling_settings": None} == {
        **samples.SCHEDULE,
        "autoscaling_settings": None,
    }
    assert old["autoscaling_settings"] == samples.SCHEDULE["autoscaling_settings"]
    gone = [replace(each, after=None) for each in (kept, made)]
    assert blocks.of_changes(gone, live) == {
        "autoscaling_schedule_settings": {"delete_schedules": ["sch1"]}
    }


def test_a_push_says_what_it_is_and_names_no_environment() -> None:
    payload = bodies.deployment_payload(ARTIFACT, "git-abc-2")
    strict(
        sdk.PrepareModelUploadRequest, {"model_id": "m1", "deployment": payload, "dry_run": False}
    )
    source = {"kind": "model_archive", "deployment": payload, "s3_key": "k"}
    read = strict(sdk.CreateModelDeploymentRequest, {"source": source})
    assert isinstance(read, sdk.CreateModelDeploymentRequest)
    named = {**source, "name": "qwen", "disable_archive_download": False}
    strict(sdk.CreateModelRequest, {"source": named})
    assert payload["environment_name"] is None
    assert payload["create_environment_if_missing"] is False
    assert payload["deployment_name"] == "git-abc-2"
    assert payload["labels"] == ARTIFACT.labels
    assert payload["raw_config"] == "model_name: qwen\n"
    # A number of the config is none of our business: 1.0 is not 1 to every program.
    assert repr(payload["config"]["runtime"]) == "{'x': 1.0}"


@pytest.mark.parametrize(
    ("length", "sent"), [(100 << 10, True), ((100 << 10) + 1, False), (0, False)]
)
def test_a_config_that_baseten_would_drop_is_not_sent(length: int, *, sent: bool) -> None:
    artifact = Artifact(digest="a" * 64, commit="c" * 40, truss="t", raw_config="x" * length)
    assert (bodies.deployment_payload(artifact, "n")["raw_config"] is not None) is sent


@given(truss=st.text(min_size=1))
def test_labels_are_printable_ascii_without_spaces(truss: str) -> None:
    artifact = Artifact(
        digest="a" * 64,
        commit="c" * 40,
        truss="trusses/" + truss.encode("utf-8", "replace").decode(),
    )
    labels = bodies.deployment_payload(artifact, "n")["labels"]
    assert all("!" <= each <= "~" for value in labels.values() for each in value)
    assert labels["gitops.digest"] == artifact.digest


def test_labels_stay_within_two_kilobytes() -> None:
    artifact = Artifact(digest="a" * 64, commit="c" * 40, truss="t/" * 1500)
    assert set(bodies.deployment_payload(artifact, "n")["labels"]) == {
        "gitops.digest",
        "gitops.commit",
    }


FULL: dict[str, Any] = {
    "autoscaling_settings": {"min_replica": 1.0, "max_replica": 4, "max_scale_down_rate": 20.0},
    "promotion_settings": {
        "rolling_deploy": True,
        "promotion_cleanup_strategy": "KEEP",
        "rolling_deploy_config": {"max_surge_percent": 30.0, "stabilization_time_seconds": 5},
    },
    "request_backpressure_settings": {"policy": None},
}


def test_blocks_are_the_same_for_every_request() -> None:
    body = bodies.blocks(FULL)
    strict(sdk.UpdateEnvironmentRequest, body)
    strict(
        sdk.PromoteToEnvironmentRequest, {"deployment_id": "d", "environment_settings_update": body}
    )
    created = bodies.new_environment("Staging", FULL)
    strict(sdk.CreateEnvironmentRequest, created)
    assert created["name"] == "staging"
    assert repr(body["autoscaling_settings"]) == (
        "{'min_replica': 1, 'max_replica': 4, 'max_scale_down_rate': 20}"
    )


def test_an_explicit_null_clears_the_policy_and_survives() -> None:
    body = bodies.blocks({"request_backpressure_settings": {"policy": None}})
    assert body == {"request_backpressure_settings": {"policy": None}}


@pytest.mark.parametrize(
    ("given_pair", "sent"),
    [
        ({"max_surge_percent": 30}, {"max_surge_percent": 30, "max_unavailable_percent": 0}),
        ({"max_unavailable_percent": 20}, {"max_surge_percent": 0, "max_unavailable_percent": 20}),
        (
            {"max_surge_percent": 0, "max_unavailable_percent": 5},
            {"max_surge_percent": 0, "max_unavailable_percent": 5},
        ),
        ({"stabilization_time_seconds": 9}, {"stabilization_time_seconds": 9}),
    ],
)
def test_surge_and_unavailable_are_sent_as_a_pair(
    given_pair: dict[str, int], sent: dict[str, int]
) -> None:
    body = bodies.promotion_settings({"rolling_deploy_config": given_pair})
    assert body == {"rolling_deploy_config": sent}


@pytest.mark.parametrize(
    ("promotion", "rolling"),
    [
        (None, False),
        ({}, False),
        ({"rolling_deploy": None}, False),
        ({"rolling_deploy": True}, True),
    ],
)
def test_a_new_environment_always_says_whether_it_rolls(
    promotion: dict[str, Any] | None, *, rolling: bool
) -> None:
    settings = {} if promotion is None else {"promotion_settings": promotion}
    body = bodies.new_environment("staging", settings)
    assert body["promotion_settings"] == {"rolling_deploy": rolling}


def test_what_says_nothing_is_not_sent() -> None:
    assert bodies.blocks({"autoscaling_settings": {}, "promotion_settings": {}}) == {}


def test_the_sdk_would_find_a_misspelt_setting() -> None:
    with pytest.raises(ValidationError):
        strict(sdk.UpdateEnvironmentRequest, {"autoscaling_settings": {"min_replicas": 1}})
    with pytest.raises(AssertionError):
        strict(sdk.UpdateEnvironmentRequest, {"promotion_settings": {"rolling": True}})
