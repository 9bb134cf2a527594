"""Facts that cost a request or a walk through history, read only when a row asks for them."""

from __future__ import annotations

from enum import Enum


class Fact(Enum):
    """A part of a ``Situation`` that is not there from the beginning."""

    DEPLOYMENTS = "deployments"
    """``live.deployments``."""
    AUDIT = "audit"
    """``audit``."""
    ASKED = "asked"
    """``asked``."""
