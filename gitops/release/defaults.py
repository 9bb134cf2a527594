"""How gitops.yaml's defaults and a release file become one: by key, and the nearer value wins.

Lists and scalars are replaced whole. An environment's defaults never create an environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_EITHER: Final = {"commit": "deployment", "deployment": "commit"}
WHOLE: Final = frozenset({"schema", "equals"})
"""Keys of an expectation whose maps are values, not settings: replaced, never merged."""


def merged(far: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """``near`` over ``far``; both stay as they are. In the order of ``far``, then ``near``."""
    result = dict(far)
    for key, value in near.items():
        below = result.get(key)
        if isinstance(below, dict) and isinstance(value, dict) and key not in WHOLE:
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def environment(far: Mapping[str, Any], near: Mapping[str, Any]) -> dict[str, Any]:
    """An environment over its defaults; the file's ``deployment`` ends the defaults' ``commit``."""
    result = merged(far, near)
    for key, other in _EITHER.items():
        if key in near and other not in near:
            result.pop(other, None)
    return result


def release(defaults: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """A release file over gitops.yaml's ``defaults``; wrong types are left as they are.

    ``defaults`` is the whole of gitops.yaml. Environments keep the release file's order.
    """
    result = dict(document)
    given = defaults.get("defaults")
    if not isinstance(given, dict):
        return result
    below, environments = given.get("environments"), document.get("environments")
    if isinstance(below, dict) and isinstance(environments, dict):
        result["environments"] = {
            name: environment(below[name], value)
            if isinstance(value, dict) and isinstance(below.get(name), dict)
            else value
            for name, value in environments.items()
        }
    checks, own = given.get("checks"), document.get("checks", {})
    if isinstance(checks, dict) and checks and isinstance(own, dict):
        result["checks"] = {**checks, **own}
    return result
