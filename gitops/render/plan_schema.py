"""The JSON Schema of the plan document (``gitops plan --format json`` and ``--out``)."""

from __future__ import annotations

from typing import Any


def schema() -> dict[str, Any]:
    """The schema of a whole document."""
    from gitops.plan.model import Plan
    from gitops.render.schemas import DIALECT, of

    _, definitions = of(Plan)
    plan = definitions.pop("Plan")
    plan["properties"]["checksum"] = {
        "type": "string",
        "description": "SHA-256 over the canonical JSON of everything else in the document.",
    }
    plan["required"].append("checksum")
    return {
        "$schema": DIALECT,
        "title": "A plan of gitops",
        **plan,
        "$defs": dict(sorted(definitions.items())),
    }
