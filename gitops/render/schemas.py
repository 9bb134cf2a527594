"""JSON Schemas of documents, taken from the dataclasses that the documents are made of."""

from __future__ import annotations

from typing import Any

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def of(*types: type, definitions: str = "#/$defs/{model}") -> tuple[list[Any], dict[str, Any]]:
    """A reference to the schema of each type, and the definitions that they refer to.

    Every field is required, since documents are written whole; further fields are allowed, since a
    later version may add some.
    """
    from pydantic import TypeAdapter

    from gitops.render.field_words import described

    references, found = TypeAdapter.json_schemas(
        [(kind, "serialization", TypeAdapter(kind)) for kind in types], ref_template=definitions
    )
    defined = found.get("$defs", {})
    for shape, each in defined.items():
        _tidy(each)
        for name, field in each.get("properties", {}).items():
            words = described(shape, name)
            field.setdefault("description", words if _may_be_null(field) else _but_null(words))
    return [references[kind, "serialization"] for kind in types], defined


def _may_be_null(schema: dict[str, Any]) -> bool:
    """Also where anything is allowed."""
    kinds = schema.get("anyOf", [schema])
    return any(each.get("type") == "null" for each in kinds) or not schema


def _but_null(words: str) -> str:
    """Without what null means, which here it never is."""
    said, null, _ = words.partition("; null: ")
    return f"{said}." if null else said


def _tidy(schema: dict[str, Any]) -> None:
    schema.pop("title", None)
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].replace("``", "").split())
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    if properties:
        schema["required"] = list(properties)
    for field in properties.values():
        field.pop("title", None)
        field.pop("default", None)
