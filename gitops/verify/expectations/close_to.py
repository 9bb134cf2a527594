"""``expect.close_to``: the output is a number near this one."""

from __future__ import annotations

from math import isfinite

from gitops.state.desired import Expect
from gitops.state.json import Json
from gitops.verify import excerpt
from gitops.verify.output import Output


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def problem(expect: Expect, output: Output) -> str | None:
    """What is wrong with the output, or None."""
    expected = expect.close_to
    if expected is None:
        return None
    target, tolerance = _number(expected.get("value")), _number(expected.get("tolerance"))
    if target is None or tolerance is None:
        return "close_to needs a number in value and one in tolerance"
    actual = _number(output.value) if output.is_json else None
    if actual is None or not isfinite(actual):
        return f"{excerpt.of_text(output.text)} is not a number"
    if abs(actual - target) <= tolerance:
        return None
    return f"{actual:g} is not within {tolerance:g} of {target:g}"
