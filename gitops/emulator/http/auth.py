"""Who sends a request: the API key, what it may do, and who the audit log is told it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request


from gitops.emulator.options import Key, Options
from gitops.emulator.world.audit import SYSTEM, Actor
from gitops.emulator.world.refusal import Refusal

_MANAGERS = frozenset({"PERSONAL", "WORKSPACE_MANAGE_ALL"})
_SOURCES = {"ui": "UI", "mcp": "MCP", "api": "API"}


def authenticate(request: Request, options: Options) -> Key:
    """The key of a request, in either scheme.

    Raises:
        Refusal: 401.
    """
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() not in {"bearer", "api-key"} or not secret:
        raise Refusal(401, "UNAUTHORIZED", "Authentication credentials were not provided.")
    if not options.keys:
        return Key(secret=secret)
    for key in options.keys:
        if key.secret == secret:
            return key
    raise Refusal(401, "UNAUTHORIZED", "Invalid API key.")


def authorize(key: Key, *, write: bool) -> None:
    """Whether the key may manage. Raises: Refusal 403."""
    if write and key.type not in _MANAGERS:
        raise Refusal(403, "FORBIDDEN", "This API key may not change anything.")


def actor_of(request: Request, key: Key) -> Actor:
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
    prefix, _, rest = key.secret.partition(".")
    return Actor(
        type="API_KEY",
        source="API",
        api_key_prefix=prefix if rest else key.secret[:4],
        api_key_name=key.name,
        client_name=client or None,
        client_version=version or None,
    )
