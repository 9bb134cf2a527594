"""``expect.contains``: the output has this text in it."""

from __future__ import annotations

from gitops.state.desired import Expect
from gitops.verify import excerpt
from gitops.verify.output import Output


def problem(expect: Expect, output: Output) -> str | None:
    """What is wrong with the output, or None."""
    if expect.contains is None or expect.contains in output.text:
        return None
    return f"does not contain {excerpt.of_json(expect.contains)}"
