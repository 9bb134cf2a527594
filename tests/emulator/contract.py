"""Baseten's own OpenAPI document of July 2026, as a judge of what the emulator answers.

The document is Baseten's and not part of this project: the variable ``GITOPS_TEST_OPENAPI`` names a
copy of it. Without one the same requests are made, and the SDK's models alone judge the answers.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VARIABLE = "GITOPS_TEST_OPENAPI"
METHODS = ("get", "post", "patch", "put", "delete")


@cache
def document() -> Any:
    named = os.environ.get(VARIABLE)
    return json.loads(Path(named).read_text()) if named else {"paths": {}}


@cache
def operations() -> dict[tuple[str, str], Any]:
    """Operations by method and path."""
    return {
        (method.upper(), path): item[method]
        for path, item in document()["paths"].items()
        for method in METHODS
        if method in item
    }


@cache
def _patterns() -> list[tuple[re.Pattern[str], tuple[str, str]]]:
    """The most literal paths first: `production` is not a deployment's id."""
    ordered = sorted(operations(), key=lambda key: key[1].count("{"))
    return [
        (re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), (method, path))
        for method, path in ordered
    ]


@cache
def _validator(method: str, path: str, *, request: bool) -> Draft202012Validator | None:
    operation = operations()[method, path]
    place = operation.get("requestBody") if request else operation["responses"]["200"]
    if place is None:
        return None
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    schema = _anchored(place["content"]["application/json"]["schema"])
    return Draft202012Validator(schema, registry=Registry().with_resource("urn:api", resource))


def _anchored(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: f"urn:api{value}" if key == "$ref" else _anchored(value)
            for key, value in schema.items()
        }
    return [_anchored(each) for each in schema] if isinstance(schema, list) else schema


def find(method: str, path: str) -> tuple[str, str] | None:
    """The operation that a request means, or None where July did not have it."""
    return next(
        (key for pattern, key in _patterns() if key[0] == method and pattern.match(path)), None
    )


def check_answer(method: str, path: str, answer: Any) -> tuple[str, str] | None:
    """Validate an answer; gives the operation, or None for one that July did not have."""
    key = find(method, path)
    if key is not None:
        validator = _validator(*key, request=False)
        assert validator is not None
        validator.validate(answer)
    return key
