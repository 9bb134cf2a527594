"""What the key can see: asked with reads alone, so that asking changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gitops.baseten.transport import Call, Transport
from gitops.errors import AccessDenied, NotFound, RequestRefused
from gitops.state.access import Access, Sight

_OF_ALL: Final = (
    ("hardware and prices", "/v1/instance_type_prices"),
    ("names of secrets", "/v1/secrets"),
    ("audit log", "/v1/audit_logs"),
)
_OF_A_MODEL: Final = (
    ("audit log of a model", "/v1/models/{}/audit_logs"),
    ("metrics of an environment", "/v1/models/{}/environments/production/metrics"),
)


def access(transport: Transport) -> Access:
    """What there is for this key.

    Raises ``AccessDenied`` for a wrong key, and ``Unavailable`` where Baseten is not reached.
    """
    asked = transport.clock.now()
    models = transport.get("/v1/models").get("models")
    listed = models if isinstance(models, list) else []
    me = _optional(transport, "/v1/users/me")
    keys = _optional(transport, "/v1/api_keys")
    endpoints = [(name, _sight(transport, form)) for name, form in _OF_ALL]
    first = next((each.get("id") for each in listed if isinstance(each, Mapping)), None)
    if isinstance(first, str):
        endpoints += [(name, _sight(transport, form, first)) for name, form in _OF_A_MODEL]
    name = me.get("workspace_name") if me else None
    return Access(
        workspace=name if isinstance(name, str) and name else None,
        key_type=_type_of(keys, transport.endpoint.api_key.prefix),
        models=len(listed),
        endpoints=tuple(endpoints),
        server_time=transport.server_time,
        asked=asked,
    )


def _optional(transport: Transport, form: str) -> Mapping[str, Any] | None:
    try:
        return transport.get(form)
    except (AccessDenied, NotFound, RequestRefused):
        return None


def _sight(transport: Transport, form: str, *ids: str) -> Sight:
    try:
        transport.send(Call(method="GET", form=form, ids=ids, params={}))
    except AccessDenied:
        return "hidden"
    except (NotFound, RequestRefused):
        return "absent"
    return "there"


def _type_of(keys: Mapping[str, Any] | None, prefix: str | None) -> str | None:
    listed = keys.get("keys") if keys else None
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, Mapping) and prefix is not None and each.get("prefix") == prefix:
            return str(each.get("type"))
    return None
