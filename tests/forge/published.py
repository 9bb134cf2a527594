"""GitHub's published OpenAPI document, which says whether a request is one that GitHub knows.

GITOPS_TEST_GITHUB_OPENAPI names the file. It is not part of the project: the npm package
`@octokit/openapi` carries it as generated/api.github.com.json.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

# Read once, before the environment is cleaned.
FILE = os.environ.get("GITOPS_TEST_GITHUB_OPENAPI", "")


@cache
def document() -> Mapping[str, Any] | None:
    """The document; None where it is not at hand."""
    found: Mapping[str, Any] | None = json.loads(Path(FILE).read_text()) if FILE else None
    return found


def check(method: str, path: str, query: Mapping[str, str], body: Any) -> str | None:
    """What the document has against a request; None where it has nothing, or is not at hand."""
    published = document()
    if published is None:
        return None
    operation = _operation(method, path)
    if operation is None:
        return f"there is no {method} {path}"
    known = {each["name"]: each for each in _parameters(published, operation)}
    for name, value in query.items():
        if name not in known:
            return f"{method} {path} takes no {name}"
        schema = known[name]["schema"]
        typed = int(value) if schema.get("type") == "integer" else value
        if problem := _problem(schema, typed):
            return f"{method} {path}: {name}: {problem}"
    asked = operation.get("requestBody")
    if asked is None:
        return f"{method} {path} takes no body" if body is not None else None
    if body is None:
        return f"{method} {path} needs a body" if asked.get("required") else None
    schema = asked["content"]["application/json"]["schema"]
    unknown = set(body) - set(schema.get("properties", body))
    if unknown:
        return f"{method} {path} knows nothing of {', '.join(sorted(unknown))}"
    problem = _problem(schema, body)
    return f"{method} {path}: {problem}" if problem else None


@cache
def _templates() -> list[tuple[re.Pattern[str], Mapping[str, Any]]]:
    published = document() or {"paths": {}}
    return [
        (re.compile(re.sub(r"\\\{[^/]+?\\\}", "[^/]+", re.escape(template))), item)
        for template, item in published["paths"].items()
    ]


def _operation(method: str, path: str) -> Mapping[str, Any] | None:
    for pattern, item in _templates():
        if pattern.fullmatch(path) and method.lower() in item:
            operation: Mapping[str, Any] = item[method.lower()]
            return operation
    return None


def _parameters(
    published: Mapping[str, Any], operation: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    found = []
    for each in operation.get("parameters", []):
        named = each.get("$ref", "").rpartition("/")[2]
        parameter = published["components"]["parameters"][named] if named else each
        if parameter["in"] == "query":
            found.append(parameter)
    return found


def _problem(schema: Any, value: Any) -> str | None:
    errors = jsonschema.Draft202012Validator(_nullable(schema)).iter_errors(value)
    return next((error.message for error in errors), None)


def _nullable(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema has it."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _nullable(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
