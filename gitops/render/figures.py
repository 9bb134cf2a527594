"""Figures of releases in words: what a rollback was confirmed by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitops.render.words import count, percent


def way_back(figures: Mapping[str, Any]) -> str:
    """``1 of 1 replicas ready; errors 0.0% before, 45.3% during, 0.0% after``.

    Read from an event or from a log entry, where somebody else may have written them: what is not
    there, or no figure, is left out. Empty where nothing is known.
    """
    found = figures.get("rollback")
    if not isinstance(found, Mapping):
        return ""
    return "; ".join(filter(None, (_replicas(found), _errors(found.get("error_rate")))))


def _replicas(found: Mapping[str, Any]) -> str:
    there, least = found.get("replicas"), found.get("minimum")
    if not isinstance(there, int) or there < 0:
        return ""
    if there == least == 0:
        return "scaled to zero"
    if not isinstance(least, int) or there > least:
        return f"{count(there, 'replica')} ready"
    return f"{there} of {least} replicas ready"


def _errors(rates: object) -> str:
    if not isinstance(rates, Mapping):
        return ""
    told = [
        f"{percent(rate)} {when}"
        for when in ("before", "during", "after")
        if isinstance(rate := rates.get(when), int | float) and not isinstance(rate, bool)
    ]
    return f"errors {', '.join(told)}" if told else ""
