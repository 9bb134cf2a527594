"""The committed schemas are what the code says, and say what they are for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gitops.cli.schema import schema_text
from gitops.render import event_schema, plan_schema

SCHEMAS = Path(__file__).parents[2] / "schemas"


@pytest.mark.parametrize("name", ["plan", "event"])
def test_the_committed_copy_is_current(name: str) -> None:
    assert (SCHEMAS / f"{name}.schema.json").read_text() == schema_text(name)


@pytest.mark.parametrize("schema", [plan_schema.schema, event_schema.schema])
def test_it_is_a_schema(schema: Callable[[], dict[str, Any]]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_fields_may_be_added() -> None:
    text = schema_text("plan") + schema_text("event")
    assert "additionalProperties" not in text.replace('"additionalProperties": true', "").replace(
        '"additionalProperties": {', ""
    )
