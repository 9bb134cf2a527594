"""The JSON Schemas: current, sound, and of one mind with the language itself."""

from __future__ import annotations

import json
from pathlib import Path
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


def test_an_editor_sees_nothing_wrong() -> None:
    assert not list(Draft7Validator(schema.release()).iter_errors(GOOD))
