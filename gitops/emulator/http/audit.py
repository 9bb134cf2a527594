"""The two audit-log endpoints."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import views
from gitops.emulator.world.audit import Query
from gitops.emulator.world.refusal import invalid

SOURCES = ("UI", "API", "MCP", "SYSTEM", "OTHER")


def _list(call: Call) -> dict[str, Any]:
    """Who did what, in pages and filtered; of a model or of all.

    Differs: Only deeds that the emulator knows; their fields are those of the SDK's models.
    """
    model_id = call.params.get("model_id")
    if model_id is not None:
        call.world.model(model_id)
    direction = call.one_of("direction", ("DESC", "ASC")) or "DESC"
    cursor = call.query.get("cursor")
    if cursor is not None:
        direction, _, cursor = cursor.partition(".")
        if direction not in {"DESC", "ASC"}:
            raise invalid("Invalid cursor.")
    for source in call.query.getlist("sources"):
        if source not in SOURCES:
            raise invalid(f"Unknown source {source!r}.")
    start, end = call.integer("start_epoch_millis"), call.integer("end_epoch_millis")
    entries, after = call.world.audit.page(
        Query(
            model_id=model_id,
            limit=call.integer("limit", 1, 200) or 20,
            descending=direction == "DESC",
            cursor=cursor,
            search=call.query.get("search"),
            groups=tuple(call.query.getlist("event_type_groups")),
            user_ids=tuple(call.query.getlist("user_ids")),
            deployment_ids=tuple(call.query.getlist("deployment_ids")),
            environment_names=tuple(call.query.getlist("environment_names")),
            sources=tuple(call.query.getlist("sources")),
            start=None if start is None else start / 1000,
            end=None if end is None else end / 1000,
        )
    )
    return {
        "items": [views.audit_entry(entry) for entry in entries],
        "pagination": {
            "has_more": after is not None,
            "cursor": None if after is None else f"{direction}.{after}",
        },
    }


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/audit_logs", handler=_list, since="newest"),
    Route(method="GET", path="/v1/models/{model_id}/audit_logs", handler=_list, since="newest"),
)
