"""Who may ask at all: programs of this machine, and no web page that its user happens to look at.

Any page can make a browser send requests to 127.0.0.1, and whoever may push a truss has code run
here. A page elsewhere betrays itself by its ``Origin``; one whose own name was made to resolve to
127.0.0.1, by the ``Host`` that it asks for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.requests import Request

_PORT = re.compile(r":\d*$", re.ASCII)
_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


def turned_away(request: Request) -> tuple[int, str] | None:
    """The status and reason for a visitor who may not ask; None for one who may."""
    if not _is_own(request.headers.get("host", "")):
        return 421, "The emulator answers to 127.0.0.1 and localhost only."
    origin = request.headers.get("origin")
    if origin is not None and not _is_own(urlsplit(origin).netloc):
        return 403, "The emulator answers no web page but its own."
    return None


def _is_own(host: str) -> bool:
    return _PORT.sub("", host.lower()) in _OWN_NAMES
