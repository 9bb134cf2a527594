"""The JSON Schema of the body of a deploy-log entry."""

from __future__ import annotations

from typing import Any, Final

from gitops.record.entry import FORMAT_VERSION, Event

_SETTINGS: Final = {"type": ["object", "null"]}

_PROPERTIES: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "format_version": ({"const": FORMAT_VERSION}, "Version of this format."),
    "event": ({"enum": [event.value for event in Event]}, "What happened."),
    "at": ({"type": "string", "format": "date-time"}, "When, in UTC."),
    "environment": ({"type": "string"}, "The environment it happened to."),
    "intent": (
        {"type": ["string", "null"], "pattern": "^[0-9a-f]{40}([0-9a-f]{24})?$"},
        "The commit id of the intent entry that this one closes.",
    ),
    "from": (
        {"anyOf": [{"$ref": "#/$defs/side"}, {"type": "null"}]},
        "What served before; of held, the deployment that is held.",
    ),
    "to": (
        {"anyOf": [{"$ref": "#/$defs/side"}, {"type": "null"}]},
        "What was to serve; of held, what serves again.",
    ),
    "model": ({"type": "string"}, "The model's name on Baseten then."),
    "model_id": ({"type": "string"}, "The model's id on Baseten."),
    "release_file": ({"type": "string"}, "The release file's path from the repository's root."),
    "applied_commit": ({"type": "string"}, "The commit that was applied."),
    "branch": (
        {"type": ["string", "null"]},
        "The deploy branch, where the applied commit was on it.",
    ),
    "by": ({"type": "string"}, "Who ran it."),
    "where": ({"type": "string"}, "On which machine or in which CI run."),
    "run": ({"type": "string"}, "An id of the run, the same in all entries of one apply."),
    "number": (
        {"type": ["integer", "null"], "minimum": 1},
        "Counts the successful releases of an environment.",
    ),
    "settings_before": (_SETTINGS, "Settings before, flat: autoscaling.min_replica and so on."),
    "settings_after": (_SETTINGS, "Settings that were asked for, flat."),
    "figures": ({"type": "object"}, "Verdicts of checks and of the watch, with their figures."),
    "seconds": ({"type": ["number", "null"], "minimum": 0}, "How long it took."),
    "reason": ({"type": ["string", "null"]}, "Why, in a sentence."),
    "ended_by": ({"type": ["string", "null"]}, "The person who ended the release."),
}

_SIDE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "deployment_id": ({"type": "string"}, "Baseten's id of the deployment."),
    "deployment_name": ({"type": ["string", "null"]}, "Its name."),
    "digest": (
        {"type": ["string", "null"]},
        "The digest of the artifact it holds; null where somebody else pushed it.",
    ),
    "commit": ({"type": ["string", "null"]}, "The commit that its files are from."),
}


def schema() -> dict[str, Any]:
    """The schema (2020-12). Later versions may add fields, so others are allowed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An entry of the deploy log of gitops",
        "description": (
            "The body of the message of a commit in refs/gitops/log/WORKSPACE/TEAM/MODEL: one JSON"
            " object after the subject and a blank line. The entry's id is the commit's."
        ),
        **_object(_PROPERTIES),
        "$defs": {
            "side": {"description": "A deployment, as one side of a release.", **_object(_SIDE)}
        },
    }


def _object(properties: dict[str, tuple[dict[str, Any], str]]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            name: {**kind, "description": text} for name, (kind, text) in properties.items()
        },
        "required": list(properties),
    }
