"""The JSON Schemas: current, sound, and of one mind with the language itself."""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from textwrap import indent
from typing import Any

import pytest
from jsonschema import Draft7Validator

from gitops.cli.schema import schema_text
from gitops.release import schema
from gitops.yaml.document import read

ROOT = Path(__file__).parents[2]
RELEASES = sorted((ROOT / "releases").rglob("*.yaml"))


@pytest.mark.parametrize("kind", ["release", "config"])
def test_every_key_is_explained_and_no_other_allowed(kind: str) -> None:
    found = json.loads(schema_text(kind))
    for place, each in [(kind, found), *found["$defs"].items()]:
        if "properties" in each:
            assert each.get("additionalProperties") is False, place
            for key, one in each["properties"].items():
                target = found["$defs"].get(one.get("$ref", "").rpartition("/")[2], {})
                assert one.get("description") or target.get("description"), f"{place}.{key}"


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.name)
def test_the_examples_fit(path: Path) -> None:
    value = read(path.name, path.read_bytes()).value
    assert not list(Draft7Validator(schema.release()).iter_errors(value))


def test_the_examples_settings_fit() -> None:
    path = ROOT / "gitops.yaml"
    value = read(path.name, path.read_bytes()).value
    assert not list(Draft7Validator(schema.config()).iter_errors(value))


GOOD: dict[str, Any] = {
    "version": 1,
    "model": "m",
    "truss": "t",
    "environments": {"staging": {"commit": "HEAD"}},
}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"model": 3}, {"environments": {}}, {"team": None}, {"enviroments": {}},
        {"environments": {"Staging": {}}}, {"environments": {"a": {"commit": "main"}}},
        {"environments": {"a": {"autoscaling": {"min_replicas": 1}}}},
        {"environments": {"a": {"autoscaling": {"autoscaling_window": 5}}}},
        {"environments": {"a": {"watch": {"for": "5 minutes"}}}},
        {"environments": {"a": {"promotion": {"ramp_up_while_promoting": True}}}},
        {"environments": {"a": {"backpressure": {"policy": "x"}}}}, {"truss": "/t"},
        {"checks": {"a": {"path": "predict"}}}, {"mode": "x"},
    ],
)  # fmt: skip
def test_an_editor_sees_what_is_wrong(change: dict[str, Any]) -> None:
    assert list(Draft7Validator(schema.release()).iter_errors({**GOOD, **change}))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"version": "1"}, {"relaeses": "models"}, {"branch": 3}, {"remote": ""},
        {"pins": "both"}, {"limits": {"max_rollbacks": -1}}, {"deploy_log": {"tags": "yes"}},
        {"defaults": {"environments": {"a": {"watch": {"for": 5}}}}}, {"defaults": {"models": {}}},
    ],
)  # fmt: skip
def test_an_editor_sees_what_is_wrong_in_settings(change: dict[str, Any]) -> None:
    assert list(Draft7Validator(schema.config()).iter_errors({"version": 1, **change}))


SCALE = """{min_replica: 1, max_replica: 4, autoscaling_window: 60, scale_down_delay: 900,
      concurrency_target: 2, target_utilization_percentage: 70, target_in_flight_tokens: 40000,
      max_scale_down_rate: 50}"""
ENVIRONMENT = f"""
    mode: reconcile
    protected: true
    allow: [fewer_replicas]
    instance_type: "L4:4x16"
    requires: {{environment: lab, for: 30m}}
    autoscaling: {SCALE}
    promotion:
      rolling_deploy: true
      promotion_cleanup_strategy: SCALE_TO_ZERO
      redeploy_on_promotion: false
      ramp_up_while_promoting: false
      ramp_up_duration_seconds: 600
      rolling_deploy_config: {{rolling_deploy_strategy: REPLICA, max_surge_percent: 20,
        max_unavailable_percent: 0, stabilization_time_seconds: 60, replica_overhead_percent: 0}}
    backpressure: {{policy: QUEUE_ON_FULL}}
    schedules:
      nights:
        cadence: DAILY
        enabled: true
        timezone: Europe/Berlin
        weekdays: [MONDAY]
        start_hour: 22
        start_minute: 0
        end_hour: 6
        end_minute: 30
        autoscaling: {{min_replica: 0, max_replica: 1}}
      sale:
        cadence: ONE_TIME
        timezone: UTC
        start_at: "2030-01-01T00:00:00"
        end_at: "2030-01-02T00:00:00"
        autoscaling: {{min_replica: 4, max_replica: 8}}
    watch: {{for: 10m, error_rate: 0.02, latency: {{p95: 2s}}, min_requests: 50,
      unhealthy_for: 1m, keep_previous: true, on_failure: rollback, on_inconclusive: pass}}"""
CHECKS = """
  one:
    path: /v1/chat/completions
    headers: {X-Team: ml}
    request: {text: hello}
    runs: 5
    warmup: 1
    concurrency: 2
    timeout: 10s
    stream: true
    max_requests: 40
    expect:
      status: [200, 202]
      at: "$.answer"
      contains: hello
      latency: {p50: 1s, p90: 1s, p95: 2s, p99: 3s, max: 5s, first_token: 300ms}
      error_rate: 0.1
      than_current: {latency: {p95: 1.2, first_token: 1.5}, error_rate: 0.01}
  two: {requests: checks/many.jsonl, expect: {close_to: {value: 0.5, tolerance: 0.1}}}
  three: {request: {}, expect: {schema: {type: object}}}
  four: {request: {}, expect: {matches: "^a"}}
  five: {request: {}, expect: {equals: {a: [1]}}}"""
WHOLE = {
    "release": f"""\
version: 1
team: ml
model: m
truss: trusses/m
mode: reconcile
rebuild: "2"
environments:
  lab: {{deployment: abc1234}}
  production:
    commit: HEAD
    checks: [one, {{one: {{expect: {{latency: {{p95: 3s}}}}}}}}]{ENVIRONMENT}
checks:{CHECKS}
retention: {{keep: 3, older_than: 30d, action: deactivate}}
timeouts: {{build: 1h, start: 30m, promotion: 2h}}
""",
    "config": f"""\
version: 1
branch: main
remote: origin
releases: models
team: ml
pins: ancestors
deploy_log: {{tags: true}}
limits: {{max_changed: 0.5, max_rollbacks: 2, max_increase_usd_per_month: 1000}}
defaults:
  environments:
    production:
      commit: HEAD
      deployment: abc1234
      checks: [one, {{one: {{expect: {{latency: {{p95: 3s}}}}}}}}]{indent(ENVIRONMENT, "  ")}
  checks:{indent(CHECKS, "  ")}
""",
}
"""Every key of each file, once at least."""


@pytest.mark.parametrize("kind", list(WHOLE))
def test_a_file_with_every_key_fits(kind: str) -> None:
    value = read(f"{kind}.yaml", WHOLE[kind].encode()).value
    described = json.loads(schema_text(kind))
    assert [each.message for each in Draft7Validator(described).iter_errors(value)] == []
    assert keys_of_schema(described) <= keys(value)


def keys(value: Any) -> set[str]:
    match value:
        case dict():
            return set(map(str, value)).union(*map(keys, value.values()))
        case list():
            return set[str]().union(*map(keys, value))
        case _:
            return set()


def keys_of_schema(node: Any) -> set[str]:
    found = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
    inner = [*node.get("properties", {}).values(), *node.get("$defs", {}).values()]
    return found.union(*map(keys_of_schema, filter(lambda each: isinstance(each, dict), inner)))


@pytest.mark.parametrize("kind", ["release", "config"])
def test_strict_readers_take_the_schema_wherever_it_lies(kind: str) -> None:
    """As a catalog of schemas wants it: draft-07, of one type each, no host but the dialect's."""
    found = json.loads(schema_text(kind))
    Draft7Validator.check_schema(found)
    assert found["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert found["$id"] == f"{kind}.schema.json"
    assert schema_text(kind).count("://") == 1
    assert not re.search(r'"type": \[', schema_text(kind))


def test_the_catalog_of_the_docs_finds_the_files() -> None:
    page = (ROOT / "docs" / "editors.md").read_text(encoding="utf-8")
    [entries] = [
        json.loads(block)["schemas"]
        for block in re.findall(r"^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        if '"fileMatch"' in block
    ]
    found = {
        path.name: entry["url"]
        for path in [*RELEASES, ROOT / "gitops.yaml", ROOT / ".github" / "dependabot.yml"]
        for entry in entries
        for pattern in entry["fileMatch"]
        if PurePosixPath("/", path.relative_to(ROOT)).match(pattern.replace("**/", ""))
    }
    assert set(found.values()) == {"release.schema.json", "config.schema.json"}
    assert {name for name, url in found.items() if url == "config.schema.json"} == {"gitops.yaml"}
    assert set(found) == {*(path.name for path in RELEASES), "gitops.yaml"}
    for entry in entries:
        assert (ROOT / "schemas" / entry["url"]).is_file()
        assert set(entry) == {"name", "description", "fileMatch", "url"}


def test_an_editor_sees_nothing_wrong() -> None:
    assert not list(Draft7Validator(schema.release()).iter_errors(GOOD))
