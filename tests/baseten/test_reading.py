"""What Baseten says as values: whole, sparse, null, new and hostile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from baseten.client import managementapi as sdk
from hypothesis import given
from hypothesis import strategies as st

from gitops.baseten import reading
from gitops.errors import BasetenError
from gitops.state.live import Promotion
from tests.baseten import samples


def test_a_deployment() -> None:
    read = reading.deployment(samples.deployment())
    assert (read.id, read.name, read.model_id, read.status) == ("d1", "git-abc", "m1", "ACTIVE")
    assert read.created_at == datetime(2026, 2, 2, 8, 0, tzinfo=UTC)
    assert read.labels == {"gitops.digest": "00ff", "n": 1, "deep": {"a": [1]}}
    assert (read.environment, read.active_replicas) == ("production", 2)
    assert read.is_production
    assert not read.is_development
    assert read.autoscaling is not None
    assert read.autoscaling["max_replica"] == 4


def test_an_environment() -> None:
    read = reading.environment(samples.environment())
    assert read.name == "production"
    assert read.current is not None
    assert read.current.id == "d1"
    assert read.candidate is not None
    assert read.candidate.id == "d2"
    assert read.promotion == Promotion(status="RAMPING_UP", percent=25, rolling=True)
    assert (read.instance_type_id, read.instance_type_name) == ("1x2", "1 vCPU, 2 GiB")
    assert read.settings.autoscaling == samples.AUTOSCALING
    assert read.settings.promotion == samples.PROMOTION
    assert read.settings.backpressure == {"policy": "REJECT_ON_FULL"}
    assert read.settings.schedules == {
        "peak.hours": {
            "id": "sch1",
            "enabled": True,
            "cadence": "DAILY",
            "weekdays": ["MONDAY"],
            "start_hour": 8,
            "start_minute": 0,
            "end_hour": 18,
            "end_minute": 0,
            "timezone": "Europe/Berlin",
            "autoscaling": {
                name: value
                for name, value in samples.SCHEDULE["autoscaling_settings"].items()
                if value is not None
            },
        }
    }
    assert read.in_force == samples.AUTOSCALING


@pytest.mark.parametrize("absent", ["missing", "null"])
def test_an_environment_of_an_older_api(absent: str) -> None:
    raw = samples.environment()
    for key in list(raw):
        if key != "name":
            if absent == "null":
                raw[key] = None
            else:
                del raw[key]
    read = reading.environment(raw)
    assert (read.current, read.candidate, read.promotion) == (None, None, None)
    assert read.settings.autoscaling == {}
    assert read.settings.backpressure is None
    # Null says that there are none yet; July does not know them.
    assert read.settings.schedules == ({} if absent == "null" else None)
    assert read.in_force is None
    assert read.instance_type_id is None


def test_a_sparse_deployment() -> None:
    read = reading.deployment({"id": "d", "labels": None, "autoscaling_settings": None})
    assert read.status == "UNKNOWN"
    assert read.labels == {}
    assert read.autoscaling is None
    assert read.created_at == reading.LONG_AGO


def test_a_status_nobody_knows_yet_is_kept() -> None:
    assert reading.deployment(samples.deployment(status="DREAMING")).status == "DREAMING"
    promotion = reading.promotion({"status": "TELEPORTING"})
    assert promotion == Promotion(status="TELEPORTING")


def test_whole_floats_are_the_same_setting_as_ints() -> None:
    raw = samples.environment(
        autoscaling_settings={"max_scale_down_rate": 50.0, "x": 0.5, "y": True, "z": None}
    )
    settings = reading.environment(raw).settings.autoscaling
    assert settings == {"max_scale_down_rate": 50, "x": 0.5, "y": True, "z": None}
    assert type(settings["max_scale_down_rate"]) is int
    assert settings["y"] is True


def test_deployments_come_oldest_first() -> None:
    raw = [
        samples.deployment("b", created_at="2026-02-02T10:00:00Z"),
        samples.deployment("c", created_at="2026-02-01T23:00:00-05:00"),
        samples.deployment("a", created_at="2026-02-02T10:00:00Z"),
    ]
    assert [each.id for each in reading.deployments(raw)] == ["c", "a", "b"]


def test_a_price_is_read_with_its_instance_type() -> None:
    priced = reading.instance_type({"instance_type": samples.INSTANCE_TYPE, "price": 0.0058})
    assert (priced.id, priced.usd_per_minute) == ("1x2", 0.0058)
    assert reading.instance_type(samples.INSTANCE_TYPE).usd_per_minute is None


@pytest.mark.parametrize(
    ("changes", "actor", "own", "person"),
    [
        ({}, "API key pRefix01", True, False),
        ({"client_name": None}, "API key pRefix01", True, False),
        ({"client_name": "truss"}, "API key pRefix01", False, False),
        (
            {"actor": {"type": "USER", "email": "a@b.c", "api_key_prefix": "pRefix01"}},
            "a@b.c",
            True,
            False,
        ),
        ({"source": "UI"}, "API key pRefix01", False, True),
        ({"actor": {"type": "API_KEY", "api_key_prefix": "other"}}, "API key other", False, False),
        ({"actor": {"type": "API_KEY", "api_key_name": "ci"}}, "API key ci", False, False),
        ({"actor": {"type": "USER", "email": "a@b.c"}}, "a@b.c", False, True),
        ({"actor": {"type": "USER"}, "source": "UI"}, "a user", False, True),
        ({"actor": {"type": "BASETEN_SYSTEM"}, "source": "SYSTEM"}, "Baseten itself", False, False),
        ({"actor": {"type": "ROBOT"}, "source": None}, "ROBOT", False, False),
        ({"actor": None}, "unknown", False, False),
    ],
)
def test_who_did_it(changes: dict[str, Any], actor: str, *, own: bool, person: bool) -> None:
    entry = reading.audit_entry(samples.audit_entry(**changes), own_prefix="pRefix01")
    assert (entry.actor, entry.own, entry.person) == (actor, own, person)


def test_what_was_done() -> None:
    entry = reading.audit_entry(samples.audit_entry(), own_prefix=None)
    assert not entry.own
    assert entry.event_type == "MODEL_DEPLOYMENT_PROMOTED"
    assert (entry.environment, entry.deployment_id) == ("production", "d1")
    assert entry.at == datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert entry.data["model_name"] == "qwen"


@pytest.mark.parametrize(
    "value", [None, 5, "", "yesterday", "9999-99-99", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_none_sorts_first(value: Any) -> None:
    assert reading.moment(value) == reading.LONG_AGO


@pytest.mark.parametrize("raw", [{}, {"id": None}, {"id": 5}, {"id": ""}])
def test_without_an_id_there_is_nothing_to_say(raw: dict[str, Any]) -> None:
    for read in (reading.deployment, reading.model, reading.team, reading.instance_type):
        with pytest.raises(BasetenError, match="no id"):
            read(raw)


@pytest.mark.parametrize("answer", [{}, {"models": None}, {"models": {}}])
def test_a_list_that_is_none(answer: dict[str, Any]) -> None:
    with pytest.raises(BasetenError, match="no list of models"):
        reading.items(answer, "models")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_the_deployments_that_shadow_rules_send_to() -> None:
    rule = {
        "id": "r1",
        "type": "SHADOW",
        "targets": [{"model_id": "m1", "deployment_id": "d7", "environment": None}],
        "percent_traffic": 10,
        "expires_at": "2026-11-23T10:00:00Z",
        "sampling_mode": "RANDOM",
        "propagate_client_cancellation": False,
    }
    elsewhere = {"model_id": "m1", "deployment_id": None, "environment": "staging"}
    rules = [rule, rule, rule | {"targets": []}, rule | {"targets": [elsewhere]}]
    routing = {"rules": rules}
    sdk.EnvironmentTrafficRouting.model_validate(routing)
    assert reading.environment(samples.environment(traffic_routing=routing)).shadows == ("d7",)
    for broken in (None, [], {"rules": None}, {"rules": [None, {"targets": [None, {}]}]}):
        assert reading.environment(samples.environment(traffic_routing=broken)).shadows == ()


@given(data=st.data())
def test_no_field_of_any_kind_breaks_the_reading(data: st.DataObject) -> None:
    raw = samples.environment()
    for key in data.draw(st.sets(st.sampled_from(sorted(raw)))):
        if key != "name":
            raw[key] = data.draw(json)
    nested = samples.deployment()
    for key in data.draw(st.sets(st.sampled_from(sorted(nested)))):
        if key != "id":
            nested[key] = data.draw(json)
    if isinstance(raw["current_deployment"], dict) and "id" not in raw["current_deployment"]:
        raw["current_deployment"] = nested
    if isinstance(raw["candidate_deployment"], dict) and "id" not in raw["candidate_deployment"]:
        raw["candidate_deployment"] = nested
    assert reading.environment(raw).name == "production"
    entry = samples.audit_entry()
    for key in data.draw(st.sets(st.sampled_from(sorted(entry)))):
        if key != "id":
            entry[key] = data.draw(json)
    assert reading.audit_entry(entry, own_prefix="p").id == "a1"
