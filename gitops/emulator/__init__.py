"""A Baseten that runs on this machine.

It speaks the management API, the inference API and as much S3 as an upload needs, over
real HTTP on 127.0.0.1, and imports nothing of the tool that it is used to test.

    world/      what exists and what happens to it: no HTTP, no clock, no files
    runtime/    trusses: unpacked, run in processes of their own, or echoed
    http/       one small module a resource; a table of routes; faults, journal, limits
    emulator.py joins them and keeps the time; server.py listens; launch.py is the command

In tests:

    with gitops.emulator.running(speed=600) as emulator:
        client = ManagementClient(api_key=emulator.api_key, base_url_override=emulator.api_url)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gitops.emulator.background import Running, running
    from gitops.emulator.clock import ManualClock
    from gitops.emulator.options import Durations, Key, Options

__all__ = ["Durations", "Key", "ManualClock", "Options", "Running", "running"]

_HOMES = {
    "Durations": "options",
    "Key": "options",
    "ManualClock": "clock",
    "Options": "options",
    "Running": "background",
    "running": "background",
}


def __getattr__(name: str) -> Any:
    """Import on first use: the command line must not pay for the server."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
