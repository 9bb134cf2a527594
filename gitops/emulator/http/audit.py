"""The two audit-log endpoints."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import views
from gitops.emulator.world.audit import Query
from gitops.emulator.world.refusal import invalid


def _list(call: Call) -> dict[str, Any]:
    model_id = call.params.get("model_id")
    if model_id is not None:
        call.world.model(model_id)
    direction = call.query.get("direction", "DESC")
    if direction not in {"DESC", "ASC"}:
        raise invalid("direction must be DESC or ASC.")
    start, end = call.integer("start_epoch_millis"), call.integer("end_epoch_millis")
    entries, cursor = call.world.audit.page(
        Query(
            model_id=model_id,
            limit=call.integer("limit", 1, 200) or 20,
            descending=direction == "DESC",
            cursor=call.query.get("cursor"),
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
        "pagination": {"has_more": cursor is not None, "cursor": cursor},
    }


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/audit_logs", handler=_list, since="newest"),
    Route(method="GET", path="/v1/models/{model_id}/audit_logs", handler=_list, since="newest"),
)
