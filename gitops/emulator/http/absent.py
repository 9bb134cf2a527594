"""Products of Baseten that the emulator does not have: it is a workspace that never used them.

Lists are empty, nothing is found by an id, and whoever wants to begin is told that the product is
not enabled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitops.emulator.world.refusal import Refusal, not_found

_TEAM = r"(?:/teams/[^/]+)?"
_PAGE = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is not emulated: its paths below `/v1`, and the lists among them by their key."""

    name: str
    paths: str
    """A regular expression that every path of the product begins with."""
    lists: Mapping[str, str] = field(default_factory=dict)


PRODUCTS: tuple[Product, ...] = (
    Product(name="Chains", paths="/chains", lists={"/chains": "chains"}),
    Product(
        name="Training",
        paths=rf"{_TEAM}/training_projects|/training/|/training_jobs/|/blobs/",
        lists={
            "/training_projects": "training_projects",
            "/training/capacity": "gpu_capacities",
        },
    ),
    Product(
        name="Loops",
        paths=rf"{_TEAM}/loops/",
        lists={
            "/loops/capabilities": "supported_models",
            "/loops/checkpoints": "checkpoints",
            "/loops/deployments": "deployments",
            "/loops/runs": "runs",
            "/loops/samplers": "samplers",
        },
    ),
    Product(name="BIS-LLM", paths=rf"{_TEAM}/llm_models"),
    Product(
        name="Model APIs",
        paths="/model_apis",
        lists={"/model_apis": _PAGE, "/model_apis/usage": _PAGE},
    ),
    Product(
        name="Billing",
        paths="/billing/",
        lists={"/billing/model_apis": _PAGE},
    ),
    Product(
        name="Gateway",
        paths="/gateway/",
        lists={f"/gateway/{each}": _PAGE for each in ("endpoints", "events", "groups")},
    ),
    Product(
        name="Grid",
        paths="/grid/",
        lists={
            f"/grid/{each}": _PAGE
            for each in (
                "classifiers",
                "connections",
                "routes",
                "routes/usage",
                "team_settings/users",
            )
        },
    ),
    Product(
        name="Library listings",
        paths="/library_listings|/explore/",
        lists={"/library_listings": "listings", "/explore/metadata": _PAGE},
    ),
    Product(
        name="Sandboxes",
        paths="/sandboxes/",
        lists={"/sandboxes/configuration": "regions", "/sandboxes/library_images": _PAGE}
        | {f"/sandboxes/{each}": _PAGE for each in ("images", "instances")},
    ),
    Product(
        name="Volumes",
        paths="/volumes",
        lists={"/volumes": _PAGE, "/volumes/namespaces": _PAGE, "/volumes/syncs": _PAGE},
    ),
    Product(name="Tokens", paths="/token$"),
    Product(name="Live patches", paths="/models/[^/]+/deployments/[^/]+/patches"),
    Product(name="SSH", paths="/models/[^/]+/deployments/[^/]+/ssh/"),
)
"""Everything that the official SDK has operations for and the emulator has not."""

_PATTERNS = [(re.compile(f"(?:{each.paths})"), each) for each in PRODUCTS]
_ROOTS = 3
"""A path with more parts than `/loops/runs` below `/v1` names something by its id."""


def product_of(path: str) -> Product | None:
    """The product that a path (with its `/v1`) belongs to."""
    below = path.removeprefix("/v1")
    return next((product for pattern, product in _PATTERNS if pattern.match(below)), None)


def find(method: str, path: str) -> dict[str, Any] | None:
    """The answer for a workspace without the product; None where the path means nothing.

    Raises:
        Refusal: 404 for what would have an id, 403 for beginning.
    """
    product = product_of(path)
    if product is None:
        return None
    key = product.lists.get(path.removeprefix("/v1"))
    if method == "GET" and key is not None:
        empty: dict[str, Any] = {key: []}
        return empty | ({"pagination": {"has_more": False, "cursor": None}} if key == _PAGE else {})
    if method != "POST" and path.count("/") >= _ROOTS:
        raise not_found(product.name)
    raise Refusal(403, "FORBIDDEN", f"{product.name} is not enabled for this organization.")
