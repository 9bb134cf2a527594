"""``expect.equals``: the output is this JSON value."""

from __future__ import annotations

from collections.abc import Mapping

from gitops.state.desired import Expect
from gitops.state.json import Json
from gitops.verify import excerpt
from gitops.verify.output import Output


def same(left: Json, right: Json) -> bool:
    """Equality as JSON has it: ``1`` is ``1.0``, but ``true`` is not ``1``; keys have no order."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


def problem(expect: Expect, output: Output) -> str | None:
    """What is wrong with the output, or None."""
    if not expect.equals_given:
        return None
    expected = expect.equals
    if not output.is_json:
        return f"not JSON, expected {excerpt.of_json(expected)}"
    if same(expected, output.value):
        return None
    return f"{excerpt.of_json(output.value)} is not {excerpt.of_json(expected)}"
