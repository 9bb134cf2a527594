"""Values and names as messages show them: short, on one line, nothing that a terminal obeys."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any, Final

SHOWN: Final = 60
_STEPS: Final = 16


def shown(value: Any) -> str:
    """A value for a message: quoted if it is text, shortened, control characters escaped."""
    if isinstance(value, str):
        short = value if len(value) <= SHOWN else f"{value[: SHOWN - 1]}…"
        return '"' + "".join(map(_escaped, short)) + '"'
    if isinstance(value, dict):
        return "an empty map" if not value else f"a map with {_some(value)}"
    if isinstance(value, list):
        return "an empty list" if not value else f"a list of {len(value)}"
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = type(value).__name__
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def name(text: str) -> str:
    """A key or file name for a message: as it is where harmless, else escaped and quoted."""
    if text and len(text) <= SHOWN and text.isprintable() and not text[0].isspace():
        return text
    return shown(text)


def names(all_of_them: Iterable[str], limit: int = 8) -> str:
    """A readable list of names."""
    every = [name(each) for each in all_of_them]
    more = f" and {len(every) - limit} more" if len(every) > limit else ""
    return ", ".join(every[:limit]) + more


def dotted(steps: Iterable[str | int]) -> str:
    """A path of keys and indices as people write it: ``environments.production.checks[0]``."""
    text = ""
    every = list(steps)
    if len(every) > _STEPS:
        every = [*every[: _STEPS - 4], "…", *every[-3:]]
    for step in every:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{name(step)}" if text else name(step)
    return text


def nearest(wrong: str, candidates: Iterable[str]) -> str | None:
    """The candidate that was probably meant; None where none is near."""
    every = list(candidates)
    if len(wrong) > 200:
        return None
    plain = {_folded(each): each for each in every}
    if _folded(wrong) in plain:
        return plain[_folded(wrong)]
    swapped = [each for each in every if sorted(each.lower()) == sorted(wrong.lower())]
    if swapped:
        return swapped[0]
    close = difflib.get_close_matches(wrong.lower(), [each.lower() for each in every], 1, 0.6)
    return next((each for each in every if close and each.lower() == close[0]), None)


def meant(wrong: str, candidates: Iterable[str]) -> str | None:
    """``did you mean X?``, else what there is to choose from; None where there is nothing."""
    every = list(candidates)
    near = nearest(wrong, every)
    if near is not None:
        return f"did you mean {name(near)}?"
    return f"one of {names(every, 12)}" if every else None


def _folded(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "").replace(" ", "").rstrip("s")


def _some(value: dict[Any, Any]) -> str:
    keys = [str(key) for key in value]
    return names(keys, 3)


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return "\\" + char
    if char.isprintable():
        return char
    return repr(char)[1:-1]
