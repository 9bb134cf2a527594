"""The page over HTTP.

It needs no key, because it shows no secret and changes nothing. Its headers forbid scripts and
styles but its own, frames, and reading it from other sites.
"""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from starlette.responses import Response

from gitops.emulator.page.history import History
from gitops.emulator.page.values import Question, Show
from gitops.emulator.page.workspace import read

if TYPE_CHECKING:
    from starlette.requests import Request

    from gitops.emulator.world.world import World

ROOT = "/"
FILES = {
    "/page/style.css": "text/css",
    "/page/live.js": "text/javascript",
    "/page/icon.svg": "image/svg+xml",
}
_LONGEST_TEXT = 200
_LAST_PAGE = 1_000_000
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_page(path: str) -> bool:
    """Whether a path is the page's or one of its files'."""
    return path == ROOT or path in FILES


def respond(request: Request, world: World, history: History) -> Response:
    """The page, one of its files, or a refusal."""
    if request.method not in {"GET", "HEAD"}:
        return _text(405, "This page is only to look at.", Allow="GET, HEAD")
    path = request.url.path
    if path != ROOT:
        return Response(_file(path), headers=_HEADERS, media_type=FILES[path])
    # The first page pays for the template library, not the start of every emulator.
    from gitops.emulator.page.render import html

    began = time.perf_counter()
    workspace = read(world, history, _question(request))
    body = html(workspace, time.perf_counter() - began)
    return Response(body, headers=_HEADERS, media_type="text/html")


def _question(request: Request) -> Question:
    asked = request.query_params
    show: Show = next((each for each in get_args(Show) if each == asked.get("show")), "all")
    page = asked.get("page", "")
    return Question(
        text=asked.get("q", "").strip()[:_LONGEST_TEXT],
        show=show,
        page=min(int(page), _LAST_PAGE)
        if page.isascii() and page.isdigit() and len(page) < 9
        else 1,
    )


def _text(status: int, text: str, **headers: str) -> Response:
    return Response(text + "\n", status, headers={**_HEADERS, **headers}, media_type="text/plain")


@cache
def _file(path: str) -> bytes:
    return (Path(__file__).parent / "static" / Path(path).name).read_bytes()
