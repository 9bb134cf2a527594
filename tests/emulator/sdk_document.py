"""The official SDK read as an OpenAPI document: its operations, and its models as the schemas.

Nothing of it is committed: the document is put together from the installed package.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

from baseten.client import managementapi as api
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

_REFERENCE = "#/components/schemas/{model}"
_REGEX_CLASSES = re.compile(r"\\p\{[^}]+\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of the SDK's client: what it sends where, and what it makes of the answer."""

    name: str
    method: str
    path: str
    request: type[BaseModel] | None
    params: type[BaseModel] | None
    response: type[BaseModel] | None
    status: int


class _Asked(Exception):
    """Carries what the client would have sent."""


class _Recorder(api.ApiClient):
    def __init__(self) -> None:
        """Nothing is opened: no request leaves."""

    def _do_json(self, response_type: Any, request: Any) -> Any:
        raise _Asked(response_type, request)

    def _do_no_response(self, request: Any) -> Any:
        raise _Asked(None, request)


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """All operations of the SDK's management client, by method and path."""
    recorder = _Recorder()
    found: dict[tuple[str, str], Operation] = {}
    for name, method in inspect.getmembers(recorder, inspect.ismethod):
        if name.startswith("_"):
            continue
        hints = get_type_hints(method)
        arguments = {each: f"{{{each}}}" for each in inspect.signature(method).parameters}
        given = {key: text if hints[key] is str else None for key, text in arguments.items()}
        try:
            method(**given)
        except _Asked as asked:
            response, request = asked.args
        found[request.method, request.path_fmt.format(*request.path_args)] = Operation(
            name=name,
            method=request.method,
            path=request.path_fmt.format(*request.path_args),
            request=_model(hints.get("request")),
            params=_model(hints.get("params")),
            response=response,
            status=request.success_codes[0],
        )
    return found


def _model(hint: Any) -> type[BaseModel] | None:
    candidates = [hint, *getattr(hint, "__args__", ())]
    models = [each for each in candidates if inspect.isclass(each) and issubclass(each, BaseModel)]
    return models[0] if models else None


def document(chosen: list[Operation]) -> dict[str, Any]:
    """An OpenAPI document of these operations."""
    models = {
        model
        for each in chosen
        for model in (each.request, each.params, each.response)
        if model is not None
    }
    ordered = sorted(models, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_REFERENCE
    )
    schemas = definitions["$defs"]
    paths: dict[str, Any] = {}
    for each in chosen:
        paths.setdefault(each.path, {})[each.method.lower()] = _entry(each, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "as the SDK has it", "version": "0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _entry(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]
    if operation.params is not None:
        shape = schemas[operation.params.__name__]
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in shape.get("required", ()),
                "schema": schema,
            }
            for name, schema in shape["properties"].items()
        ]
    entry: dict[str, Any] = {"operationId": operation.name, "parameters": parameters}
    if operation.request is not None:
        entry["requestBody"] = {"required": True, "content": _json(operation.request)}
    entry["responses"] = {
        str(operation.status): {
            "description": "Success",
            **({"content": _json(operation.response)} if operation.response else {}),
        }
    }
    return entry


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}
