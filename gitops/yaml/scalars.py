"""What a plain scalar means in YAML 1.2's core schema."""

from __future__ import annotations

import re
from math import isfinite
from typing import Final

from gitops.yaml.limits import MAX_NUMBER

_CONSTANTS: Final[dict[str, bool | None]] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class NotAValue(ValueError):
    """A number that has no place in JSON: infinite, not a number, or absurdly long."""


def plain(text: str) -> bool | int | float | str | None:
    """The value of a plain (unquoted) scalar. Raises ``NotAValue``."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "-+.0123456789":
        return text
    if _NOT_FINITE.fullmatch(text):
        raise NotAValue("is not a finite number, which JSON needs")
    if len(text) > MAX_NUMBER:
        if _FLOAT.fullmatch(text) or _HEXADECIMAL.fullmatch(text) or _OCTAL.fullmatch(text):
            raise NotAValue(f"is a number of more than {MAX_NUMBER} characters")
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEXADECIMAL.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        # A number that no float holds stays text, as the quick parser has it.
        return number if isfinite(number) else text
    return text
