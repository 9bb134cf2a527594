"""Measurements in words: a value with its unit, its bound, and over how many samples."""

from __future__ import annotations

from gitops.render.words import count, percent
from gitops.state.json import Json
from gitops.verify.verdict import Measurement


def told(found: Measurement) -> str:
    """``latency.p95 is 1.2 s, at most 2 s, 50 samples``; what nobody bounded has no bound."""
    value = amount(found.what, found.value)
    bound = amount(found.what, found.bound)
    parts = [f"{found.what} is {value or 'unknown'}"]
    if bound:
        parts.append(f"at most {bound}")
    parts.append(count(found.samples, "sample"))
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
