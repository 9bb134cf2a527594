"""Who sends a request: the API key, and who the audit log is told it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


from gitops.emulator.world.audit import SYSTEM, Actor
from gitops.emulator.world.keys import Identity, identify
from gitops.emulator.world.refusal import Refusal
from gitops.emulator.world.world import World

_SOURCES = {"ui": "UI", "mcp": "MCP", "api": "API"}


def authenticate(request: Request, world: World) -> tuple[str, Identity]:
    """The key of a request, in either scheme, and whose it is.

    Raises:
        Refusal: 401.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() not in {"bearer", "api-key"} or not secret:
        raise Refusal(401, "UNAUTHORIZED", "Authentication credentials were not provided.")
    identity = identify(world, secret)
    if identity is None:
        raise Refusal(401, "UNAUTHORIZED", "Invalid API key.")
    return secret, identity


def actor_of(request: Request, identity: Identity) -> Actor:
    """Whom the audit log names.

    The header `X-Emulator-Actor: ui:name@example.com` plays a person's click in the UI;
    `mcp:…` likewise, and `system` the platform itself.
    """
    client, _, version = request.headers.get("user-agent", "").partition(" ")[0].partition("/")
    played = request.headers.get("x-emulator-actor")
    if played == "system":
        return SYSTEM
    if played is not None:
        source, _, email = played.partition(":")
        return Actor(type="USER", source=_SOURCES.get(source.lower(), "OTHER"), email=email)
    return Actor(
        type="API_KEY",
        source="API",
        api_key_prefix=identity.prefix,
        api_key_name=identity.name,
        client_name=client or None,
        client_version=version or None,
    )
