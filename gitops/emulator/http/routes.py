"""All management routes, and finding the one that a request means."""

from __future__ import annotations

from urllib.parse import unquote

from gitops.emulator.http import (
    account,
    audit,
    deployments,
    environments,
    groups,
    keys,
    models,
    observability,
    promotions,
    secrets,
    startups,
)
from gitops.emulator.http.call import Route

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *keys.ROUTES,
    *secrets.ROUTES,
    *groups.ROUTES,
    *models.ROUTES,
    *deployments.ROUTES,
    *environments.ROUTES,
    *promotions.ROUTES,
    *observability.ROUTES,
    *startups.ROUTES,
    *audit.ROUTES,
)

_BY_LENGTH: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
for _route in ROUTES:
    _parts = tuple(_route.path.split("/"))
    _BY_LENGTH.setdefault(len(_parts), []).append((_parts, _route))

_SLOT_WORDS = frozenset({"production", "development"})


def find(method: str, raw_path: str, *, july: bool) -> tuple[Route, dict[str, str]] | bool:
    """The route and its path parameters; True where only the method is wrong, else False."""
    segments = raw_path.split("/")
    known = False
    for parts, route in _BY_LENGTH.get(len(segments), []):
        params = _match(parts, segments)
        if params is None or (july and route.since == "newest"):
            continue
        deployment = params.get("deployment_id")
        if deployment in _SLOT_WORDS and deployment not in route.aliases:
            continue
        known = True
        if route.method == method:
            return route, params
    return known


def _match(parts: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    params: dict[str, str] = {}
    for part, segment in zip(parts, segments, strict=True):
        if part.startswith("{"):
            if not segment:
                return None
            params[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return params
