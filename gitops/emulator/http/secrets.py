"""Secrets, of one team or over all."""

from __future__ import annotations

from typing import Any

from gitops.emulator.http.bodies import UpsertSecret
from gitops.emulator.http.call import Call, Route
from gitops.emulator.world import models, views


def _list(call: Call) -> dict[str, Any]:
    """The names of the secrets, of one team or of all."""
    only = (
        call.team(call.params.get("team_id")).id
        if "team_id" in call.params
        else call.identity.team_id
    )
    secrets = [
        views.secret(call.world, secret)
        for secret in call.world.secrets.values()
        if only is None or secret.team_id == only
    ]
    return {"secrets": call.shuffled(secrets)}


def _upsert(call: Call) -> dict[str, Any]:
    """Set a secret; without a team, in the default one."""
    body = call.read(UpsertSecret)
    secret = models.upsert_secret(
        call.world, call.actor, call.team(call.params.get("team_id")), body.name, body.value
    )
    return views.secret(call.world, secret)


def _delete(call: Call) -> dict[str, Any]:
    """Delete a secret."""
    name = call.params["secret_name"]
    models.delete_secret(call.world, call.actor, call.team(call.params.get("team_id")), name)
    return {"name": name}


ROUTES: tuple[Route, ...] = tuple(
    route
    for prefix in ("/v1", "/v1/teams/{team_id}")
    for route in (
        Route(method="GET", path=f"{prefix}/secrets", handler=_list),
        Route(method="POST", path=f"{prefix}/secrets", handler=_upsert),
        Route(method="DELETE", path=f"{prefix}/secrets/{{secret_name}}", handler=_delete),
    )
)
