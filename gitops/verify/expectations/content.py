"""Every expectation of one answer's output, in the order in which they are told.

A new one is a module with a ``problem`` function, its field in ``Expect``, and a line here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from gitops.state.desired import Expect
from gitops.verify.expectations import close_to, contains, equals, matches, schema
from gitops.verify.output import Output

Judge: TypeAlias = Callable[[Expect, Output], str | None]
"""What is wrong with an output; None where nothing is, or where nothing was asked of it."""

JUDGES: Final[tuple[Judge, ...]] = (
    schema.problem,
    equals.problem,
    contains.problem,
    matches.problem,
    close_to.problem,
)
