"""The plan document: a plan as JSON, read back strictly, and held against the present.

The document carries a checksum over its own content. It keeps a plan that was edited by hand from
being applied as if it had been reviewed; it is no signature, and is not meant as one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from gitops.errors import GitopsError, Refused
from gitops.plan.canonical import digest, plain
from gitops.plan.model import FORMAT_VERSION, Plan
from gitops.plan.summary import summarise
from gitops.state.json import Json

if TYPE_CHECKING:
    from pydantic import ValidationError

MAX_BYTES: Final = 64 * 1024 * 1024
"""A plan of ten thousand environments is a tenth of this; what is larger is no plan."""


def to_json(plan: Plan) -> dict[str, Json]:
    """The document of a plan, its checksum last."""
    body = {each.name: plain(getattr(plan, each.name)) for each in fields(plan)}
    return {**body, "checksum": digest(body)}


def to_text(plan: Plan) -> str:
    """The document as it is printed and saved: two spaces of indent, one line break at the end."""
    return json.dumps(to_json(plan), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def savable(plan: Plan) -> None:
    """Raises ``Refused`` for a plan of uncommitted changes: nobody could ever check it again."""
    if plan.dirty:
        raise Refused(
            "a plan of uncommitted changes cannot be saved",
            hint="Commit them, or plan a commit with --rev.",
        )


def from_text(text: str, *, name: str = "the plan") -> Plan:
    """The plan of a document; ``name`` is the file's, for messages.

    Raises ``GitopsError`` (exit 1) for what is no plan document, or of another format version, and
    ``Refused`` (exit 4) for one that was changed after it was written.
    """
    body = _object(text, name)
    version = body.get("format_version")
    if version != FORMAT_VERSION:
        raise GitopsError(
            f"{name}: format_version is {version!r}, and this version of gitops reads "
            f"{FORMAT_VERSION!r}",
            hint="Plan again with the version that applies.",
        )
    content = {key: value for key, value in body.items() if key != "checksum"}
    if body.get("checksum") != digest(content):
        raise Refused(
            f"{name} was edited after it was written: its checksum does not fit",
            hint="Plan again; a plan that was reviewed is applied as it is, or not at all.",
        )
    return _decoded(content, name)


def _object(text: str, name: str) -> Mapping[str, Json]:
    if len(text) > MAX_BYTES:
        raise GitopsError(f"{name} is too large for a plan")
    try:
        body = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise GitopsError(
            f"{name} is no plan: it is not JSON ({error})",
            hint="Write one with `gitops plan --out FILE`.",
        ) from None
    if not isinstance(body, dict):
        raise GitopsError(f"{name} is no plan: it is not a JSON object")
    return body


def _no_constant(word: str) -> Json:
    raise ValueError(f"{word} is no JSON")


def _decoded(content: Mapping[str, Json], name: str) -> Plan:
    from pydantic import TypeAdapter, ValidationError

    try:
        # JSON mode: an array is read as a tuple and a string as a moment, all else as it is.
        plan = TypeAdapter(Plan).validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        raise GitopsError(f"{name} is no plan: {_first(error)}") from None
    if plan.summary != summarise(plan.models):
        raise Refused(f"{name} was edited: its summary does not count what it holds")
    return plan


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    place = ".".join(map(str, found[0]["loc"])) or "its top level"
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{place}: {found[0]['msg']}{more}"
