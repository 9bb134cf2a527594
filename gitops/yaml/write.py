"""Values as YAML text that every reader of the language reads alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gitops.state.json import Json

# Words that some reader takes for something else than text are quoted.
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?:[ ][A-Za-z0-9_./-]+)*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def flow(value: Json) -> str:
    """The value on one line."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return text(value)
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case Mapping():
            return "{" + ", ".join(f"{text(key)}: {flow(it)}" for key, it in value.items()) + "}"
        case Sequence():
            return "[" + ", ".join(map(flow, value)) + "]"


def block(key: str, value: Json, *, indent: str, step: str) -> Iterator[str]:
    """The lines of a key with its value; maps with something in them go below it."""
    if not isinstance(value, Mapping) or not value:
        yield f"{indent}{text(key)}: {flow(value)}"
        return
    yield f"{indent}{text(key)}:"
    for name, below in value.items():
        yield from block(name, below, indent=indent + step, step=step)


def text(value: str, quote: str = "") -> str:
    """Text as a scalar on one line; in these quotes where it can stand in them."""
    if quote == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if not quote and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return "".join(map(_escaped, json.dumps(value, ensure_ascii=False)))


def _escaped(character: str) -> str:
    """Inside double quotes: what cannot be seen is written as its code."""
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\U{code:08x}" if code > 0xFFFF else f"\\u{code:04x}"
