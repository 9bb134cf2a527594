"""The JSON Schema of one apply event, that is of one line of ``gitops apply --format json``."""

from __future__ import annotations

from typing import Any


def schema() -> dict[str, Any]:
    """The schema: one alternative for each type of event."""
    from gitops.plan.events import TYPES, Failure
    from gitops.render.field_words import described
    from gitops.render.schemas import DIALECT, of

    _, definitions = of(*TYPES.values(), Failure)
    failure = definitions.pop("Failure")
    sentences = failure["properties"]
    told = {"description": described("ApplyEvent", "type")}
    for name, kind in TYPES.items():
        body = definitions[kind.__name__]
        properties = body["properties"]
        body["properties"] = {"type": told | {"const": name}, **properties}
        body["required"] = ["type", *body["required"]]
        if properties.pop("failure", None) is not None:
            body["properties"].pop("failure")
            body["required"].remove("failure")
            body["properties"] |= sentences
            body["dependentRequired"] = {"happened": ["serves_now", "next", "details"]}
    spread = definitions["EnvironmentFailure"]
    spread["properties"].pop("failure")
    spread["properties"] |= sentences
    spread["required"] = [each for each in spread["properties"] if each != "cause"]
    return {
        "$schema": DIALECT,
        "title": "An apply event of gitops",
        "description": "One JSON object a line; the last is always apply_finished.",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in TYPES.values()],
        "$defs": dict(sorted(definitions.items())),
    }
