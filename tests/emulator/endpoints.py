"""What the emulator answers, endpoint by endpoint, read from its routes and their handlers.

A handler's docstring says what a request does; its paragraph `Differs:` where the answer is known
not to be Baseten's. Run as a program it prints `docs/emulator-endpoints.md`.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gitops.emulator.http import absent, inference
from gitops.emulator.http.call import Route
from gitops.emulator.http.limits import LIMITS
from gitops.emulator.http.routes import ROUTES

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "emulator-endpoints.md"
DIFFERS = "Differs: "

TARGETS = (
    ("production/OPERATION", "production"),
    ("environments/{env_name}/OPERATION", "an environment"),
    ("deployment/{deployment_id}/OPERATION", "one deployment"),
    ("development/OPERATION", "the development slot"),
)
OPERATIONS = {
    "predict": "Ask the model; streamed where it streams.",
    "wake": "Start a replica where there is none; 202.",
    "async_predict": "Leave a request to be answered later; its result goes to the webhook.",
    "async_queue_status": "How many asynchronous requests wait.",
}
"""What the inference plane does, one sentence an operation that it knows."""

HEAD = f"""\
# What the emulator answers

<!-- Made from the handlers' docstrings by `make endpoints`. -->

Every endpoint of [the emulator](emulator.md), and where it is known not to answer as Baseten does.
Where no source says what Baseten does, [what is known of Baseten](baseten.md) has the fact, and the
switch that chooses. Names in the last column are fields of `gitops.emulator.Options`.

`newer`: the platform of July (`--mode july`) has no such endpoint, and answers 404. Unless a row
says otherwise a key may send {LIMITS["default"][0]} requests a second to each endpoint.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row. `group` is the module's own sentence about what its endpoints are."""

    group: str
    request: str
    says: str
    differs: str
    remarks: tuple[str, ...]


def endpoint(route: Route) -> Endpoint:
    """A route with what its handler says.

    Raises:
        ValueError: the handler says nothing.
    """
    text = inspect.getdoc(route.handler)
    if not text:
        raise ValueError(f"{route.method} {route.path}: its handler has no docstring")
    says, *more = (" ".join(part.split()) for part in text.split("\n\n"))
    differs = [part.removeprefix(DIFFERS) for part in more if part.startswith(DIFFERS)]
    module = inspect.getdoc(sys.modules[route.handler.__module__]) or ""
    return Endpoint(
        group=module.partition("\n")[0].rstrip("."),
        request=f"{route.method} {route.path}",
        says=says,
        differs=" ".join(differs),
        remarks=tuple(_remarks(route)),
    )


def _remarks(route: Route) -> Iterator[str]:
    if route.since == "newest":
        yield "newer"
    if route.aliases:
        yield "also " + ", ".join(f"`{each}`" for each in route.aliases)
    if route.limit != "default":
        count, seconds = LIMITS[route.limit]
        yield f"{count} a {'minute' if seconds == 60 else 'second'}"


def endpoints() -> list[Endpoint]:
    """All of them, in the order of the routes."""
    return [endpoint(route) for route in ROUTES]


def page() -> str:
    """The Markdown page."""
    return "\n".join([HEAD, *_management(), *_inference(), *_products(), *_rest()])


def _table(*head: str) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _management() -> Iterator[str]:
    for group, members in groupby(endpoints(), key=lambda each: each.group):
        yield f"## {group}\n"
        yield from _table("request", "what it does", "where it differs from Baseten")
        for each in members:
            request = f"`{each.request}`"
            if each.remarks:
                request += f" ({'; '.join(each.remarks)})"
            yield _row(request, each.says, each.differs)
        yield ""


def _inference() -> Iterator[str]:
    yield "## The inference plane\n"
    yield (
        "Below `/inference/{model_id}/`: the model's id is in the path instead of in the host's\n"
        "name. [How trusses are run](emulator.md#what-a-deployment-answers) has a chapter.\n"
    )
    yield from _table("path", "who answers")
    for path, who in TARGETS:
        yield _row(f"`{path}`", who)
    yield ""
    yield from _table("operation", "what it does")
    for name, method in inference.OPERATIONS.items():
        yield _row(f"`{method} {name}`", OPERATIONS[name])
    yield _row("`sync/{route}`", "A route of a custom server, with any method.")
    yield ""
    yield (
        "And `GET` and `DELETE async_request/{request_id}`: how an asynchronous request stands;\n"
        "cancel it. gRPC, WebSockets and the hosts of regional environments are not there.\n"
    )


def _products() -> Iterator[str]:
    yield "## Products that are not emulated\n"
    yield (
        "The workspace never used them: these lists are empty, nothing is found by an id (404),\n"
        "and whoever begins is told that the product is not enabled (403).\n"
    )
    yield from _table("product", "empty lists")
    for product in absent.PRODUCTS:
        lists = ", ".join(f"`GET /v1{path}`" for path in product.lists)
        yield _row(product.name, lists)
    yield ""


def _rest() -> Iterator[str]:
    yield (
        "Any other path below `/v1/` is a 404. The upload's S3, the page at `/` and the control\n"
        "endpoints are the emulator's own, and in [its description](emulator.md).\n"
    )


def switches() -> set[str]:
    """The names of options that the differences mention."""
    return {name for each in endpoints() for name in re.findall(r"`([^`]+)`", each.differs)}


if __name__ == "__main__":
    sys.stdout.write(page())
