"""Requests drawn from an OpenAPI document by schemathesis, and their answers judged by it.

Every operation is asked in a workspace where it can succeed: ids in paths and bodies are those of
things that exist, most of the time. Some requests are made to break the document. No answer may be
a server error or outside the document.
"""

from __future__ import annotations

import copy
import random
import re
from collections import Counter
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.emulator.plausible import steered
from tests.emulator.workspace import Workspace

SEED = 20261122
MOST_CHANGES = {"delete": 2}
"""After so many requests that changed something a workspace is renewed; by method, 4 for the
others."""
OLDEST = 20
"""After so many requests of any kind it is renewed too, because time passes with each of them."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ERROR = {
    "type": "object",
    "anyOf": [
        {"required": ["error"], "properties": {"error": {"type": "string"}}},
        {
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
    ],
}
"""What a refusal looks like; Baseten's document declares none."""


def with_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """The document with a default response for every operation."""
    overlaid = copy.deepcopy(document)
    refusal = {"description": "Refused", "content": {"application/json": {"schema": ERROR}}}
    for item in overlaid["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                operation["responses"]["default"] = refusal
    return overlaid


def load(document: dict[str, Any]) -> Any:
    """The document as schemathesis has it."""
    load_all_checks()
    return schemathesis.openapi.from_dict(with_refusals(document))


def ask(operation: Any, workspace: Workspace, wanted: int) -> Counter[str]:
    """Send `wanted` requests of one operation, a third of them broken; counts them by outcome."""
    counts: Counter[str] = Counter()
    if workspace.emulator is None or workspace.changes:
        workspace.renew()
    if operation.body or operation.query:
        broken = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        try:
            _run(operation, workspace, broken, wanted // 3, counts, plausible=False)
        except Unsatisfiable:
            counts["unbreakable"] += 1  # there is nothing to break in it
    valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    rest = wanted - counts["sent"]
    _run(operation, workspace, valid, rest, counts, plausible=True)
    return counts


def _run(
    operation: Any,
    workspace: Workspace,
    strategy: Any,
    examples: int,
    counts: Counter[str],
    *,
    plausible: bool,
) -> None:
    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=strategy, number=st.integers(0, 2**32))
    def one(case: Any, number: int) -> None:
        most = MOST_CHANGES.get(operation.method, 4)
        if workspace.changes >= most or workspace.sent >= OLDEST:
            workspace.renew()
        chance = random.Random(number)  # noqa: S311 - examples, not secrets
        target = chance.choice(workspace.targets)
        query, body = case.query, case.body
        if plausible:
            query = {
                key: value
                for key, value in steered(query or {}, workspace, target, chance).items()
                if value is not None
            }
            body = steered(body, workspace, target, chance)
        path = _path(operation.path, target, chance)
        named = {"json": body} if isinstance(body, dict | list | str | int | float) else {}
        request = workspace.request(operation.method.upper(), path, params=query or {}, **named)
        response = workspace.send(request)
        counts["sent"] += 1
        counts["succeeded" if response.is_success else "refused"] += 1
        counts[f"{'valid' if plausible else 'broken'} {response.status_code}"] += 1
        case.validate_response(response, checks=CHECKS)

    one()


def _path(template: str, target: dict[str, str], chance: random.Random) -> str:
    """A path to something that exists, or now and then to nothing."""

    def value(match: re.Match[str]) -> str:
        return "unknown" if chance.random() < 0.05 else target.get(match[1], "unknown")

    return re.sub(r"{(\w+)}", value, template)
