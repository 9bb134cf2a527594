"""``gitops emulator``: a program of its own that this group only lends its name to."""

from __future__ import annotations

from gitops.emulator.command import command

__all__ = ["command"]
