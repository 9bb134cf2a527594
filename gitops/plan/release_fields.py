"""Desired state field by field, in the words of the release file, and which fields differ.

A field is known by its dotted path (``watch.for``, ``autoscaling.min_replica``). Checks and
requirements are known by their names and not by their places, so that a file which is put into
another order says nothing new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from gitops.plan.canonical import plain
from gitops.state.desired import DesiredEnvironment, DesiredModel
from gitops.state.differences import same
from gitops.state.json import Json

# As the release file names them, where a value of desired state has another name.
_WORDS: Final = (
    (re.compile(r"^settings\."), ""),
    (re.compile(r"^(watch|requires\.[^.]+)\.seconds$"), r"\1.for"),
    (re.compile(r"^checks\.([^.]+)\.probes$"), r"checks.\1.requests"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldDiff:
    """A field that differs. A side that is None did not set it."""

    path: str
    before: Any
    after: Any


def field_diffs(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[FieldDiff]:
    """What differs between two values by path, sorted."""
    for path in sorted({*old, *new}):
        before, after = old.get(path), new.get(path)
        if not same(before, after):
            yield FieldDiff(path=path, before=before, after=after)


def by_path(
    value: DesiredModel | DesiredEnvironment | None,
    left_out: frozenset[str],
    whole: frozenset[str] = frozenset(),
) -> dict[str, Json]:
    """A value of desired state by dotted path, in the release file's words.

    Checks named in ``whole`` are one value each.
    """
    if value is None:
        return {}
    kept = {
        each.name: plain(getattr(value, each.name))
        for each in fields(value)
        if each.name not in left_out
    }
    found: dict[str, Json] = {}
    if checks := _by_name(kept.get("checks")):
        found = {f"checks.{name}": checks.pop(name) for name in whole & checks.keys()}
        kept["checks"] = checks
    for path, each in flattened(kept).items():
        renamed = path
        for pattern, instead in _WORDS:
            renamed = pattern.sub(instead, renamed)
        found[renamed] = _without_lines(each) if renamed.endswith(".requests") else each
    return found


def flattened(value: Json, path: str = "") -> dict[str, Json]:
    """Nested values by dotted path; what is not set, or empty, is not there."""
    if isinstance(value, Mapping) and value:
        found: dict[str, Json] = {}
        for key, each in value.items():
            found.update(flattened(each, f"{path}.{key}" if path else str(key)))
        return found
    if (named := _by_name(value)) is not None:
        return flattened(named, path)
    if value is None or value in ((), [], {}):
        return {}
    return {path: value}


def _by_name(value: Json) -> dict[str, Json] | None:
    """A list of checks or requirements as a map: they are known by name, not by place."""
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    found: dict[str, Any] = {}
    for each in value:
        if not isinstance(each, Mapping):
            return None
        name = next((each[key] for key in ("name", "environment") if key in each), None)
        if not isinstance(name, str):
            return None
        found[name] = {
            key: inner for key, inner in each.items() if key not in {"name", "environment"}
        }
    return found


def _without_lines(probes: Json) -> Json:
    """Bodies of requests without the place they were read from."""
    if not isinstance(probes, Sequence) or isinstance(probes, str):
        return probes
    return [
        {key: it for key, it in each.items() if key != "line"}
        if isinstance(each, Mapping)
        else each
        for each in probes
    ]
