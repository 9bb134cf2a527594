"""``limits.max_changed``: one commit should not change most of a fleet by accident."""

from __future__ import annotations

from typing import Final

from gitops.plan.model import Plan
from gitops.state.desired import Limits

SMALL: Final = 5
"""Up to so many managed models nothing is judged: there, one of two is a usual change."""


def exceeded(plan: Plan, limits: Limits) -> str | None:
    """The sentence, where more than the allowed share of the managed models would change."""
    managed = plan.managed
    changed = plan.summary.changed
    if managed <= SMALL or changed <= limits.max_changed * managed:
        return None
    return (
        f"{changed} of {managed} models would change, and limits.max_changed allows "
        f"{limits.max_changed * 100:g} %"
    )
