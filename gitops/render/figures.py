"""Figures of releases in words: what was judged, and what a rollback was confirmed by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gitops.render.measurements import bounded
from gitops.render.words import count, percent

_JUDGED: Final = ("checks", "watch")


def way_back(figures: Mapping[str, Any]) -> str:
    """``1 of 1 replicas ready; errors 0.0% before, 45.3% during, 0.0% after``.

    Read from an event or from a log entry, where somebody else may have written them: what is not
    there, or no figure, is left out. Empty where nothing is known.
    """
    found = figures.get("rollback")
    if not isinstance(found, Mapping):
        return ""
    return "; ".join(filter(None, (_replicas(found), _errors(found.get("error_rate")))))


def verdicts(figures: Mapping[str, Any], *, told: str | None = None) -> Iterator[str]:
    """What judged a release, each with what it found: ``watch: the watch passed; ...``.

    Read from a log entry, where somebody else may have written it: what is no verdict is left out.
    ``told`` is a reason that was told before.
    """
    for name in _JUDGED:
        found = figures.get(name)
        if found == "skipped":
            yield f"{name}: skipped"
        elif isinstance(found, Mapping) and isinstance(reason := found.get("reason"), str):
            said = [*([reason] if reason != told else []), *bounded(found)]
            if said:
                yield f"{name}: {'; '.join(said)}"


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
