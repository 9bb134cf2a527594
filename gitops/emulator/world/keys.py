"""Users and API keys: who there is, what a key may do, and making and deleting keys."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import Literal

from gitops.emulator.options import Key
from gitops.emulator.world.audit import Actor
from gitops.emulator.world.entities import ApiKey, Model
from gitops.emulator.world.refusal import Refusal, invalid, not_found
from gitops.emulator.world.world import World

Permission = Literal["know", "read", "metrics", "manage", "keys"]
"""`know`: who the key belongs to; `keys`: API keys; the rest is about models."""

MAY: dict[str, frozenset[Permission]] = {
    "PERSONAL": frozenset({"know", "read", "metrics", "manage", "keys"}),
    "WORKSPACE_MANAGE_ALL": frozenset({"know", "read", "metrics", "manage"}),
    "WORKSPACE_MANAGE_API_KEYS": frozenset({"know", "keys"}),
    "WORKSPACE_EXPORT_METRICS": frozenset({"know", "metrics"}),
    "WORKSPACE_INVOKE": frozenset({"know"}),
    "ROUTES": frozenset({"know"}),
}
"""What each type of key may do on the management API."""

CALLERS = frozenset({"PERSONAL", "WORKSPACE_MANAGE_ALL", "WORKSPACE_INVOKE"})
"""Types of keys that may call models."""
_LIMITED = frozenset({"WORKSPACE_INVOKE", "WORKSPACE_EXPORT_METRICS"})
_OF_NO_TEAM = frozenset({"PERSONAL", "WORKSPACE_MANAGE_API_KEYS"})
_AUDITED_TYPES = {
    "PERSONAL": "PERSONAL",
    "WORKSPACE_MANAGE_ALL": "CREATOR_SERVICE_ACCOUNT",
    "WORKSPACE_MANAGE_API_KEYS": "MANAGE_API_KEYS_SERVICE_ACCOUNT",
    "WORKSPACE_INVOKE": "INVOKE_ALL_MODELS_SERVICE_ACCOUNT",
    "WORKSPACE_EXPORT_METRICS": "EXPORT_METRICS_ALL_MODELS_SERVICE_ACCOUNT",
    "ROUTES": "INVOKE_ALL_SHARED_ENDPOINTS_SERVICE_ACCOUNT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who a request comes from. None for models and environments: all of them."""

    type: str
    prefix: str
    name: str | None = None
    user_id: str | None = None
    team_id: str | None = None
    model_ids: tuple[str, ...] | None = None
    environments: tuple[str, ...] | None = None

    def needs(self, permission: Permission) -> None:
        """Raises: Refusal 403 without that permission."""
        if permission not in MAY.get(self.type, frozenset()):
            raise Refusal(403, "FORBIDDEN", "This API key does not have permission to do this.")

    def needs_model(self, model: Model) -> None:
        """Raises: Refusal 403 where the key is for another team, or for other models."""
        elsewhere = self.team_id is not None and model.team_id != self.team_id
        if elsewhere or (self.model_ids is not None and model.id not in self.model_ids):
            raise Refusal(403, "FORBIDDEN", "This API key has no access to this model.")

    def needs_team(self, team_id: str) -> None:
        """Raises: Refusal 403 where the key is for another team."""
        if self.team_id is not None and self.team_id != team_id:
            raise Refusal(403, "FORBIDDEN", "This API key has no access to this team.")


def users(world: World) -> dict[str, str]:
    """E-mail addresses by user id; the first is the owner of personal keys."""
    first = {world.user_id: world.options.user_email}
    return first | {_user_id(world, email): email for email in world.options.users}


def _user_id(world: World, email: str) -> str:
    return hashlib.sha256(f"{world.organization_id}/{email}".encode()).hexdigest()[:8]


def identify(world: World, secret: str) -> Identity | None:
    """Whose key this is; None for one that is not known, or was deleted."""
    prefix = secret.partition(".")[0] if "." in secret else secret[:4]
    made = world.api_keys.get(prefix)
    if made is not None:
        if made.deleted or not secrets.compare_digest(made.digest, _digest(secret)):
            return None
        made.last_used_at = world.now
        return Identity(
            type=made.type,
            prefix=prefix,
            name=made.name,
            user_id=made.user_id,
            team_id=made.team_id,
            model_ids=made.model_ids,
        )
    for key in world.options.keys:
        if secrets.compare_digest(key.secret.encode(), secret.encode()):
            return _configured(world, key, prefix)
    return None if world.options.keys else _configured(world, Key(secret=secret), prefix)


def _configured(world: World, key: Key, prefix: str) -> Identity:
    team = next((each for each in world.teams.values() if each.name == key.team), None)
    owner = next((each for each, email in users(world).items() if email == key.user), world.user_id)
    return Identity(
        type=key.type,
        prefix=prefix,
        name=key.name,
        user_id=owner if key.type == "PERSONAL" else None,
        team_id=team.id if team else None,
        model_ids=key.models,
        environments=key.environments,
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def create(
    world: World,
    actor: Actor,
    owner: Identity,
    *,
    kind: str,
    name: str | None,
    model_ids: list[str] | None,
    team_id: str | None,
) -> str:
    """Make a key and give it, whole; it cannot be read again.

    Raises:
        Refusal: an unknown type, or limits that this type cannot have.
    """
    if kind not in MAY:
        raise invalid(f"Unknown API key type {kind!r}.")
    if model_ids is not None and kind not in _LIMITED:
        raise invalid("model_ids can only be set for keys that call models or export metrics.")
    if team_id is not None and kind in _OF_NO_TEAM:
        raise invalid(f"team_id is not supported for {kind} keys.")
    for model_id in model_ids or ():
        world.model(model_id)
    prefix = world.ids.new()
    secret = f"{prefix}.{secrets.token_urlsafe(24)}"
    team = world.team(team_id) if team_id else world.default_team
    world.api_keys[prefix] = ApiKey(
        prefix=prefix,
        digest=_digest(secret),
        type=kind,
        created_at=world.now,
        name=name,
        model_ids=None if model_ids is None else tuple(model_ids),
        team_id=None if kind in _OF_NO_TEAM else team.id,
        user_id=(owner.user_id or world.user_id) if kind == "PERSONAL" else None,
    )
    _audit(world, actor, "API_KEY_CREATED", world.api_keys[prefix])
    world.changed()
    return secret


def delete(world: World, actor: Actor, prefix: str) -> None:
    """Delete a key that was made over the API. Raises: Refusal 404."""
    key = world.api_keys.get(prefix)
    if key is None or key.deleted:
        raise not_found("API key")
    key.deleted = True
    _audit(world, actor, "API_KEY_DELETED", key)
    world.changed()


def _audit(world: World, actor: Actor, event_type: str, key: ApiKey) -> None:
    if actor.type == "USER":
        actor = replace(actor, user_id=world.user_id)
    data = {
        "api_key_id": key.prefix,
        "api_key_type": _AUDITED_TYPES[key.type],
        "prefix": key.prefix,
    }
    world.audit.write(world.now, actor, event_type, data)


def may_manage(world: World, identity: Identity, team_id: str, environment: str) -> None:
    """Restricted environments are for the users of their group; workspace keys are nobody's.

    Raises:
        Refusal: 403.
    """
    allowed = world.restricted.get((team_id, environment))
    if allowed is None or identity.user_id is None or identity.user_id in allowed:
        return
    raise Refusal(403, "FORBIDDEN", f"Managing the environment {environment!r} is restricted.")
