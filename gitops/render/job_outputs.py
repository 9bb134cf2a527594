"""Values that a CI job hands to later steps and jobs: one line each, which nothing expands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

DOTENV_BYTES: Final = 5 << 10
"""What GitLab takes of a dotenv report, where nobody has raised it."""

_OTHER: Final = re.compile(r"[^A-Za-z0-9._/-]")


def json_list(names: Iterable[str]) -> str:
    """Names as a JSON list without a space, quote, dollar or line break inside of a name.

    GitLab's dotenv reports take no value with a space or a line break in it.
    """
    return "[" + ",".join(f'"{_OTHER.sub(_escaped, name)}"' for name in names) + "]"


def dotenv(values: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """``NAME=value`` lines that fit into a dotenv report, and the names that were left out.

    The longest values are left out first: a list that was cut would be a wrong one.
    """
    kept = dict(values)
    left_out: list[str] = []
    while len(text := lines(kept)) > DOTENV_BYTES:
        longest = max(kept, key=lambda name: len(kept[name]))
        del kept[longest]
        left_out.append(longest)
    return text, tuple(left_out)


def lines(values: Mapping[str, str]) -> str:
    """``NAME=value``, a line each."""
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
