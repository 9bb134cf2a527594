"""The JSON Schema of the drift document (``gitops drift --format json``)."""

from __future__ import annotations

from typing import Any


def schema() -> dict[str, Any]:
    """The schema of a whole document."""
    from gitops.plan.drift_document import Drift
    from gitops.render.schemas import DIALECT, of

    _, definitions = of(Drift)
    drift = definitions.pop("Drift")
    return {
        "$schema": DIALECT,
        "title": "What was changed outside of Git, as gitops found it",
        **drift,
        "$defs": dict(sorted(definitions.items())),
    }
