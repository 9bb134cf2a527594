"""Measurements in words: a value with its unit, its bound, and over how many samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gitops.render.words import count, percent
from gitops.state.json import Json
from gitops.verify.verdict import Measurement


def told(found: Measurement) -> str:
    """``latency.p95 is 1.2 s, at most 2 s, 50 samples``; what nobody bounded has no bound."""
    return _sentence(found.what, found.value, found.bound, found.samples)


def bounded(figures: Mapping[str, Any]) -> Iterator[str]:
    """What a verdict's figures say beyond that nothing failed, a line for each bound.

    Read from an event or a log entry, where somebody else may have written them: what is no figure
    is left out.
    """
    found = figures.get("measurements")
    for each in found if isinstance(found, list | tuple) else ():
        if not isinstance(each, Mapping):
            continue
        what, value, bound, samples = (each.get(key) for key in _KEYS)
        if not isinstance(what, str) or not _is_number(value) or not _is_number(bound):
            continue
        if value or bound:
            yield _sentence(what, value, bound, samples if isinstance(samples, int) else 0)


_KEYS = ("what", "value", "bound", "samples")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sentence(what: str, value: Json, bound: Json, samples: int) -> str:
    parts = [f"{what} is {amount(what, value) or 'unknown'}"]
    if most := amount(what, bound):
        parts.append(f"at most {most}")
    parts.append(count(samples, "sample"))
    return ", ".join(parts)


def amount(what: str, value: Json) -> str:
    """A value in the unit of what was measured; empty for none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) if isinstance(value, str) else ""
    if "than_current." in what:
        return f"{value:.3g} times"
    if what.endswith("error_rate"):
        return percent(float(value))
    if what.endswith("tokens_per_second"):
        return f"{value:.3g}"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
