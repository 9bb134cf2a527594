"""Puts the example fleet into the wheel: `gitops demo` then needs no checkout."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FleetBuildHook(BuildHookInterface):
    """An editable install needs no copy: there the demo takes the checkout's own files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the fleet's files to a wheel that is to be published."""
        if version == "standard":
            for part in ("checks", "gitops.yaml", "releases", "trusses"):
                build_data["force_include"][part] = f"gitops/demo/fleet/{part}"
