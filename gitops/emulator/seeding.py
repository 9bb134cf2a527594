"""`gitops emulator seed`: a large fleet in a state file, or in an emulator that runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

_SECONDS = 120.0
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})


class SeedError(Exception):
    """Nothing was added; says why, and what to do."""


def into_file(path: Path, models: int, environments: Sequence[str]) -> None:
    """Add models to a state that no emulator has open, in one transaction.

    Raises:
        StateError: the file cannot be used.
        SeedError: an environment's name is wrong; then nothing is added.
    """
    from gitops.emulator.clock import WallClock
    from gitops.emulator.emulator import Emulator
    from gitops.emulator.folders import own_folder
    from gitops.emulator.options import Options
    from gitops.emulator.world.create import seed
    from gitops.emulator.world.refusal import Refusal

    async def add() -> None:
        with own_folder() as folder:
            emulator = Emulator(Options(state=path), WallClock(), folder)
            try:
                seed(emulator.world, models, environments=tuple(environments))
                emulator.save()
            finally:
                await emulator.stop()

    try:
        asyncio.run(add())
    except Refusal as refusal:
        raise SeedError(refusal.message) from None


def into_running(url: str, models: int, environments: Sequence[str]) -> None:
    """Add models to an emulator that runs on this machine with `--control`.

    Raises:
        SeedError: nothing answers there, or it is no emulator with control endpoints.
    """
    if urlsplit(url).hostname not in _HERE:
        raise SeedError(f"{url} is not on this machine: only an emulator can be seeded.")
    body = json.dumps({"models": models, "environments": list(environments)}).encode()
    request = Request(  # noqa: S310 - it is http on this machine
        f"{url.rstrip('/')}/__emulator__/seed",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=_SECONDS):
            return
    except HTTPError as refused:
        if refused.code == 404:
            raise SeedError(f"{url} has no control endpoints; start it with --control.") from None
        raise SeedError(f"{url} answered {refused.code}: {refused.read().decode()}") from None
    except (URLError, OSError) as problem:
        reason = getattr(problem, "reason", problem)
        raise SeedError(f"No emulator answers at {url}: {reason}.") from None
