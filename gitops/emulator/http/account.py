"""Users, teams, hardware and regions: what a workspace has besides models."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import views
from gitops.emulator.world.hardware import INSTANCE_TYPES
from gitops.emulator.world.keys import users
from gitops.emulator.world.refusal import invalid, not_found
from gitops.emulator.world.timestamps import timestamp


def _shown(call: Call, user_id: str) -> dict[str, Any]:
    email = users(call.world)[user_id]
    return {
        "user_id": user_id,
        "email": email,
        "name": email.partition("@")[0].title(),
        "workspace_name": call.world.workspace,
    }


def _me(call: Call) -> dict[str, Any]:
    """Who the key belongs to.

    Differs: The name is made from the address.
    """
    return _shown(call, call.identity.user_id or call.world.user_id)


def _user_by_id(call: Call) -> dict[str, Any]:
    """One user."""
    if call.params["user_id"] not in users(call.world):
        raise not_found("User")
    return _shown(call, call.params["user_id"])


def _users(call: Call) -> dict[str, Any]:
    """The users of the workspace, in pages; `email` picks one.

    Differs: Those of the options `user_email` and `users`.
    """
    limit = call.integer("limit", 1, 1000) or 100
    email, cursor = call.query.get("email"), call.query.get("cursor")
    known = users(call.world)
    found = [each for each in known if email in {None, known[each]}]
    if cursor is not None:
        if cursor not in found:
            raise invalid("Invalid cursor.")
        found = found[found.index(cursor) + 1 :]
    more = len(found) > limit
    return {
        "items": [_shown(call, each) for each in found[:limit]],
        "pagination": {"has_more": more, "cursor": found[limit - 1] if more else None},
    }


def _organization(call: Call) -> dict[str, Any]:
    """The organization.

    Differs: It is the workspace; no AWS role can be assumed.
    """
    return {
        "org_id": call.world.organization_id,
        "name": call.world.workspace,
        "created_at": timestamp(call.world.created_at),
        "aws_assume_role": None,
    }


def _teams(call: Call) -> dict[str, Any]:
    """The teams that the key sees.

    Differs: Teams cannot be made; there are those of the option `teams`.
    """
    mine = call.identity.team_id
    teams = [each for each in call.world.teams.values() if mine in {None, each.id}]
    return {"teams": call.listed([views.team(each) for each in teams])}


def _team(call: Call) -> dict[str, Any]:
    """One team."""
    return views.team(call.world.team(call.params["team_id"]))


def _instance_types(_call: Call) -> dict[str, Any]:
    """The hardware there is.

    Differs: A short list in Baseten's form; ids and sizes are invented.
    """
    return {"instance_types": [item.to_json() for item in INSTANCE_TYPES.values()]}


def _prices(_call: Call) -> dict[str, Any]:
    """The hardware with its price a minute.

    Differs: The prices are invented.
    """
    return {
        "instance_types": [
            {"instance_type": item.to_json(), "price": item.price}
            for item in INSTANCE_TYPES.values()
        ]
    }


def _regions(call: Call) -> dict[str, Any]:
    """The regions that environments can be in.

    Differs: Those of the option `regions`; where a deployment is makes no difference.
    """
    if "team_id" in call.params:
        call.world.team(call.params["team_id"])
    known = [{"slug": slug, "display_name": name} for slug, name in call.world.options.regions]
    return {"regions": call.shuffled(known)}


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/users/me", handler=_me, needs="know"),
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
