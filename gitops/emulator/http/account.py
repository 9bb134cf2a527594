"""Users, teams, hardware and regions: what a workspace has besides models."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import views
from gitops.emulator.world.hardware import INSTANCE_TYPES
from gitops.emulator.world.refusal import not_found


def _user(call: Call) -> dict[str, Any]:
    return {
        "user_id": call.world.user_id,
        "email": call.world.options.user_email,
        "name": "Emulator",
        "workspace_name": call.world.workspace,
    }


def _user_by_id(call: Call) -> dict[str, Any]:
    if call.params["user_id"] != call.world.user_id:
        raise not_found("User")
    return _user(call)


def _users(call: Call) -> dict[str, Any]:
    call.integer("limit", 1, 1000)
    return {"items": [_user(call)], "pagination": {"has_more": False, "cursor": None}}


def _organization(call: Call) -> dict[str, Any]:
    return {
        "org_id": call.world.organization_id,
        "name": call.world.workspace,
        "created_at": views.timestamp(call.world.created_at),
        "aws_assume_role": None,
    }


def _teams(call: Call) -> dict[str, Any]:
    return {"teams": call.listed([views.team(item) for item in call.world.teams.values()])}


def _team(call: Call) -> dict[str, Any]:
    return views.team(call.world.team(call.params["team_id"]))


def _instance_types(_call: Call) -> dict[str, Any]:
    return {"instance_types": [item.to_json() for item in INSTANCE_TYPES.values()]}


def _prices(_call: Call) -> dict[str, Any]:
    return {
        "instance_types": [
            {"instance_type": item.to_json(), "price": item.price}
            for item in INSTANCE_TYPES.values()
        ]
    }


def _regions(call: Call) -> dict[str, Any]:
    if "team_id" in call.params:
        call.world.team(call.params["team_id"])
    return {"regions": []}


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/users/me", handler=_user),
    Route(method="GET", path="/v1/users", handler=_users, since="newest"),
    Route(method="GET", path="/v1/users/{user_id}", handler=_user_by_id, since="newest"),
    Route(method="GET", path="/v1/organizations/me", handler=_organization, since="newest"),
    Route(method="GET", path="/v1/teams", handler=_teams),
    Route(method="GET", path="/v1/teams/{team_id}", handler=_team),
    Route(method="GET", path="/v1/instance_types", handler=_instance_types),
    Route(method="GET", path="/v1/instance_type_prices", handler=_prices),
    Route(method="GET", path="/v1/regions", handler=_regions, since="newest"),
    Route(method="GET", path="/v1/teams/{team_id}/regions", handler=_regions, since="newest"),
)
