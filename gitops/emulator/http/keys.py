"""API keys, made and deleted over the API."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import CreateKey
from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import keys
from gitops.emulator.world.entities import ApiKey
from gitops.emulator.world.refusal import invalid
from gitops.emulator.world.timestamps import timestamp


def _view(call: Call, key: ApiKey) -> dict[str, Any]:
    world = call.world
    team = world.teams.get(key.team_id or "")
    owner = key.user_id
    return {
        "prefix": key.prefix,
        "name": key.name,
        "type": key.type,
        "model_ids": None if key.model_ids is None else list(key.model_ids),
        "team_name": team.name if team else None,
        "created_at": timestamp(key.created_at),
        "last_used_at": None if key.last_used_at is None else timestamp(key.last_used_at),
        "owner": None
        if owner is None
        else {"user_id": owner, "email": keys.users(world).get(owner), "name": None},
    }


def _list(call: Call) -> dict[str, Any]:
    """The API keys that were made here, without their secrets.

    Differs: Keys given with `--key` are not listed.
    """
    kind = call.query.get("type")
    if kind is not None and kind not in keys.MAY:
        raise invalid(f"Unknown API key type {kind!r}.")
    mine = call.boolean("created_by_me")
    found = [
        key
        for key in call.world.api_keys.values()
        if not key.deleted
        and kind in {None, key.type}
        and (not mine or key.user_id == call.identity.user_id)
    ]
    return {"keys": call.shuffled([_view(call, key) for key in found])}


def _create(call: Call) -> dict[str, Any]:
    """Make an API key; the secret is shown this once."""
    body = call.read(CreateKey)
    scoped = call.params.get("team_id")
    if scoped is not None and body.team_id not in {None, scoped}:
        raise invalid("team_id must match the team of the URL.")
    team_id = body.team_id or scoped
    secret = keys.create(
        call.world,
        call.actor,
        call.identity,
        kind=body.type,
        name=body.name,
        model_ids=body.model_ids,
        team_id=call.team(team_id).id if team_id else None,
    )
    return {"api_key": secret}


def _delete(call: Call) -> dict[str, Any]:
    """Delete an API key by its prefix."""
    prefix = call.params["api_key_prefix"]
    keys.delete(call.world, call.actor, prefix)
    return {"prefix": prefix}


ROUTES: tuple[Route, ...] = (
    Route(method="GET", path="/v1/api_keys", handler=_list, needs="keys"),
    Route(method="POST", path="/v1/api_keys", handler=_create, needs="keys"),
    Route(method="DELETE", path="/v1/api_keys/{api_key_prefix}", handler=_delete, needs="keys"),
    Route(method="POST", path="/v1/teams/{team_id}/api_keys", handler=_create, needs="keys"),
)
