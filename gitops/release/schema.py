"""JSON Schemas (draft-07) of a release file and of gitops.yaml for editors, read off the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gitops.release.language import Config, Release

if TYPE_CHECKING:
    from pydantic import BaseModel

DIALECT: Final = "http://json-schema.org/draft-07/schema#"
"""The newest that the usual language servers for YAML know in full."""


def release() -> dict[str, Any]:
    """The schema of a release file."""
    return _schema(Release, "A release file of gitops")


def config() -> dict[str, Any]:
    """The schema of gitops.yaml."""
    return _schema(Config, "gitops.yaml")


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, mode="validation")
    _tidy(schema)
    return {"$schema": DIALECT, **schema, "title": title}


def _tidy(node: Any) -> None:
    """Take out what misleads an editor: nulls that nobody may write, titles that repeat keys."""
    if isinstance(node, list):
        for each in node:
            _tidy(each)
    if isinstance(node, dict):
        _tidy_map(node)


def _tidy_map(node: dict[str, Any]) -> None:
    for key in ("properties", "$defs"):
        for name, each in node.get(key, {}).items():
            if isinstance(each, dict):
                each.pop("title", None)
                if key == "properties" and name != "policy":
                    _without_null(each)
    node.pop("discriminator", None)
    _of_one_type(node)
    if "patternProperties" in node:
        node["additionalProperties"] = False
    if "$ref" in node and len(node) > 1:
        # Draft-07 looks at nothing beside a reference, and a description would not be shown.
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    for key, each in node.items():
        if key not in {"examples", "default", "const", "enum"}:
            _tidy(each)


def _of_one_type(node: dict[str, Any]) -> None:
    """A list of types goes: the alternatives say so already, and strict readers refuse it."""
    if isinstance(node.get("type"), list):
        for key in ("type", "minLength", "maxLength"):
            node.pop(key, None)


def _without_null(node: dict[str, Any]) -> None:
    options = node.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [each for each in options if each != {"type": "null"}]
        if len(left) == 1:
            del node["anyOf"]
            for key, value in left[0].items():
                node.setdefault(key, value)
        else:
            node["anyOf"] = left
    if node.get("default", 0) is None:
        del node["default"]
