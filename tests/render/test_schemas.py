"""The committed schemas are what the code says, and say what they are for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema.validators import validator_for

from gitops.cli.schema import DOCUMENTS, schema_text

ROOT = Path(__file__).parents[2]
EDITED = {"release", "config"}
"""What people write: no other key is allowed there. Documents may get further fields."""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_committed_copy_is_current(name: str) -> None:
    assert (ROOT / "schemas" / f"{name}.schema.json").read_text() == schema_text(name)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_it_is_a_schema_that_says_what_it_is_for(name: str) -> None:
    schema = json.loads(schema_text(name))
    validator_for(schema).check_schema(schema)
    assert schema["$id"] == f"{name}.schema.json"
    assert schema["title"]
    assert schema["description"]
    draft = "draft-07" if name in EDITED else "2020-12"
    assert draft in schema["$schema"]


@pytest.mark.parametrize("name", sorted(EDITED))
def test_editors_know_every_word_of_it(name: str) -> None:
    text = schema_text(name)
    for word in ("prefixItems", "dependentRequired", "dependentSchemas", "unevaluated", "$anchor"):
        assert word not in text
    for node in _nodes(json.loads(text)):
        assert "$ref" not in node or set(node) == {"$ref"}


def _nodes(value: object) -> list[dict[str, object]]:
    if isinstance(value, list):
        return [found for each in value for found in _nodes(each)]
    if isinstance(value, dict):
        return [value, *(found for each in value.values() for found in _nodes(each))]
    return []


def test_make_writes_all_of_them() -> None:
    [listed] = re.findall(r"^SCHEMAS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(listed.split()) == set(DOCUMENTS)
    copies = {path.name.removesuffix(".schema.json") for path in (ROOT / "schemas").iterdir()}
    assert copies == set(DOCUMENTS)


@pytest.mark.parametrize("name", sorted(set(DOCUMENTS) - EDITED))
def test_fields_may_be_added(name: str) -> None:
    assert all(each.get("additionalProperties") is not False for each in _nodes(_schema(name)))


def _schema(name: str) -> object:
    return json.loads(schema_text(name))
