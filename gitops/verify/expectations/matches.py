"""``expect.matches``: a regular expression is found in the output."""

from __future__ import annotations

import re
from typing import Final

from gitops.state.desired import Expect
from gitops.verify import excerpt
from gitops.verify.output import Output

SEARCHED: Final = 65_536
"""Characters of the output that are searched: a pattern that backtracks must not stop a release."""


def problem(expect: Expect, output: Output) -> str | None:
    """What is wrong with the output, or None. Anchors are the pattern's own: this searches."""
    pattern = expect.matches
    if pattern is None:
        return None
    try:
        found = re.search(pattern, output.text[:SEARCHED])
    except re.error as error:
        return f"{excerpt.of_json(pattern)} is not a regular expression: {error}"
    return None if found else f"does not match {excerpt.of_json(pattern)}"
