"""Golden files: what a person will read, kept beside the test and reviewed like code.

    def test_the_plan_reads_well(golden: Golden) -> None:
        golden("plan.md", render_markdown(plan))

compares with `golden/plan.md` in the folder of the test, byte for byte. `pytest --update-golden`
writes the files instead; `git diff` then shows what changed for the reader.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Golden:
    """Compares texts with the files in `folder`, or with `update` writes them there."""

    folder: Path
    update: bool

    def __call__(self, name: str, actual: str) -> None:
        """Fail the test unless `actual` is exactly what the golden file `name` holds."""
        __tracebackhide__ = True
        path = self.folder / name
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(actual.encode())
            return
        if not path.exists():
            pytest.fail(f"there is no golden file {path}: write it with `pytest --update-golden`")
        expected = path.read_bytes().decode()
        if actual != expected:
            pytest.fail(
                f"{path} reads otherwise; where the new text is right, accept it with "
                f"`pytest --update-golden`\n{_difference(expected, actual)}"
            )


def _difference(expected: str, actual: str) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(keepends=True), actual.splitlines(keepends=True), "golden", "now"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n\\ no line break\n" for line in lines)
