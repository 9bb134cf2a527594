"""What is left of a file when its wrong parts are taken out, so that the rest is judged too.

A file with a wrong type in one place may have an undefined check in another: one run tells of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from gitops.release.finding import STAND_IN, Finding, Path
from gitops.release.findings import findings

_NEEDED: Final[Mapping[str, Any]] = {"version": 1, "model": STAND_IN}
_ROUNDS: Final = 4

Model = TypeVar("Model", bound=BaseModel)


def validated(
    model: type[Model], value: Mapping[str, Any]
) -> tuple[Model | None, Any, list[Finding]]:
    """The model of ``value``, what it was made of, and every finding.

    Where there are findings, the model is that of what is left; None where nothing is.
    """
    found: list[Finding] = []
    left: Any = value
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(left), left, found
        except ValidationError as error:
            now = findings(model, error)
        if not found:
            found = now
        for each in reversed(now):
            left = without(left, each.path)
    return None, left, found


def only_new(found: Iterable[Finding], before: Sequence[Finding]) -> list[Finding]:
    """The findings that are not a consequence of those before: not above, at or below one."""
    return [
        each for each in found if not any(_related(each.path, earlier.path) for earlier in before)
    ]


def _related(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def without(value: Any, path: Path) -> Any:
    """A copy without what stands at ``path``; where a key is missing, without what needs it."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping) and isinstance(step, str):
        if step not in value:
            return {**value, step: _NEEDED[step]} if step in _NEEDED else None
        if rest:
            below = without(value[step], rest)
            if below is not None:
                return {**value, step: below}
        if step in _NEEDED:
            return {**value, step: _NEEDED[step]}
        return {key: each for key, each in value.items() if key != step}
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        below = without(value[step], rest) if rest else None
        if below is None and value[step] != STAND_IN:
            # Replaced and not taken out, so that the indices of what follows stay right.
            below = STAND_IN
        return [*value[:step], *([] if below is None else [below]), *value[step + 1 :]]
    return None
