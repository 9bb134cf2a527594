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


class Unread(Exception):
    """A row asked for a fact that was not read. Never leaves ``decide``."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(fact.value)
        self.fact = fact
