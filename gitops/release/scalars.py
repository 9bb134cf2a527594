"""The small types of the language: durations, names, paths, shares, each with its own message."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Final, NoReturn, TypeAlias, TypeVar

from pydantic import Field, GetCoreSchemaHandler, PlainValidator, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError

from gitops.release.words import shown

T = TypeVar("T")


class _Written:
    """A field that may be left out, but not be written as null."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


Maybe: TypeAlias = Annotated[T | None, _Written()]
"""The value, or None where the key is absent; a null in the file is refused."""

DURATION: Final = r"^(0|[0-9]+(\.[0-9]+)?(ms|s|m|h|d))$"
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LONGEST: Final = 3660 * 86400.0
"""Ten years, in seconds."""

ENVIRONMENT: Final = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"


def refuse(message: str, hint: str | None = None) -> NoReturn:
    """Raise a problem with these words. A hint says what to do."""
    raise PydanticCustomError("gitops", "{message}", {"message": message, "hint": hint})


@lru_cache(maxsize=1024)
def seconds(text: str) -> float | None:
    """A duration in seconds; None where the text is none."""
    if text == "0":
        return 0.0
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    # Whole milliseconds: 0.1s and 100ms are the same number.
    return round(float(found[1]) * _SECONDS[found[2]], 3)


def _duration(value: Any) -> float:
    if isinstance(value, str):
        found = seconds(value)
        if found is not None:
            if found > LONGEST:
                refuse(f"{shown(value)} is longer than ten years")
            return found
    elif value == 0 and not isinstance(value, bool) and value is not None:
        return 0.0
    hint = f"write {value}s for seconds" if type(value) in {int, float} else None
    refuse(f"must be a duration such as 500ms, 30s, 10m, 2h or 30d, not {shown(value)}", hint)


def _positive_duration(value: Any) -> float:
    found = _duration(value)
    if found <= 0:
        refuse(f"must be longer than nothing, not {shown(value)}")
    return found


_DURATION_SCHEMA: Final = WithJsonSchema(
    {"type": "string", "pattern": DURATION, "examples": ["500ms", "30s", "10m", "2h", "30d"]}
)
Duration: TypeAlias = Annotated[float, PlainValidator(_duration), _DURATION_SCHEMA]
PositiveDuration: TypeAlias = Annotated[float, PlainValidator(_positive_duration), _DURATION_SCHEMA]


def _text(value: Any, most: int) -> str:
    if not isinstance(value, str):
        hint = f'write "{value}"' if type(value) in {int, float} else None
        refuse(f"must be text, not {shown(value)}", hint)
    if not value or value.isspace():
        refuse("must not be empty")
    if len(value) > most:
        refuse(f"must have at most {most} characters, not {len(value)}")
    if not value.isprintable():
        refuse(f"must not hold control characters: {shown(value)}")
    if value != value.strip():
        refuse(f"must not begin or end with a space: {shown(value)}")
    return value


def _name(value: Any) -> str:
    return _text(value, 255)


Name: TypeAlias = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 255}),
]


_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")


@lru_cache(maxsize=4096)
def path_problem(path: str) -> str | None:
    """Why a text is no path of a file or directory in this repository; None where it is one."""
    if path.startswith(("/", "~")) or _DRIVE.match(path):
        return "must be relative to the repository's root, not absolute"
    if "\\" in path:
        return "must be written with / between directories"
    parts = path.rstrip("/").split("/")
    if ".." in parts:
        return "must not leave the repository with .."
    if ".git" in [part.lower() for part in parts]:
        return "must not lead into .git"
    if any(part in {"", "."} for part in parts) and path not in {".", "./"}:
        return "must not hold empty parts or single dots"
    return None


def _path(value: Any) -> str:
    text = _text(value, 1024)
    problem = path_problem(text)
    if problem:
        refuse(f"{problem}: {shown(text)}")
    return text.rstrip("/")


RepositoryPath: TypeAlias = Annotated[
    str,
    PlainValidator(_path),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"^[^/\\~]"}),
]

Share: TypeAlias = Annotated[float, Field(ge=0, le=1)]
"""A share from 0 to 1."""
