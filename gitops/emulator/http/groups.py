"""Environment groups: who may manage the environments of one name in a team."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import UpdateGroup
from gitops.emulator.http.call import Call, Route
from gitops.emulator.world.entities import Team
from gitops.emulator.world.keys import users
from gitops.emulator.world.refusal import invalid, not_found


def _names(call: Call, team: Team) -> list[str]:
    return sorted(
        {
            environment.name
            for model, environment in call.world.all_environments()
            if model.team_id == team.id
        }
    )


def _view(call: Call, team: Team, name: str) -> dict[str, Any]:
    allowed = call.world.restricted.get((team.id, name))
    known = users(call.world)
    return {
        "name": name,
        "team_id": team.id,
        "team_name": team.name,
        "manage_access": {
            "is_restricted": allowed is not None,
            "users": [
                {"user_id": each, "email": known.get(each), "name": None} for each in allowed or ()
            ],
        },
    }


def _list(call: Call) -> dict[str, Any]:
    """The environment groups of a team: one for each environment name.

    Differs: One page holds all.
    """
    team = call.team(call.params.get("team_id"))
    return {
        "items": call.shuffled([_view(call, team, name) for name in _names(call, team)]),
        "pagination": {"has_more": False, "cursor": None},
    }


def _get(call: Call) -> dict[str, Any]:
    """One environment group."""
    team = call.team(call.params.get("team_id"))
    name = call.world.options.environment_name(call.params["env_name"])
    if name not in _names(call, team):
        raise not_found("Environment group")
    return _view(call, team, name)


def _update(call: Call) -> dict[str, Any]:
    """Say who may manage the environments of a name."""
    team = call.team(call.params.get("team_id"))
    name = call.world.options.environment_name(call.params["env_name"])
    if name not in _names(call, team):
        raise not_found("Environment group")
    access = call.read(UpdateGroup).manage_access
    if access is not None:
        known = users(call.world)
        unknown = [each for each in access.user_ids or [] if each not in known]
        if unknown:
            raise invalid(f"Unknown user {unknown[0]!r}.")
        kept = call.world.restricted.pop((team.id, name), ())
        if access.is_restricted:
            allowed = kept if access.user_ids is None else tuple(dict.fromkeys(access.user_ids))
            call.world.restricted[team.id, name] = allowed
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
