"""Environment groups: who may manage the environments of one name in a team."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import UpdateGroup
from gitops.emulator.http.call import Call, Route
from gitops.emulator.world.entities import Team
from gitops.emulator.world.refusal import invalid, not_found


def _team(call: Call) -> Team:
    identifier = call.params.get("team_id")
    return call.world.default_team if identifier is None else call.world.team(identifier)


def _names(call: Call, team: Team) -> list[str]:
    return sorted(
        {
            environment.name
            for model, environment in call.world.all_environments()
            if model.team_id == team.id
        }
    )


def _view(call: Call, team: Team, name: str) -> dict[str, Any]:
    users = call.world.restricted.get((team.id, name))
    known = {call.world.user_id: call.world.options.user_email}
    return {
        "name": name,
        "team_id": team.id,
        "team_name": team.name,
        "manage_access": {
            "is_restricted": users is not None,
            "users": [
                {"user_id": user, "email": known.get(user), "name": None} for user in users or ()
            ],
        },
    }


def _list(call: Call) -> dict[str, Any]:
    team = _team(call)
    return {
        "items": [_view(call, team, name) for name in _names(call, team)],
        "pagination": {"has_more": False, "cursor": None},
    }


def _get(call: Call) -> dict[str, Any]:
    team, name = _team(call), call.params["env_name"].lower()
    if name not in _names(call, team):
        raise not_found("Environment group")
    return _view(call, team, name)


def _update(call: Call) -> dict[str, Any]:
    team, name = _team(call), call.params["env_name"].lower()
    if name not in _names(call, team):
        raise not_found("Environment group")
    access = call.read(UpdateGroup).manage_access
    if access is not None:
        unknown = [user for user in access.user_ids or [] if user != call.world.user_id]
        if unknown:
            raise invalid(f"Unknown user {unknown[0]!r}.")
        kept = call.world.restricted.pop((team.id, name), ())
        if access.is_restricted:
            users = kept if access.user_ids is None else tuple(access.user_ids)
            call.world.restricted[team.id, name] = users
    return _view(call, team, name)


ROUTES: tuple[Route, ...] = tuple(
    route
    for prefix in ("/v1", "/v1/teams/{team_id}")
    for route in (
        Route(method="GET", path=f"{prefix}/environment_groups", handler=_list),
        Route(method="GET", path=f"{prefix}/environment_groups/{{env_name}}", handler=_get),
        Route(method="PATCH", path=f"{prefix}/environment_groups/{{env_name}}", handler=_update),
    )
)
