"""``expect.contains``: the output has this text in it."""

from __future__ import annotations

from gitops.verify import excerpt
from gitops.verify.output import Output


def problem(expected: str, output: Output) -> str | None:
    """What is wrong with the output, or None."""
    if expected in output.text:
        return None
    return f"does not contain {excerpt.of_json(expected)}"
